"""What pandas, DuckDB, openpyxl and pyarrow read of the query in every format equals its JSON, to the last digit."""

import io
import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any

import duckdb
import httpx
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import json as arrow_json
from pyarrow import parquet

from reporting.query.columns import Metric, columns_of
from tests.support.large_report import database
from tests.support.sandbox import Sandbox, create_sandbox

pytestmark = pytest.mark.one_server("its figures are made by a join with generate_series()")

PATH = "/api/v1/reports/query"
METRICS: tuple[Metric, ...] = ("cost", "conversions", "costPerClick")
COLUMNS = columns_of(("day", "partner"), METRICS)
NAMES = [column.name for column in COLUMNS]
KINDS = {column.name: column.kind for column in COLUMNS}
SIZES = {  # by the number of rows
    0: {"date_from": "2023-01-01", "date_to": "2023-12-31"},
    10: {"date_from": "2024-01-01", "date_to": "2024-01-31", "limit": "10"},
    50_000: {"date_from": "2024-01-01", "date_to": "2024-12-31"},
}
XLSX_ROWS = 1_000
FILL = """
INSERT INTO {s}.offer (id, advertiser, name) VALUES (gen_random_uuid(), '{owner}', 'Advertised Test');
INSERT INTO {s}.partner (id, name) SELECT gen_random_uuid(), name
FROM unnest(
    ARRAY['=1+1', 'a,b "c"', E'two\nlines', ' Ä & <b>東京</b>', '1e5', 'null', 'NaN', '-1', 'true']
) name;
INSERT INTO {s}.partner (id, name) SELECT gen_random_uuid(), 'Partner ' || n FROM generate_series(11, 500) n;
INSERT INTO {s}.by_day (offer, bucket, partner, cost, conversions, clicks, views)
SELECT o.key, d::date, p.key, CASE n % 5 WHEN 0 THEN n WHEN 1 THEN 9 * 10 ^ 12 + n WHEN 2 THEN n * 10 ^ 6 WHEN 3 THEN 0
    ELSE 123456789012345 + n END, n, n % 3, 1
FROM {s}.offer o, {s}.partner p, generate_series('2024-01-01'::date, '2024-04-09', '1 day') d,
    LATERAL (SELECT p.key * 1000 + extract(doy FROM d)::int AS n) numbers
ORDER BY d, o.key, p.key
"""


@pytest.fixture(scope="module")
def get(http: httpx.Client) -> Callable[..., bytes]:
    """Gets the query of a size and format, of 100 days of 500 partners."""
    sandbox: Sandbox = create_sandbox(http)
    database(FILL.format(s=sandbox.tenant.schema, owner=sandbox.owner))

    @cache
    def content(size: int, format_: str, decimals: str = "number") -> bytes:
        parameters = {
            "time_zone": "UTC",
            "group_by": "day,partner",
            "metrics": ",".join(METRICS),
            "format": format_,
            "decimals": decimals,
        }
        response = sandbox.get(PATH, **(parameters | SIZES[size]))
        assert response.status_code == 200, response.text
        return response.content

    return content


def canonical(rows: Iterable[dict[str, Any]]) -> list[list[Any]]:
    """Numbers as Decimals, everything else as text, None for what is missing."""
    return [[canonical_value(KINDS[name], row[name]) for name in NAMES] for row in rows]


def canonical_value(kind: str, value: Any) -> Any:
    if value is None or value == "" or (isinstance(value, float) and isnan(value)):
        return None
    if kind in {"integer", "decimal", "ratio"}:
        return Decimal(str(value))
    return str(value)[:10] if kind == "date" else str(value)


@pytest.fixture(scope="module")
def expected(get: Callable[..., bytes]) -> Callable[[int], list[list[Any]]]:
    @cache
    def rows(size: int) -> list[list[Any]]:
        document = json.loads(get(size, "json"), parse_float=Decimal)
        assert len(document["data"]) == document["meta"]["rows"] == size
        return canonical(document["data"])

    return rows


def first_difference(found: list[list[Any]], expected: list[list[Any]]) -> object:
    """pytest would take minutes to compare all rows."""
    pairs = ((one, other) for one, other in zip(found, expected, strict=False) if one != other)
    return next(pairs, None) or (len(found) != len(expected) and (len(found), len(expected))) or None


def frame_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    whole = frame[frame["meta"].isna()] if "meta" in frame else frame  # the last line of NDJSON
    rows: list[dict[str, Any]] = whole.reindex(columns=NAMES).astype(object).to_dict("records")
    return rows


# --- readers: from the content of a response to its rows ---


def pandas_json(content: bytes) -> list[dict[str, Any]]:
    return frame_rows(pd.json_normalize(json.loads(content), "data"))


