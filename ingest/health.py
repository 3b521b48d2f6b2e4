"""The health of intake: what each sender (an ingest key) sent in the last hours, and which senders stopped."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

from database.pool import connection
from database.sql import SqlFile
from tenants.tenant import Tenant

SQL = Path(__file__).parent / "sql" / "health.sql"
HOURS = SqlFile(SQL, "hours")
SENDERS = SqlFile(SQL, "senders")
ACTIVE_HOURS = SqlFile(SQL, "active_hours")

HOUR = timedelta(hours=1)
SHOWN = 48  # hours, the current one included
OBSERVED = 7 * 24  # hours that show how regularly a sender sends
REGULAR = 6  # hours with batches, of those: a sender with fewer is not expected to send
SHORTEST_ALARM = 2 * HOUR

SenderState = Literal["receiving", "stopped", "quiet", "unused", "replaced", "inactive"]


class SenderHour(msgspec.Struct, frozen=True):
    """What a sender sent in the hour that begins at `hour`, UTC. Counts are of records, except `batches`."""

    hour: datetime
    batches: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0

    @property
    def records(self) -> int:
        return self.accepted + self.duplicates + self.rejected


class SenderHealth(msgspec.Struct, frozen=True):
    """`hours` are the last SHOWN hours, the oldest first. `last_at` is that of the last batch in the intake log.

    `state`: receiving; stopped (it sent regularly, and is silent for more than twice `longest_pause`, that of the last
    seven days); quiet (it does not send regularly); unused (it has never sent); replaced (rotated, and silent since);
    inactive (the key is revoked or has expired).
    """

    api_key: int
    name: str
    hint: str
    last_at: datetime | None
    state: SenderState
    longest_pause: timedelta | None
    hours: Sequence[SenderHour]

    @property
    def accepted(self) -> int:
        return sum(hour.accepted for hour in self.hours)

    @property
    def duplicates(self) -> int:
        return sum(hour.duplicates for hour in self.hours)

    @property
    def rejected(self) -> int:
        return sum(hour.rejected for hour in self.hours)


class IntakeHealth(msgspec.Struct, frozen=True):
    """The senders whose key works or that sent something in the last hours: first those that stopped, then by name."""

    senders: Sequence[SenderHealth]

    @property
    def last_at(self) -> datetime | None:
        return max((sender.last_at for sender in self.senders if sender.last_at), default=None)

    @property
    def accepted(self) -> int:
        return sum(sender.accepted for sender in self.senders)

    @property
    def rejected(self) -> int:
        return sum(sender.rejected for sender in self.senders)

    @property
    def stopped(self) -> Sequence[SenderHealth]:
        return [sender for sender in self.senders if sender.state == "stopped"]


async def read_intake_health(tenant: Tenant, now: datetime | None = None) -> IntakeHealth:
    """Of the last SHOWN hours until `now` (by default the present). Files, corrections and replays have no sender."""
    now = now or datetime.now(UTC)
    current = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    observed = [current - n * HOUR for n in range(OBSERVED)]
    shown = observed[SHOWN - 1 :: -1]
    queries = [
        SENDERS.bind(tenant.schema, now=now),
        HOURS.bind(tenant.schema, since=shown[0]),
        ACTIVE_HOURS.bind(tenant.schema, hours=observed),
    ]
    async with connection() as db:
        senders, counts, active = [await db.fetch(query.sql, *query.args) for query in queries]
    by_sender: dict[int, dict[datetime, SenderHour]] = defaultdict(dict)
    for row in counts:
        token, hour, *numbers = tuple(row)
        by_sender[token][hour] = SenderHour(hour, *numbers)
    active_hours: dict[int, list[datetime]] = defaultdict(list)
    for row in active:
        active_hours[row["token"]].append(row["hour"])
    found = []
    for row in senders:
        hours = by_sender[row["id"]]
        if not (row["works"] or hours):
            continue
        pause = longest_pause(active_hours[row["id"]])
        found.append(
            SenderHealth(
                api_key=row["id"],
                name=row["name"],
                hint=row["hint"],
                last_at=row["last_at"],
                state=sender_state(now, row["last_at"], pause, works=row["works"], replaced=row["replaced"]),
                longest_pause=pause,
                hours=[hours.get(hour, SenderHour(hour)) for hour in shown],
            )
        )
    found.sort(key=lambda sender: sender.state != "stopped")
    return IntakeHealth(found)


def longest_pause(hours: Sequence[datetime]) -> timedelta | None:
    """From one hour with batches to the next. None if there are too few to expect more."""
    if len(hours) < REGULAR:
        return None
    return max(later - earlier for earlier, later in pairwise(sorted(hours)))


def sender_state(
    now: datetime, last_at: datetime | None, pause: timedelta | None, *, works: bool, replaced: bool
) -> SenderState:
    if not works:
        return "inactive"
    if last_at is None:
        return "unused"
    silent = now - last_at
    if silent <= SHORTEST_ALARM:
        return "receiving"
    if replaced:
        return "replaced"
    if pause is None:
        return "quiet"
    return "stopped" if silent > max(2 * pause, SHORTEST_ALARM) else "receiving"
