"""The CSV of corrections: reading what staff upload, and writing the rows that could not be used, to be mended."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import msgspec

from core.errors import GokartError
from ingest.records import ConversionStatus

MAX_FILE_BYTES = 5 * 2**20  # bytes
MAX_ROWS = 20_000
MAX_REASON_LENGTH = 10_000  # characters, as of a callback's
COLUMNS = CLICK, CONVERSION, STATUS, REASON = ("ClickId", "ConversionId", "Status", "RejectionReason")
ADDED_COLUMNS = ("Row", "Problem")  # what the file of rejects adds, and is not read when it comes back
STATUSES: dict[str, ConversionStatus] = {"pending": "Pending", "success": "Success", "rejected": "Rejected"}
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet computes, or runs, what begins so
MAX_QUOTED_LENGTH = 60  # characters of a cell that a message repeats
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class CorrectionsError(GokartError):
    """The file as a whole cannot be used."""


class CellError(msgspec.Struct, frozen=True):
    """`column` is one of COLUMNS, or both ids', or empty where it is the row; `message` says what would be right."""

    column: str
    message: str


class InvalidRow(msgspec.Struct, frozen=True):
    """`row` is its number in a spreadsheet, where the header is row 1. `cells` are as they came."""

    row: int
    cells: list[str]
    errors: list[CellError]

    @property
    def problems(self) -> str:
        return "; ".join(f"{fault.column}: {fault.message}" if fault.column else fault.message for fault in self.errors)


class CorrectionRow(msgspec.Struct, frozen=True):
    """What a row asks for: of the conversion with this id, or of this click, as `column` says."""

    row: int
    cells: list[str]
    column: str
    id: UUID
    status: ConversionStatus
    reason: str | None


class CorrectionSheet(msgspec.Struct, frozen=True):
    """`header` has the columns in the file's order, spelled as in COLUMNS and ADDED_COLUMNS."""

    header: list[str]
    separator: str
    rows: list[CorrectionRow]
    invalid: list[InvalidRow]


