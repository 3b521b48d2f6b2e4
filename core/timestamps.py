"""Reading date-times as the field's systems send them: ISO 8601, any offset, up to seven decimals (.NET's ticks)."""

import re
from datetime import UTC, date, datetime, time, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHAPE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", re.ASCII)
SEVENTH_DECIMAL = re.compile(r"[.,]\d{6}(\d)")


def parse_timestamp(text: str) -> datetime:
    """The instant in UTC; no offset means UTC. Decimals after the sixth are cut off, never rounded: a rounded
    23:59:59.9999999 would count on the next day. Raises ValueError, also for an instant outside years 1 to 9999.
    """
    try:
        instant = datetime.fromisoformat(text.upper() if SHAPE.match(text) else "")
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not an ISO 8601 date-time") from error


def iso(instant: datetime, timespec: str = "seconds") -> str:
    """Of an instant in UTC, with a Z; what is finer is cut off."""
    return instant.isoformat(timespec=timespec).replace("+00:00", "Z")


def ticks(text: str, instant: datetime) -> int:
    """Units of 100 nanoseconds since 1970 of `text`, which reads as `instant`."""
    seventh = SEVENTH_DECIMAL.search(text)
    return (instant - EPOCH) // timedelta(microseconds=1) * 10 + (int(seventh[1]) if seventh else 0)


def quarter_of(instant: datetime) -> datetime:
    """The start of the quarter of an hour that contains it; both UTC."""
    return instant.replace(minute=instant.minute // 15 * 15, second=0, microsecond=0)


def midnight(day: date) -> datetime:
    """The start of a UTC day."""
    return datetime.combine(day, time(), UTC)
