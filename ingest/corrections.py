"""Staff's corrections of conversions' statuses, in bulk: what a file would change, and its change through the ledger.

`docs/decisions/0012-corrections-by-staff.md` says how they stand to callbacks.
"""

from asyncio import to_thread
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from uuid import UUID, uuid4

import msgspec

from core.errors import GokartError
from core.timestamps import ticks
from database.pool import Connection, connection, transaction
from ingest import rollups
from ingest.batches import LONGEST_LOCK, Answer, retrying, write_log
from ingest.conversions import State, change, lock, states
from ingest.correction_files import (
    CLICK,
    CONVERSION,
    REASON,
    STATUS,
    BadRow,
    Fault,
    Sheet,
    Wanted,
    read_sheet,
    rejects_csv,
)
from ingest.records import Reject, Status, storable
from tenants.tenant import Tenant

IDS_TOLD = 5  # of the conversions that share a click


class ChangedSince(GokartError):
    """Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The file, or a conversion in it, has changed since the preview: look at a new one.")


class Correction(msgspec.Struct, frozen=True):
    """What a row of the file does to a conversion. `cost` is what it costs as a Success. `repeats` is the earlier row
    that says the same, if any does. Names are as they are now, times UTC.
    """

    row: int
    repeats: int | None
    id: UUID
    click: UUID | None
    offer: str
    advertiser: str
    partner: str
    occurred_at: datetime
    cost: Decimal
    old_status: Status
    new_status: Status
    old_reason: str | None
    new_reason: str | None


class Effect(msgspec.Struct, frozen=True):
    """What is added to (negative: taken from) an advertiser's figures."""

    advertiser: UUID
    name: str
    currency: str
    conversions: int
    cost: Decimal


class Preview(msgspec.Struct, frozen=True):
    """`moves` counts the changes by old and new status, which are the same where only the reason is another one."""

    digest: str
    changes: list[Correction]
    unchanged: list[Correction]
    bad: list[BadRow]
    moves: dict[tuple[Status, Status], int]
    effects: list[Effect]
    header: list[str]
    separator: str

    def rejects_csv(self) -> bytes:
        """The bad rows, to be mended and uploaded again."""
        return rejects_csv(self.header, self.separator, self.bad)


class Home(msgspec.Struct, frozen=True):
    """The offer of a conversion and whose it is."""

    offer: str
    advertiser: UUID
    advertiser_name: str
    currency: str


class Ledger(msgspec.Struct, frozen=True):
    """The conversions that a file may mean, as they are; homes and partners' names by key."""

    states: dict[UUID, State]
    homes: dict[int, Home]
    partners: dict[int, str]


async def preview(tenant: Tenant, content: bytes) -> Preview:
    """Raises CorrectionsError, DatabaseUnavailable."""
    sheet = await to_thread(read_sheet, content)
    async with connection() as db:
        found = await states(db, tenant.schema, await meant(db, tenant.schema, sheet))
        ledger = await with_names(db, tenant.schema, found)
    return await to_thread(compare, content, sheet, ledger)


@retrying
async def apply(tenant: Tenant, content: bytes, expected: str, now: datetime) -> Preview:
    """Does what a preview with the digest `expected` has shown, and returns it: in one transaction of its own, in the
    current actor's name. Raises ChangedSince, CorrectionsError, `rollups.TooMuchError`, DatabaseUnavailable.
    """
    sheet = await to_thread(read_sheet, content)
    async with transaction() as db:
        await db.execute(f"SET LOCAL lock_timeout = '{LONGEST_LOCK}s'")
        found = await lock(db, tenant.schema, await meant(db, tenant.schema, sheet))
        ledger = await with_names(db, tenant.schema, found)
        done = await to_thread(compare, content, sheet, ledger)
        if done.digest != expected:
            raise ChangedSince
        by = uuid4()
        changes = [(found[one.id], corrected(found[one.id], one, now, by)) for one in done.changes]
        await rollups.apply(db, tenant.schema, await change(db, tenant.schema, changes), now)
        answer = Answer(len(done.changes), len(done.unchanged), [reject(done.header, bad) for bad in done.bad])
        await write_log(db, tenant.schema, "corrections", None, answer)
    return done


def corrected(state: State, correction: Correction, now: datetime, by: UUID) -> State:
    """A correction is made after all that it has seen, though a sender's clock may be ahead of ours."""
    rank = max(ticks(now.isoformat(), now), state.rank[0] + 1), by
    return msgspec.structs.replace(
        state, rank=rank, status=correction.new_status, rejection_reason=correction.new_reason
    )


async def meant(db: Connection, schema: str, sheet: Sheet) -> set[UUID]:
    """The conversions that the file names (whether they exist is not known yet), or whose click it names."""
    ids = {one.id for one in sheet.wanted if one.column == CONVERSION}
    clicks = [one.id for one in sheet.wanted if one.column == CLICK]
    if clicks:
        rows = await db.fetch(f"SELECT id FROM {schema}.conversion WHERE click = ANY($1::uuid[])", clicks)
        ids |= {row["id"] for row in rows}
    return ids


async def with_names(db: Connection, schema: str, found: dict[UUID, State]) -> Ledger:
    offers = await db.fetch(
        f"""
        SELECT o.key, o.name, a.id, a.name, a.currency
        FROM {schema}.offer o JOIN {schema}.advertiser a ON a.id = o.advertiser WHERE o.key = ANY($1::int[])
        """,
        list({state.offer for state in found.values()}),
    )
    partners = await db.fetch(
        f"SELECT key, name FROM {schema}.partner WHERE key = ANY($1::int[])",
        list({state.partner for state in found.values()}),
    )
    homes = {key: Home(*home) for key, *home in map(tuple, offers)}
    return Ledger(found, homes, {row["key"]: row["name"] for row in partners})


