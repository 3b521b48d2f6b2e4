"""CSV for people, who open it in a spreadsheet, which evaluates some cells as formulas."""

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n")


def escape_formula(cell: str) -> str:
    """Prefixes a formula with an apostrophe, so that a spreadsheet treats it as text. Also prefixes text that
    already looks escaped, so that `unescape_formula` restores every text.
    """
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA_PREFIXES) else cell


def unescape_formula(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_PREFIXES) else cell
