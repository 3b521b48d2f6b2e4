"""Whether the figures of a day can still change: a day is open until it ends, then provisional, and at last final."""

from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

MAX_FINAL_AFTER_DAYS = 730  # days

State = Literal["open", "provisional", "final"]


class Finality(msgspec.Struct, frozen=True):
    """The state of days in a time zone at a time. Days are final when they ended more than `final_after_days` ago."""

    today: date
    final_after_days: int

    @classmethod
    def at(cls, now: datetime, zone: ZoneInfo, final_after_days: int) -> "Finality":
        return cls(now.astimezone(zone).date(), final_after_days)

    @property
    def provisional_from(self) -> date:
        """The first day that is not final."""
        return self.today - timedelta(days=self.final_after_days)

    @property
    def final_through(self) -> date:
        """The last final day."""
        return self.provisional_from - timedelta(days=1)

    def state(self, last_day: date) -> State:
        """Of a period that ends with that day: the state of its least final day, which is the last."""
        if last_day >= self.today:
            return "open"
        return "provisional" if last_day >= self.provisional_from else "final"
