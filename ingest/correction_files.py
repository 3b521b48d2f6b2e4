"""The CSV file of corrections: parsing the upload, and writing the invalid rows to be fixed."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import msgspec

from core.errors import GokartError
from core.spreadsheets import escape_formula, unescape_formula
from ingest.records import ConversionStatus

MAX_FILE_BYTES = 5 * 2**20
MAX_ROWS = 20_000
MAX_REASON_LENGTH = 10_000  # characters, as in a callback
COLUMNS = CLICK, CONVERSION, STATUS, REASON = ("ClickId", "ConversionId", "Status", "RejectionReason")
ADDED_COLUMNS = ("Row", "Problem")  # added to the file of invalid rows, and ignored when it is uploaded
# Of files that Piccolo Admin and GET /api/v1/conversions export, besides the status and the reason.
EXPORTED_ID = "id"  # identifies the conversion
EXPORTED_COLUMNS = (
    "occurred_at", "cost", "offer", "advertiser", "partner", "click", "received_at", "changed_at", "deleted", "cause",
    "offer_id", "offer_name", "partner_id", "partner_name", "click_id", "details", "history",
)  # fmt: skip
EXPORTED_NULL = "null"
STATUSES: dict[str, ConversionStatus] = {"pending": "Pending", "success": "Success", "rejected": "Rejected"}
MAX_QUOTED_LENGTH = 60  # characters of a cell in an error message
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class CorrectionsError(GokartError):
    """The file as a whole is invalid."""


class CellError(msgspec.Struct, frozen=True):
    """`column` is one of COLUMNS, or both id columns, or empty if the error concerns the row."""

    column: str
    message: str


class InvalidRow(msgspec.Struct, frozen=True):
    """`row` is the number in a spreadsheet, where the header is row 1. `cells` are as uploaded."""

    row: int
    cells: list[str]
    errors: list[CellError]

    @property
    def problems(self) -> str:
        return "; ".join(f"{error.column}: {error.message}" if error.column else error.message for error in self.errors)


class CorrectionRow(msgspec.Struct, frozen=True):
    """A valid row: the new status of the conversion with this id, or of this click, depending on `column`."""

    row: int
    cells: list[str]
    column: str
    id: UUID
    status: ConversionStatus
    reason: str | None


class CorrectionSheet(msgspec.Struct, frozen=True):
    """`header` has the columns in the order of the file, spelled as in COLUMNS and ADDED_COLUMNS. Those of an export
    that are not used are in lower case.
    """

    header: list[str]
    separator: str
    rows: list[CorrectionRow]
    invalid: list[InvalidRow]

    @property
    def ignored(self) -> list[str]:
        return [name for name in self.header if name not in (*COLUMNS, *ADDED_COLUMNS)]


def parse_sheet(content: bytes) -> CorrectionSheet:
    """Raises CorrectionsError."""
    separator, rows = read_csv(content)
    sheet = CorrectionSheet(read_header(next(rows, (1, []))[1]), separator, [], [])
    for row, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(sheet.rows) + len(sheet.invalid) == MAX_ROWS:
            raise CorrectionsError(f"The file has more than {MAX_ROWS:,} rows. Split it into several files.")
        one = parse_row(row, cells, sheet.header)
        if isinstance(one, CorrectionRow):
            sheet.rows.append(one)
        else:
            sheet.invalid.append(one)
    if not sheet.rows and not sheet.invalid:
        raise CorrectionsError("The file has no rows below its header.")
    return sheet


def read_csv(content: bytes) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """The separator, a comma or a semicolon, and the numbered rows. Raises CorrectionsError, also from the iterator."""
    if len(content) > MAX_FILE_BYTES:
        raise CorrectionsError(f"The file is larger than {MAX_FILE_BYTES // 2**20} MB. Split it into several files.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorrectionsError("The file is not CSV in UTF-8: in a spreadsheet, save it as “CSV UTF-8”.") from error
    first_line = text.partition("\n")[0]
    separator = ";" if first_line.count(";") > first_line.count(",") else ","
    return separator, number_rows(text, separator)


def number_rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Numbers rows as a spreadsheet does: blank ones count, and a cell of several lines is part of one row."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    row = 0
    try:
        for row, cells in enumerate(rows, 1):
            yield row, cells
    except csv.Error as error:
        raise CorrectionsError(
            f"Row {row + 1} is not valid CSV: {error}. "
            'Put a cell that contains a comma, semicolon, line break or " between "…", and double each " in it.'
        ) from error


def read_header(cells: list[str]) -> list[str]:
    """Raises CorrectionsError."""
    while cells and not cells[-1].strip():
        cells.pop()
    exported = EXPORTED_ID in map(normalize_column, cells)
    known = KNOWN | EXPORTED if exported else KNOWN
    unknown = [cell for cell in cells if normalize_column(cell) not in known]
    if unknown or not cells:
        raise CorrectionsError(
            f"Row 1 must name the columns, separated by commas or semicolons: {', '.join(COLUMNS)}. "
            + (f"Unknown: {', '.join(map(quote_cell, unknown[:5]))}." if unknown else "It is empty.")
        )
    header = [known[normalize_column(cell)] for cell in cells]
    if twice := [name for name, times in Counter(header).items() if times > 1]:
        raise CorrectionsError(f"Row 1 repeats a column: {', '.join(twice)}.")
    if STATUS not in header:
        raise CorrectionsError(f"Row 1 lacks the column {STATUS}, the new status of each conversion.")
    if CLICK not in header and CONVERSION not in header:
        raise CorrectionsError(f"Row 1 lacks the column {CLICK} or {CONVERSION}, which identifies the conversion.")
    return header


def normalize_column(name: str) -> str:
    return "".join(name.split()).replace("_", "").lower()


KNOWN = {normalize_column(name): name for name in (*COLUMNS, *ADDED_COLUMNS)}
EXPORTED = {EXPORTED_ID: CONVERSION} | {normalize_column(name): name for name in EXPORTED_COLUMNS}


def parse_row(row: int, cells: list[str], header: list[str]) -> CorrectionRow | InvalidRow:
    """A row may be shorter than the header: spreadsheets omit empty cells at the end."""
    errors: list[CellError] = []
    if any(cell.strip() for cell in cells[len(header) :]):
        errors.append(CellError("", f"the row has {len(cells)} cells, the header has {len(header)}"))
    cells = cells[: len(header)]
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    column, id_ = read_id(values, errors)
    status = read_status(values.get(STATUS, ""), errors)
    reason = read_reason(values.get(REASON, ""), status, errors)
    if errors or id_ is None or status is None:
        return InvalidRow(row, cells, errors)
    return CorrectionRow(row, cells, column, id_, status, reason)


def read_id(values: Mapping[str, str], errors: list[CellError]) -> tuple[str, UUID | None]:
    """The column that identifies the conversion, and the id in it."""
    given = [name for name in (CLICK, CONVERSION) if values.get(name)]
    if len(given) != 1:
        wrong = "both are given: only one is allowed" if given else "one of the two is required"
        errors.append(CellError(f"{CLICK}, {CONVERSION}", wrong))
        return "", None
    (column,) = given
    try:
        return column, msgspec.convert(values[column], UUID)
    except msgspec.ValidationError:
        example = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
        errors.append(CellError(column, f"{quote_cell(values[column])} must be an id such as {example}"))
        return column, None


def read_status(cell: str, errors: list[CellError]) -> ConversionStatus | None:
    status = STATUSES.get(cell.lower())
    if status is None:
        errors.append(CellError(STATUS, f"{quote_cell(cell)} must be Pending, Success or Rejected"))
    return status


def read_reason(cell: str, status: ConversionStatus | None, errors: list[CellError]) -> str | None:
    reason = "" if cell == EXPORTED_NULL else unescape_formula(cell)
    if reason and status and status != "Rejected":
        errors.append(CellError(REASON, f"must be empty for status {status}: only Rejected has a reason"))
    if len(reason) > MAX_REASON_LENGTH:
        errors.append(CellError(REASON, f"has {len(reason):,} characters; at most {MAX_REASON_LENGTH:,} are allowed"))
    if "\x00" in reason:
        errors.append(CellError(REASON, "contains a NUL character"))
    return reason or None


def quote_cell(cell: str) -> str:
    """Any text, shortened, on one line, without invisible characters."""
    short = cell if len(cell) <= MAX_QUOTED_LENGTH else f"{cell[:MAX_QUOTED_LENGTH]}…"
    return f"“{''.join(each if each.isprintable() else REPLACEMENT for each in short)}”"


def rejects_csv(header: Sequence[str], separator: str, invalid: Sequence[InvalidRow]) -> bytes:
    """The columns of the file plus the errors, with its separator, and a BOM so that Excel detects UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator)
    kept = [n for n, name in enumerate(header) if name not in ADDED_COLUMNS]
    number, problem = ADDED_COLUMNS
    writer.writerow([number, *(header[n] for n in kept), problem])
    for one in invalid:
        cells = [one.cells[n] if n < len(one.cells) else "" for n in kept]
        writer.writerow([one.row, *map(escape_formula, cells), one.problems])
    return text.getvalue().encode("utf-8-sig")