def pandas_ndjson(content: bytes) -> list[dict[str, Any]]:
    return frame_rows(pd.read_json(io.BytesIO(content), lines=True, dtype=False))


def pandas_csv(content: bytes) -> list[dict[str, Any]]:
    return frame_rows(pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False))


def pandas_xlsx(content: bytes) -> list[dict[str, Any]]:
    """The first rows: pandas takes a minute for all, which it reads with openpyxl."""
    return frame_rows(pd.read_excel(io.BytesIO(content), dtype=object, keep_default_na=False, nrows=XLSX_ROWS))


def pandas_parquet(content: bytes) -> list[dict[str, Any]]:
    return frame_rows(pd.read_parquet(io.BytesIO(content)))


def openpyxl_xlsx(content: bytes) -> list[dict[str, Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
    headings, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, headings), row, strict=True)) for row in rows]


def pyarrow_csv(content: bytes) -> list[dict[str, Any]]:
    options = arrow_csv.ConvertOptions(
        column_types={name: arrow_type(name) for name in NAMES}, strings_can_be_null=False
    )
    parsing = arrow_csv.ParseOptions(newlines_in_values=True)
    rows: list[dict[str, Any]] = arrow_csv.read_csv(
        io.BytesIO(content), convert_options=options, parse_options=parsing
    ).to_pylist()
    return rows


def pyarrow_ndjson(content: bytes) -> list[dict[str, Any]]:
    schema = pa.schema([(name, arrow_type(name)) for name in NAMES])
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    rows: list[dict[str, Any]] = arrow_json.read_json(io.BytesIO(content), parse_options=options).to_pylist()
    return rows[:-1]  # without the line of `meta`


def arrow_type(name: str) -> pa.DataType:
    kinds = {"integer": pa.int64(), "decimal": pa.decimal128(38, 6), "ratio": pa.decimal128(38, 6)}
    return kinds.get(KINDS[name], pa.string())


def pyarrow_parquet(content: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(content)).to_pylist()
    return rows


def duckdb_rows(query: str, path: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as db:
        rows: list[dict[str, Any]] = db.execute(query, [str(path)]).df().astype(object).to_dict("records")
        return rows


VARCHARS = "{" + ", ".join(f"{name}: 'VARCHAR'" for name in NAMES) + "}"
DUCKDB = {
    "json": f"""
        SELECT {", ".join(f"r ->> '{name}' AS {name}" for name in NAMES)}
        FROM (SELECT unnest(data) AS r FROM read_json(?, columns={{data: 'JSON[]'}}, maximum_object_size=100_000_000))
    """,
    "ndjson": f"SELECT * FROM read_json(?, format='newline_delimited', columns={VARCHARS}) WHERE id IS NOT NULL",
    "csv": "SELECT * FROM read_csv(?, header=true, all_varchar=true, delim=',', quote='\"', nullstr='')",
    "parquet": "SELECT * REPLACE (cost::VARCHAR AS cost, costPerClick::VARCHAR AS costPerClick) FROM read_parquet(?)",
}
READERS = {  # with the format that they read, and whether decimals are numbers in it or text
    pandas_json: ("json", "string"),
    pandas_ndjson: ("ndjson", "string"),
    pandas_csv: ("csv", "number"),
    pandas_xlsx: ("xlsx", "number"),
    pandas_parquet: ("parquet", "number"),
    openpyxl_xlsx: ("xlsx", "number"),
    pyarrow_ndjson: ("ndjson", "string"),
    pyarrow_csv: ("csv", "number"),
    pyarrow_parquet: ("parquet", "number"),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_a_library_reads_what_the_json_has(get: Callable[..., bytes], expected: Any, size: int, read: Any) -> None:
    rows = expected(size)[: XLSX_ROWS if read is pandas_xlsx else None]
    assert first_difference(canonical(read(get(size, *READERS[read]))), rows) is None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("format_", DUCKDB)
def test_duckdb_reads_what_the_json_has(
    get: Callable[..., bytes], expected: Any, size: int, format_: str, tmp_path: Path
) -> None:
    path = tmp_path / f"report.{format_}"
    path.write_bytes(get(size, format_, "string"))
    assert first_difference(canonical(duckdb_rows(DUCKDB[format_], path)), expected(size)) is None


def test_xlsx_and_parquet_have_the_meta(get: Callable[..., bytes]) -> None:
    meta = json.loads(get(10, "json"))["meta"]
    book = openpyxl.load_workbook(io.BytesIO(get(10, "xlsx")))
    in_parquet = parquet.read_metadata(io.BytesIO(get(10, "parquet"))).metadata[b"gokart"]
    for text in (str(book.properties.description), in_parquet):
        found = json.loads(text)
        assert {**found, "snapshot": ""} == {**meta, "snapshot": ""}
        assert found["snapshot"]