def parse_sheet(content: bytes) -> CorrectionSheet:
    """Raises CorrectionsError."""
    if len(content) > MAX_FILE_BYTES:
        raise CorrectionsError(f"The file is larger than {MAX_FILE_BYTES // 2**20} MB: send it in parts.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorrectionsError("The file is not CSV in UTF-8: in a spreadsheet, save it as «CSV UTF-8».") from error
    first_line = text.partition("\n")[0]
    separator = ";" if first_line.count(";") > first_line.count(",") else ","
    rows = numbered(text, separator)
    sheet = CorrectionSheet(read_header(next(rows, (1, []))[1]), separator, [], [])
    for row, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(sheet.rows) + len(sheet.invalid) == MAX_ROWS:
            raise CorrectionsError(f"The file has more than {MAX_ROWS:,} rows: send it in parts.")
        one = read_row(row, cells, sheet.header)
        if isinstance(one, CorrectionRow):
            sheet.rows.append(one)
        else:
            sheet.invalid.append(one)
    if not sheet.rows and not sheet.invalid:
        raise CorrectionsError("The file has no rows below its header.")
    return sheet


def numbered(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows as a spreadsheet counts them: blank ones too, and a cell of several lines as one row."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    row = 0
    try:
        for row, cells in enumerate(rows, 1):
            yield row, cells
    except csv.Error as error:
        raise CorrectionsError(
            f"Row {row + 1} is broken: {error}. "
            'A cell with a comma, semicolon, line break or " in it should stand in "…", and each " in it be doubled.'
        ) from error


def read_header(cells: list[str]) -> list[str]:
    """Raises CorrectionsError."""
    while cells and not cells[-1].strip():
        cells.pop()
    unknown = [cell for cell in cells if plain(cell) not in KNOWN]
    if unknown or not cells:
        raise CorrectionsError(
            f"Row 1 should name the columns, separated by commas or semicolons: {', '.join(COLUMNS)}. "
            + (f"There is none called {', '.join(map(quoted, unknown[:5]))}." if unknown else "It is empty.")
        )
    header = [KNOWN[plain(cell)] for cell in cells]
    if twice := [name for name, times in Counter(header).items() if times > 1]:
        raise CorrectionsError(f"Row 1 names a column twice: {', '.join(twice)}.")
    if STATUS not in header:
        raise CorrectionsError(f"Row 1 lacks the column {STATUS}, the new status of each conversion.")
    if CLICK not in header and CONVERSION not in header:
        raise CorrectionsError(f"Row 1 lacks the column {CLICK} or {CONVERSION}, which says what is to be corrected.")
    return header


def plain(name: str) -> str:
    return "".join(name.split()).replace("_", "").lower()


KNOWN = {plain(name): name for name in (*COLUMNS, *ADDED_COLUMNS)}


def read_row(row: int, cells: list[str], header: list[str]) -> CorrectionRow | InvalidRow:
    """A row may be shorter than the header, as spreadsheets leave out empty cells at its end."""
    errors: list[CellError] = []
    if any(cell.strip() for cell in cells[len(header) :]):
        errors.append(CellError("", f"the row has {len(cells)} cells, and the header {len(header)}"))
    cells = cells[: len(header)]
    found = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    column, id_ = read_id(found, errors)
    status = read_status(found.get(STATUS, ""), errors)
    reason = read_reason(found.get(REASON, ""), status, errors)
    if errors or id_ is None or status is None:
        return InvalidRow(row, cells, errors)
    return CorrectionRow(row, cells, column, id_, status, reason)


def read_id(found: Mapping[str, str], errors: list[CellError]) -> tuple[str, UUID | None]:
    """Of the click or conversion, with its column."""
    given = [name for name in (CLICK, CONVERSION) if found.get(name)]
    if len(given) != 1:
        wrong = "both are given: give one of the two" if given else "one of the two is needed"
        errors.append(CellError(f"{CLICK}, {CONVERSION}", wrong))
        return "", None
    (column,) = given
    try:
        return column, msgspec.convert(found[column], UUID)
    except msgspec.ValidationError:
        example = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
        errors.append(CellError(column, f"{quoted(found[column])} should be an id such as {example}"))
        return column, None


def read_status(cell: str, errors: list[CellError]) -> ConversionStatus | None:
    status = STATUSES.get(cell.lower())
    if status is None:
        errors.append(CellError(STATUS, f"{quoted(cell)} should be Pending, Success or Rejected"))
    return status


def read_reason(cell: str, status: ConversionStatus | None, errors: list[CellError]) -> str | None:
    reason = without_mark(cell)
    if reason and status and status != "Rejected":
        errors.append(CellError(REASON, f"should be empty for status {status}: only Rejected has a reason"))
    if len(reason) > MAX_REASON_LENGTH:
        errors.append(CellError(REASON, f"has {len(reason):,} characters, and may have {MAX_REASON_LENGTH:,}"))
    if "\x00" in reason:
        errors.append(CellError(REASON, "has a NUL character in it"))
    return reason or None


def quoted(cell: str) -> str:
    """Of what may be anything: short, in one line, and with no character that is not seen."""
    short = cell if len(cell) <= MAX_QUOTED_LENGTH else f"{cell[:MAX_QUOTED_LENGTH]}…"
    return f"“{''.join(each if each.isprintable() else REPLACEMENT for each in short)}”"


def rejects_csv(header: Sequence[str], separator: str, invalid: Sequence[InvalidRow]) -> bytes:
    """The file's own columns with what is wrong, for the program that wrote the file: with its separator, and a BOM, by
    which Excel knows UTF-8.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator)
    kept = [place for place, name in enumerate(header) if name not in ADDED_COLUMNS]
    number, problem = ADDED_COLUMNS
    writer.writerow([number, *(header[place] for place in kept), problem])
    for one in invalid:
        cells = [one.cells[place] if place < len(one.cells) else "" for place in kept]
        writer.writerow([one.row, *map(harmless, cells), one.problems])
    return text.getvalue().encode("utf-8-sig")


def harmless(cell: str) -> str:
    """With a mark before it that makes a spreadsheet take it as text."""
    return f"'{cell}" if cell.startswith(FORMULA_PREFIXES) else cell


def without_mark(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_PREFIXES) else cell
