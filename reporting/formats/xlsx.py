"""Writes the rows of a query as an Excel workbook, which is sent while it is written, in constant memory.

XlsxWriter makes all parts of the workbook except the rows. It cannot send a workbook before the last row is known, so
the rows are written here, below the headings of its worksheets.
"""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from html import escape
from io import BytesIO
from typing import IO, Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile

from anyio.to_thread import run_sync

from reporting.formats.sink import Sink
from reporting.query.columns import ColumnKind, QueryColumn, QueryRows, SendChunk

MAX_ROWS = 1_048_575  # of data in a worksheet: Excel's limit, less the row of headings
MAX_BYTES = 2**30  # of a worksheet's XML; from 2 GiB on, a ZIP file has fields that Excel rejects in a streamed file
MAX_DIGITS = 15  # that Excel keeps of a number
FIRST_DATE = date(1900, 3, 1)  # before it, Excel counts a day that did not exist
EPOCH = date(1899, 12, 30)  # so that FIRST_DATE is day 61
LEVEL = 1  # of compression
MAX_PROPERTY = 255  # characters of a custom property

NUMBER_FORMATS: dict[ColumnKind, str] = {
    "integer": "0",
    "decimal": "0.00####",
    "ratio": "0.000000",
    "date": "yyyy-mm-dd",
}
WIDTHS: dict[ColumnKind, int] = {"text": 24, "uuid": 38, "datetime": 26}

END_OF_ROWS = "</sheetData>"
DIMENSION = re.compile(r"<dimension [^>]*/>")  # optional, and of the first row only
NULL = "/>"
STYLE = re.compile(r'<col min="(\d+)" max="\d+" [^>]*?style="(\d+)"')
SHEET = "xl/worksheets/sheet{}.xml"
NOT_IN_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9a-fA-F]{4}_)")


async def write_xlsx(rows: QueryRows, send_chunk: SendChunk, max_rows: int = MAX_ROWS) -> None:
    """Starts another worksheet after `max_rows`. If it raises, the file has no directory, and no program opens it."""
    with ExitStack() as stack:
        file = await run_sync(XlsxFile, rows.columns, max_rows)
        stack.callback(file.abandon)
        async for batch in rows.batches():
            await run_sync(file.add, batch)
            if chunk := file.sink.take():
                await send_chunk(chunk)
        await run_sync(file.finish, rows.meta)
        await send_chunk(file.sink.take())


class XlsxFile:
    """Imports XlsxWriter when it is created: it takes some 10 MB, which processes do without until they need it."""

    def __init__(self, columns: Sequence[QueryColumn], max_rows: int) -> None:
        self.sink = Sink()
        self._columns = columns
        self._max_rows = max_rows
        self._zip = ZipFile(self.sink, "w", ZIP_DEFLATED, compresslevel=LEVEL)
        from xlsxwriter.utility import xl_col_to_name

        parts = workbook_parts(columns, {}, 2)
        self._first, self._other = (DIMENSION.sub("", parts[SHEET.format(number)].decode()) for number in (1, 2))
        styles = {int(column) - 1: style for column, style in STYLE.findall(self._first)}
        self._writers = [cell_writer(column.kind, styles.get(index, "0")) for index, column in enumerate(columns)]
        cells = (f'<c r="{xl_col_to_name(index)}{{0}}"{{{index + 1}}}' for index in range(len(columns)))
        self._row = f'<row r="{{0}}">{"".join(cells)}</row>'.format
        self._sheets = 0
        self._start_sheet()

    def _start_sheet(self) -> None:
        self._sheets += 1
        self._sheet: IO[bytes] = self._zip.open(SHEET.format(self._sheets), "w")
        before, end, self._after = (self._first if self._sheets == 1 else self._other).partition(END_OF_ROWS)
        self._after = end + self._after
        self._rows = 0
        self._bytes = self._sheet.write(before.encode())

    def _end_sheet(self) -> None:
        self._sheet.write(self._after.encode())
        self._sheet.close()

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        while rows:
            if self._rows >= self._max_rows or self._bytes > MAX_BYTES:
                self._end_sheet()
                self._start_sheet()
            part, rows = rows[: self._max_rows - self._rows], rows[self._max_rows - self._rows :]
            cells = [map(write, values) for write, values in zip(self._writers, zip(*part, strict=True), strict=True)]
            numbers = range(self._rows + 2, self._rows + 2 + len(part))
            self._bytes += self._sheet.write("".join(map(self._row, numbers, *cells)).encode())
            self._rows += len(part)

    def finish(self, meta: dict[str, Any]) -> None:
        self._end_sheet()
        sheets = {SHEET.format(number) for number in range(1, self._sheets + 1)}
        for name, part in workbook_parts(self._columns, meta, self._sheets).items():
            if name not in sheets:
                self._zip.writestr(name, part)
        self._zip.close()

    def abandon(self) -> None:
        """Closes what an error left open. What that writes is not sent."""
        self._sheet.close()
        self._zip.close()


