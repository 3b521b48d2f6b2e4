"""Timestamps as ad systems send them: ISO 8601, any UTC offset, up to seven decimals (.NET ticks)."""

import re
from datetime import UTC, date, datetime, time, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", re.ASCII)
SEVENTH_DECIMAL = re.compile(r"[.,]\d{6}(\d)")
MICROSECOND = timedelta(microseconds=1)


def parse_timestamp(text: str) -> datetime:
    """In UTC; a missing offset means UTC. Decimals after the sixth are truncated, never rounded: a rounded
    23:59:59.9999999 would count on the next day. Raises ValueError, also outside of years 1 to 9999.
    """
    try:
        value = datetime.fromisoformat(text.upper() if DATE_TIME.match(text) else "")
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not an ISO 8601 date-time") from error


def iso(timestamp: datetime, timespec: str = "seconds") -> str:
    """ISO 8601 with a Z for a timestamp in UTC, truncated to `timespec`."""
    return timestamp.isoformat(timespec=timespec).replace("+00:00", "Z")


def ticks(text: str, timestamp: datetime) -> int:
    """Units of 100 nanoseconds since 1970. `timestamp` is the parsed `text`; the text has one more decimal."""
    seventh = SEVENTH_DECIMAL.search(text)
    return (timestamp - EPOCH) // MICROSECOND * 10 + (int(seventh[1]) if seventh else 0)


def quarter_of(timestamp: datetime) -> datetime:
    """The start of the quarter hour in UTC that contains the timestamp."""
    return timestamp.replace(minute=timestamp.minute // 15 * 15, second=0, microsecond=0)


def midnight(day: date) -> datetime:
    """The start of a UTC day."""
    return datetime.combine(day, time(), UTC)