def compare(content: bytes, sheet: Sheet, ledger: Ledger) -> Preview:
    """What each row of the file would do."""
    matched, missed = match(sheet.wanted, ledger.states)
    agreed, disputed = agree(matched)
    corrections = [describe(one, state, repeats, ledger) for one, state, repeats in agreed]
    changes = [one for one in corrections if is_change(one)]
    bad = sorted([*sheet.bad, *missed, *disputed], key=lambda one: one.row)
    return Preview(
        digest=digest(content, [state for _, state, _ in agreed], bad, ledger),
        changes=changes,
        unchanged=[one for one in corrections if not is_change(one)],
        bad=bad,
        moves=Counter((one.old_status, one.new_status) for one in changes),
        effects=effects(changes, ledger),
        header=sheet.header,
        separator=sheet.separator,
    )


def match(wanted: Iterable[Wanted], found: Mapping[UUID, State]) -> tuple[list[tuple[Wanted, State]], list[BadRow]]:
    """The rows that mean one conversion, with it, and those that do not."""
    by_click: dict[UUID | None, list[UUID]] = defaultdict(list)
    for state in found.values():
        by_click[state.click].append(state.id)
    matched, bad = [], []
    for one in wanted:
        ids = by_click[one.id] if one.column == CLICK else [one.id] if one.id in found else []
        if len(ids) == 1:
            matched.append((one, found[ids[0]]))
        else:
            bad.append(BadRow(one.row, one.cells, [miss(one, ids)]))
    return matched, bad


def miss(one: Wanted, ids: list[UUID]) -> Fault:
    if ids:
        told = ", ".join(map(str, ids[:IDS_TOLD])) + (", …" if len(ids) > IDS_TOLD else "")
        return Fault(CLICK, f"{len(ids)} conversions have this click: give the {CONVERSION} of the one meant ({told})")
    if one.column == CLICK:
        return Fault(CLICK, "no conversion has this click")
    return Fault(CONVERSION, "there is no conversion with this id")


def agree(matched: list[tuple[Wanted, State]]) -> tuple[list[tuple[Wanted, State, int | None]], list[BadRow]]:
    """The rows with the earlier one that says the same, if any does, and those of which two contradict each other."""
    rows: dict[UUID, list[Wanted]] = defaultdict(list)
    for one, state in matched:
        rows[state.id].append(one)
    contrary = {id_: next((one for one in of if says(one) != says(of[0])), None) for id_, of in rows.items()}
    agreed, bad = [], []
    for one, state in matched:
        first, other = rows[state.id][0], contrary[state.id]
        if other is None:
            agreed.append((one, state, None if one is first else first.row))
        else:
            bad.append(BadRow(one.row, one.cells, [contradiction(one, other if says(one) == says(first) else first)]))
    return agreed, bad


def says(one: Wanted) -> tuple[Status, str | None]:
    return one.status, one.reason


def contradiction(one: Wanted, other: Wanted) -> Fault:
    if one.status != other.status:
        return Fault(STATUS, f"row {other.row} says {other.status} of the same conversion")
    return Fault(REASON, f"row {other.row} gives the same conversion another reason")


def describe(one: Wanted, state: State, repeats: int | None, ledger: Ledger) -> Correction:
    home = ledger.homes[state.offer]
    old_reason = state.rejection_reason
    return Correction(
        row=one.row,
        repeats=repeats,
        id=state.id,
        click=state.click,
        offer=home.offer,
        advertiser=home.advertiser_name,
        partner=ledger.partners[state.partner],
        occurred_at=state.occurred_at,
        cost=units(state.cost),
        old_status=state.status,
        new_status=one.status,
        old_reason=old_reason,
        new_reason=one.reason or (old_reason if one.status == state.status else None),
    )


def is_change(one: Correction) -> bool:
    return one.repeats is None and (one.old_status, one.old_reason) != (one.new_status, one.new_reason)


def effects(changes: Iterable[Correction], ledger: Ledger) -> list[Effect]:
    """By the advertiser's name. Only a Success counts and costs."""
    sums: dict[UUID, rollups.Figures] = defaultdict(rollups.Figures)
    owners: dict[UUID, Home] = {}
    for one in changes:
        state = ledger.states[one.id]
        home = ledger.homes[state.offer]
        sign = (one.new_status == "Success") - (one.old_status == "Success")
        if sign:
            owners[home.advertiser] = home
            sums[home.advertiser].add(rollups.Figures(conversions=sign, cost=sign * state.cost))
    return [
        Effect(id_, home.advertiser_name, home.currency, sums[id_].conversions, units(sums[id_].cost))
        for id_, home in sorted(owners.items(), key=lambda owner: (owner[1].advertiser_name, owner[0]))
    ]


def digest(content: bytes, seen: Iterable[State], bad: Iterable[BadRow], ledger: Ledger) -> str:
    """Of all that decides what becomes of the file: another one as soon as one of its conversions is."""
    told = blake2b(content, digest_size=16)
    for state in seen:
        told.update(f"{state} {ledger.homes[state.offer].advertiser}\n".encode())
    for one in bad:
        told.update(f"{one.row} {one.told}\n".encode())
    return told.hexdigest()


def units(millionths: int) -> Decimal:
    return Decimal(millionths).scaleb(-6)


def reject(header: list[str], bad: BadRow) -> Reject:
    """For the log of calls, which counts records from 0."""
    found = dict(zip(header, bad.cells, strict=False))
    named = found.get(CONVERSION) or found.get(CLICK)
    fields = ", ".join(fault.column for fault in bad.faults)
    return Reject(bad.row - 2, storable(named)[:200] if named else None, fields, bad.told)
