"""CSV for people, who open it in a spreadsheet, which evaluates some cells as formulas."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n")


def escape_formula(cell: str) -> str:
    """Prefixes a formula with an apostrophe, so that a spreadsheet treats it as text. Also prefixes text that
    already looks escaped, so that `unescape_formula` restores every text.
    """
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA_PREFIXES) else cell


def spreadsheet_rows(rows: Iterable[Iterable[Any]]) -> bytes:
    """Lines of CSV in UTF-8, which Excel reads only after a byte order mark. None is empty."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([spreadsheet_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def spreadsheet_cell(value: Any) -> Any:
    """Text that is no formula; decimals without an exponent."""
    if isinstance(value, str):
        return escape_formula(value)
    return f"{value:f}" if isinstance(value, Decimal) else value


def unescape_formula(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_PREFIXES) else cell
