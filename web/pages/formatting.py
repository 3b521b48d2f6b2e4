"""Formats values for pages. The environment of templates (`web.pages.rendering`) has all of these as filters."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.currencies import DECIMALS

OS_NAMES = {"IOS": "iOS", "ANDROID": "Android", "WEB": "Web"}
NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def format_instant(value: datetime | None) -> str:
    """To the minute, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if value else "never"


def format_day(value: datetime | None) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d}" if value else "never"


def format_second(value: datetime) -> str:
    """To the second, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def format_bytes(size: int) -> str:
    """512 B, 12.3 kB"""
    if size < 1_000:
        return f"{size} B"
    return f"{size / 1_000:,.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:,.1f} MB"


def requested_days(row: Mapping[str, Any]) -> str:
    """Of a half-open range, which may begin and end within a day."""
    return format_day_range(row["starts_at"].date(), (row["ends_at"] - timedelta(microseconds=1)).date())


def format_number(value: Decimal | int) -> str:
    """With all digits, and commas between thousands."""
    return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"


def long_day(day: date) -> str:
    """Fri 20 Nov 2026"""
    return f"{day:%a} {short_day(day)}"


def short_day(day: date) -> str:
    """20 Nov 2026"""
    return f"{day.day} {day:%b %Y}"


def format_day_range(first: date, last: date) -> str:
    """22 Oct to 20 Nov 2026, with a dash."""
    if first == last:
        return short_day(last)
    if first.year != last.year:
        return f"{short_day(first)} \u2013 {short_day(last)}"
    return f"{first.day}{f' {first:%b}' if first.month != last.month else ''} \u2013 {short_day(last)}"


def os_name(os: str | None) -> str:
    return OS_NAMES.get(os or "", os or "")


def short_id(id_: UUID | str) -> str:
    """The first eight characters, by which people tell rows with the same name apart."""
    return str(id_)[:8]


def plain_decimal(amount: Decimal) -> str:
    """As the API writes it: 1234.5, no exponent, no trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_money(amount: Decimal, currency: str = "USD") -> str:
    """1,234.50: as many decimals as the currency (ISO 4217) has, and more where the amount does."""
    decimals = max(DECIMALS.get(currency, 2), len(plain_decimal(amount).partition(".")[2]))
    return f"{amount:,.{decimals}f}".replace("-", MINUS)


def round_money(amount: Decimal, currency: str) -> str:
    """1,234.50: rounded half-even to as many decimals as the currency (ISO 4217) has."""
    return f"{amount:,.{DECIMALS.get(currency, 2)}f}".replace("-", MINUS)


def format_count(number: int) -> str:
    """12,345"""
    return f"{number:,}".replace("-", MINUS)


def with_sign(text: str) -> str:
    """A difference's text, with a plus where it is one."""
    return text if text.startswith(MINUS) or not text.strip("0.,") else f"+{text}"


def format_percent(change: Decimal | None) -> str:
    """+12.3%, or a dash where there is nothing to compare with."""
    return NOTHING if change is None else f"{with_sign(f'{change:,.1f}'.replace('-', MINUS))}%"


def signed_change(value: int | Decimal, currency: str = "") -> str:
    """A change in a number of conversions or in a cost, with its sign."""
    return with_sign(format_money(value, currency) if isinstance(value, Decimal) else format_count(value))


TEMPLATE_FILTERS = {
    "instant": format_instant,
    "day": format_day,
    "number": format_number,
    "second": format_second,
    "bytes": format_bytes,
    "requested_days": requested_days,
    "long_day": long_day,
    "short_day": short_day,
    "os_name": os_name,
    "short_id": short_id,
    "money": format_money,
    "signed_change": signed_change,
}
