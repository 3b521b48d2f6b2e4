"""Days and offers in words, for pages."""

from datetime import date

from web.pages.rendering import templates

OS = {"IOS": "iOS", "ANDROID": "Android", "WEB": "Web"}


def long_day(day: date) -> str:
    """Fri 20 Nov 2026"""
    return f"{day:%a} {short_day(day)}"


def short_day(day: date) -> str:
    """20 Nov 2026"""
    return f"{day.day} {day:%b %Y}"


def span(first: date, last: date) -> str:
    """22 Oct to 20 Nov 2026, with a dash between."""
    if first == last:
        return short_day(last)
    if first.year != last.year:
        return f"{short_day(first)} \u2013 {short_day(last)}"
    return f"{first.day}{f' {first:%b}' if first.month != last.month else ''} \u2013 {short_day(last)}"


def os_name(os: str | None) -> str:
    return OS.get(os or "", os or "")


templates.filters.update(long_day=long_day, short_day=short_day, os_name=os_name)