def workbook_parts(columns: Sequence[QueryColumn], meta: dict[str, Any], sheets: int) -> dict[str, bytes]:
    """The files of a workbook whose sheets have only their headings.

    `meta` is in its custom properties and, as JSON, in its comments.
    """
    from xlsxwriter import Workbook

    file = BytesIO()
    with Workbook(file, {"in_memory": True}) as workbook:
        formats = {kind: workbook.add_format({"num_format": text}) for kind, text in NUMBER_FORMATS.items()}
        bold = workbook.add_format({"bold": True})
        for number in range(1, sheets + 1):
            sheet = workbook.add_worksheet("Report" if number == 1 else f"Report {number}")
            sheet.freeze_panes(1, 0)
            sheet.write_row(0, 0, [column.name for column in columns], bold)
            for index, column in enumerate(columns):
                sheet.set_column(index, index, WIDTHS.get(column.kind, 14), formats.get(column.kind))
        workbook.set_properties({"title": "GoKart report", "comments": json.dumps(meta)})
        for name, value in meta.items():
            text = value if isinstance(value, str) else json.dumps(value)
            if len(text) <= MAX_PROPERTY:
                workbook.set_custom_property(name, text, "text")
    with ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def cell_writer(kind: ColumnKind, style: str) -> Callable[[Any], str]:
    """Writes a value as what follows the place of its cell, `<c r="A2"`."""
    match kind:
        case "text":
            return text_cell
        case "uuid":
            return uuid_cell
        case "datetime":
            return datetime_cell
        case "integer":
            return lru_cache(10_000)(partial(integer_cell, f' s="{style}"><v>'))
        case "decimal" | "ratio":
            return partial(decimal_cell, f' s="{style}"><v>')
        case "date":
            return lru_cache(10_000)(partial(date_cell, f' s="{style}"><v>'))


@lru_cache(10_000)
def text_cell(text: str | None) -> str:
    """Text is never a formula. What XML cannot contain is in Excel's notation, such as _x0001_."""
    if text is None:
        return NULL
    if NOT_IN_XML.search(text):
        text = NOT_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    space = ' xml:space="preserve"' if text.strip() != text else ""
    return f' t="inlineStr"><is><t{space}>{escape(text, quote=False)}</t></is></c>'


@lru_cache(10_000)
def uuid_cell(value: UUID | None) -> str:
    return NULL if value is None else text_cell(str(value))


def datetime_cell(value: datetime | None) -> str:
    """As text, with its UTC offset, since Excel has no time zones."""
    return NULL if value is None else text_cell(value.isoformat())


def integer_cell(opening: str, value: int | None) -> str:
    if value is None:
        return NULL
    text = str(value)
    return f"{opening}{text}</v></c>" if len(text) <= MAX_DIGITS else text_cell(text)


def decimal_cell(opening: str, value: Decimal | None) -> str:
    """Without an exponent and without zeros at the end of the decimals; as text if Excel would not keep all digits."""
    if value is None:
        return NULL
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(text) > MAX_DIGITS and len(text.replace(".", "").lstrip("-0")) > MAX_DIGITS:
        return text_cell(text)
    return f"{opening}{text}</v></c>"


def date_cell(opening: str, value: date | None) -> str:
    if value is None:
        return NULL
    if value < FIRST_DATE:
        return text_cell(value.isoformat())
    return f"{opening}{(value - EPOCH).days}</v></c>"
