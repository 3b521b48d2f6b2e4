"""XLSX and Parquet contain exactly the rows of a query, and are written in constant memory."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from openpyxl.utils.escape import unescape
from pyarrow import parquet

from reporting.formats import parquet as parquet_format
from reporting.formats import xlsx
from reporting.formats.parquet import write_parquet
from reporting.formats.xlsx import write_xlsx
from reporting.query.columns import METRICS, QueryColumn, RowWriter, columns_of

COLUMNS = columns_of(["hour", "day", "offer", "partner", "os"], METRICS)
NAMES = [column.name for column in COLUMNS]
OFFER, PARTNER = UUID("3fa85f64-5717-4562-b3fc-2c963f66afa6"), UUID("7df30136-ff83-4551-b877-fa0f0d8b8f72")
BERLIN = ZoneInfo("Europe/Berlin")
META = {"range": "2024-10-27T00:00:00+02:00/2024-10-28T00:00:00+01:00", "timeZone": "Europe/Berlin", "complete": True}


class Rows:
    """Stands in for the rows of a query, `size` at a time; fails after the last row with `error`."""

    def __init__(
        self,
        rows: Iterable[tuple[Any, ...]],
        columns: tuple[QueryColumn, ...] = COLUMNS,
        size: int = 3,
        error: Exception | None = None,
        **meta: object,
    ) -> None:
        self.columns = columns
        self._rows = list(rows)
        self._size = size
        self._error = error
        self._meta = META | meta
        self._sent = 0

    @property
    def meta(self) -> dict[str, Any]:
        return self._meta | {"rows": self._sent}

    async def batches(self) -> AsyncIterator[list[tuple[Any, ...]]]:
        for start in range(0, len(self._rows), self._size):
            batch = self._rows[start : start + self._size]
            self._sent += len(batch)
            yield batch
        if self._error:
            raise self._error


def written(write: RowWriter, rows: Rows, chunks: list[bytes] | None = None) -> bytes:
    sent: list[bytes] = [] if chunks is None else chunks

    async def send_chunk(chunk: bytes) -> None:
        sent.append(chunk)

    asyncio.run(write(rows, send_chunk))
    return b"".join(sent)


def row(number: int = 0, **values: object) -> tuple[Any, ...]:
    given = {
        "id": f"{number:032x}",
        "hour": datetime(2024, 10, 27, 2, tzinfo=BERLIN),
        "day": date(2024, 10, 27),
        "offerId": OFFER,
        "offerName": "Advertised Test",
        "partnerId": PARTNER,
        "partnerName": "Limestone Digital",
        "os": "IOS",
        "cost": Decimal("69.500000"),
        "conversions": 3,
        "clicks": 5,
        "views": 7,
        "costPerConversion": Decimal("23.166667"),
        "costPerClick": Decimal("13.900000"),
        "conversionRate": Decimal("0.600000"),
        "clickRate": None,
        "state": "final",
        **values,
    }
    return tuple(given[name] for name in NAMES)


ROWS = [
    row(0),
    row(1, hour=datetime(2024, 10, 27, 2, tzinfo=BERLIN, fold=1)),
    row(2, offerId=None, offerName=None, partnerId=None, partnerName=None, os=None, cost=Decimal(0), clickRate=None),
    row(3, cost=Decimal("123456789012345678901234567890.123456"), views=2**62),
    row(4, cost=Decimal("0.000001"), clickRate=Decimal("0.000000"), conversions=0),
    row(5, cost=Decimal("123456789.123456"), offerName="=1+1", partnerName='<b>"Ä & 東京"</b>\n two', os=" +1 "),
    row(6, cost=Decimal("1234567890.123456"), offerName="@SUM(A1)", partnerName="a\x01b_x0041_\r\x0b", os=""),
]


# --- XLSX ---


def workbook(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def sheet_values(content: bytes) -> list[list[Any]]:
    """The values of all worksheets without their headings, which are checked."""
    values = []
    for sheet in workbook(content).worksheets:
        headings, *rows = sheet.iter_rows(values_only=True)
        assert list(headings) == NAMES
        values += [[unescape(value) if isinstance(value, str) else value for value in row] for row in rows]
    return values


def expected_in_excel(value: object) -> object:
    """Numbers of up to 15 digits; other numbers, ids and instants as text."""
    match value:
        case datetime() | UUID():
            return value.isoformat() if isinstance(value, datetime) else str(value)
        case date():
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001 (as openpyxl reads dates)
        case Decimal() | int() if len(f"{value:f}".rstrip("0").strip(".").replace(".", "").lstrip("0")) > 15:
            return str(value)
        case Decimal():
            return float(value)
    return value


def test_xlsx_has_every_value_exactly() -> None:
    assert sheet_values(written(write_xlsx, Rows(ROWS))) == [[*map(expected_in_excel, row)] for row in ROWS]


def test_xlsx_writes_numbers_as_numbers_with_all_their_digits_and_longer_ones_as_text() -> None:
    sheet = workbook(written(write_xlsx, Rows(ROWS))).worksheets[0]
    cost = [(cell.data_type, cell.value) for cell in list(sheet.columns)[NAMES.index("cost")]][1:]
    assert cost[5:] == [("n", 123456789.123456), ("s", "1234567890.123456")]
    assert cost[3] == ("s", "123456789012345678901234567890.123456")
    with zipfile.ZipFile(io.BytesIO(written(write_xlsx, Rows(ROWS)))) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<v>123456789.123456</v>" in xml
    assert "<v>0.000001</v>" in xml


def test_xlsx_has_no_formulas() -> None:
    content = written(write_xlsx, Rows(ROWS))
    sheet = workbook(content).worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s", "n", "d"}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


def test_xlsx_continues_on_further_worksheets() -> None:
    async def write(rows: Any, send_chunk: Any) -> None:
        await write_xlsx(rows, send_chunk, max_rows=4)

    rows = [row(number) for number in range(9)]
    content = written(write, Rows(rows))
    book = workbook(content)
    assert [(sheet.title, sheet.max_row) for sheet in book.worksheets] == [
        ("Report", 5),
        ("Report 2", 5),
        ("Report 3", 2),
    ]
    assert [sheet.sheet_view.tabSelected for sheet in book.worksheets] == [True, None, None]
    assert [values[0] for values in sheet_values(content)] == [row[0] for row in rows]


def test_xlsx_starts_another_worksheet_when_one_gets_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_BYTES", 3_000)
    content = written(write_xlsx, Rows([row(number) for number in range(5)]))
    assert len(workbook(content).worksheets) == 2
    assert len(sheet_values(content)) == 5


def test_a_sheet_that_is_just_full_has_no_empty_one_after_it() -> None:
    async def write(rows: Any, send_chunk: Any) -> None:
        await write_xlsx(rows, send_chunk, max_rows=3)

    assert len(workbook(written(write, Rows([row(number) for number in range(3)]))).worksheets) == 1


def test_xlsx_has_the_meta_in_its_properties() -> None:
    book: Any = workbook(written(write_xlsx, Rows(ROWS, snapshot="s" * 300)))
    custom = {one.name: one.value for one in book.custom_doc_props.props}
    assert custom == {"range": META["range"], "timeZone": "Europe/Berlin", "complete": "true", "rows": str(len(ROWS))}
    assert json.loads(str(book.properties.description)) == META | {"rows": len(ROWS), "snapshot": "s" * 300}


def test_dates_before_excels_calendar_are_text() -> None:
    rows = [row(0, day=date(1900, 2, 28)), row(1, day=date(1900, 3, 1)), row(2, day=date(1, 1, 1))]
    days = [values[NAMES.index("day")] for values in sheet_values(written(write_xlsx, Rows(rows)))]
    assert days == ["1900-02-28", datetime(1900, 3, 1), "0001-01-01"]  # noqa: DTZ001


def test_pandas_reads_xlsx() -> None:
    frame = pd.read_excel(io.BytesIO(written(write_xlsx, Rows(ROWS))))
    assert list(frame.columns) == NAMES
    assert frame["cost"].tolist()[4:6] == [0.000001, 123456789.123456]


# --- Parquet ---


def expected_in_parquet(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC)
        case UUID():
            return str(value)
    return value


def test_parquet_has_every_value_exactly() -> None:
    table = parquet.read_table(io.BytesIO(written(write_parquet, Rows(ROWS))))
    assert [list(row.values()) for row in table.to_pylist()] == [[*map(expected_in_parquet, row)] for row in ROWS]


def test_parquet_has_exact_types_and_only_columns_that_can_be_null_are_nullable() -> None:
    schema = parquet.read_schema(io.BytesIO(written(write_parquet, Rows([]))))
    assert schema.names == NAMES
    assert [schema.field(name).type for name in ("cost", "clickRate")] == [pa.decimal128(38, 6)] * 2
    assert schema.field("day").type == pa.date32()
    assert schema.field("hour").type == pa.timestamp("us", "UTC")
    assert [field.nullable for field in schema] == [column.nullable for column in COLUMNS]


def test_parquet_is_written_by_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_format, "ROWS_PER_GROUP", 4)
    chunks: list[bytes] = []
    content = written(write_parquet, Rows([row(number) for number in range(14)]), chunks)
    groups = parquet.ParquetFile(io.BytesIO(content)).metadata
    assert [groups.row_group(index).num_rows for index in range(groups.num_row_groups)] == [6, 6, 2]
    assert len([chunk for chunk in chunks if len(chunk) > 1_000]) == 3


def test_parquet_has_the_meta_in_its_metadata() -> None:
    metadata = parquet.read_metadata(io.BytesIO(written(write_parquet, Rows(ROWS)))).metadata
    assert json.loads(metadata[b"gokart"]) == META | {"rows": len(ROWS)}


def test_duckdb_and_pandas_read_parquet(tmp_path: Any) -> None:
    path = tmp_path / "report.parquet"
    path.write_bytes(written(write_parquet, Rows(ROWS)))
    costs = [dict(zip(NAMES, row, strict=True))["cost"] for row in ROWS]
    with duckdb.connect() as db:
        assert [cost for (cost,) in db.execute("SELECT cost FROM read_parquet(?)", [str(path)]).fetchall()] == costs
    assert pd.read_parquet(path)["cost"].tolist() == costs


# --- both ---

WRITERS = [pytest.param(write_xlsx, id="xlsx"), pytest.param(write_parquet, id="parquet")]


@pytest.mark.parametrize("write", WRITERS)
def test_no_rows_are_an_empty_table(write: RowWriter) -> None:
    content = written(write, Rows([]))
    read = pd.read_excel if write is write_xlsx else pd.read_parquet
    frame = read(io.BytesIO(content))
    assert (list(frame.columns), len(frame)) == (NAMES, 0)


@pytest.mark.parametrize("write", WRITERS)
def test_a_query_that_fails_leaves_a_file_that_no_program_opens(write: RowWriter) -> None:
    chunks: list[bytes] = []
    with pytest.raises(ConnectionError):
        written(write, Rows([row(number) for number in range(50)], size=7, error=ConnectionError("gone")), chunks)
    read = pd.read_excel if write is write_xlsx else pd.read_parquet
    with pytest.raises((zipfile.BadZipFile, pa.ArrowInvalid, ValueError)):
        read(io.BytesIO(b"".join(chunks)), **({"engine": "openpyxl"} if write is write_xlsx else {}))


@pytest.mark.parametrize("write", WRITERS)
def test_a_client_that_is_gone_ends_the_file(write: RowWriter) -> None:
    async def send_chunk(_: bytes) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        asyncio.run(write(Rows(ROWS), send_chunk))
