"""Figures as text for people. An amount is never rounded."""

from decimal import Decimal

# The currencies (ISO 4217) that do not have two decimals.
DECIMALS = dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0) | dict.fromkeys(
    ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3
)
NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def plain_decimal(amount: Decimal) -> str:
    """As the API writes it: 1234.5, no exponent, no trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_money(amount: Decimal, currency: str = "USD") -> str:
    """1,234.50: as many decimals as the currency (ISO 4217) has, and more where the amount does."""
    decimals = max(DECIMALS.get(currency, 2), len(plain_decimal(amount).partition(".")[2]))
    return f"{amount:,.{decimals}f}".replace("-", MINUS)


def format_count(number: int) -> str:
    """12,345"""
    return f"{number:,}".replace("-", MINUS)


def with_sign(text: str) -> str:
    """A difference's text, with a plus where it is one."""
    return text if text.startswith(MINUS) or not text.strip("0.,") else f"+{text}"


def format_percent(change: Decimal | None) -> str:
    """+12.3%, or a dash where there is nothing to compare with."""
    return NOTHING if change is None else f"{with_sign(f'{change:,.1f}'.replace('-', MINUS))}%"
