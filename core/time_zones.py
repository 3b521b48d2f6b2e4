"""Time zones from the package tzdata, the same on every machine."""

from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

ZONE_NAMES = {name.lower(): name for name in files("tzdata").joinpath("zones").read_text().split()}


@lru_cache
def zone_of(name: str) -> ZoneInfo:
    """The zone with the IANA name, in any case. Raises ValueError."""
    canonical = ZONE_NAMES.get(name.lower())
    if canonical is None:
        raise ValueError(f"{name!r} is not the IANA name of a time zone, such as UTC, Europe/Berlin or Asia/Kolkata")
    with files("tzdata").joinpath("zoneinfo", *canonical.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=canonical)
