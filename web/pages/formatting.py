"""Formats values for pages. The environment of templates (`web.pages.rendering`) has all of these as filters."""

from datetime import UTC, date, datetime
from decimal import Decimal

OS_NAMES = {"IOS": "iOS", "ANDROID": "Android", "WEB": "Web"}


def format_instant(value: datetime | None) -> str:
    """To the minute, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if value else "never"


def format_day(value: datetime | None) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d}" if value else "never"


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


TEMPLATE_FILTERS = {
    "instant": format_instant,
    "day": format_day,
    "number": format_number,
    "long_day": long_day,
    "short_day": short_day,
    "os_name": os_name,
}
