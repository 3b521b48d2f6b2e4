"""Bulk corrections of conversion statuses by staff: a preview of what a file changes, and applying it to the ledger.

`docs/decisions/0012-corrections-by-staff.md` defines their order relative to callbacks.
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
from core.metrics import count_records
from core.timestamps import ticks
from database.pool import Connection, connection
from database.transactions import transaction
from ingest.batches import LOCK_TIMEOUT_SECONDS, BatchResult, retry_deadlocks
from ingest.conversions import ConversionState, load_conversions, lock_conversions, update_conversions
from ingest.correction_files import (
    CLICK,
    CONVERSION,
    REASON,
    STATUS,
    CellError,
    CorrectionRow,
    CorrectionSheet,
    InvalidRow,
    parse_sheet,
    rejects_csv,
)
from ingest.intake_log import log_batch
from ingest.records import ConversionStatus
from ingest.rollups import BucketDelta, apply_deltas
from tenants.tenant import Tenant

MAX_LISTED_IDS = 5  # of the conversions that share a click


class PreviewOutdatedError(GokartError):
    """Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The file, or a conversion in it, has changed since the preview. Check the new preview.")


class Correction(msgspec.Struct, frozen=True):
    """What a row changes. `cost` is that of a Success, in units of the currency. `repeats` is an
    earlier row with the same content, if any. Names are current ones; times are UTC.
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
    old_status: ConversionStatus
    new_status: ConversionStatus
    old_reason: str | None
    new_reason: str | None


class AdvertiserEffect(msgspec.Struct, frozen=True):
    """What is added to (or, if negative, subtracted from) an advertiser's figures."""

    advertiser: UUID
    name: str
    currency: str
    conversions: int
    cost: Decimal


class CorrectionsPreview(msgspec.Struct, frozen=True):
    """`moves` counts the changes by old and new status, which are equal if only the reason changes. `ignored` are the
    columns that are not used.
    """

    digest: str
    changes: list[Correction]
    unchanged: list[Correction]
    invalid: list[InvalidRow]
    moves: dict[tuple[ConversionStatus, ConversionStatus], int]
    effects: list[AdvertiserEffect]
    header: list[str]
    separator: str
    ignored: list[str]

    def rejects_csv(self) -> bytes:
        """The invalid rows, to be fixed and uploaded again."""
        return rejects_csv(self.header, self.separator, self.invalid)


class OfferOwner(msgspec.Struct, frozen=True):
    """An offer's name, and the advertiser that it belongs to."""

    offer: str
    advertiser: UUID
    advertiser_name: str
    currency: str


class LedgerExcerpt(msgspec.Struct, frozen=True):
    """The conversions that a file refers to, with the names for their surrogate ids."""

    states: dict[UUID, ConversionState]
    owners_by_offer: dict[int, OfferOwner]
    partners: dict[int, str]


async def preview_corrections(tenant: Tenant, content: bytes) -> CorrectionsPreview:
    """Raises CorrectionsError, DatabaseUnavailable."""
    sheet = await to_thread(parse_sheet, content)
    async with connection() as db:
        found = await load_conversions(db, tenant.schema, await find_ids(db, tenant.schema, sheet))
        ledger = await add_names(db, tenant.schema, found)
    return await to_thread(build_preview, content, sheet, ledger)


@retry_deadlocks
async def apply_corrections(tenant: Tenant, content: bytes, expected: str, now: datetime) -> CorrectionsPreview:
    """Applies the corrections of the preview whose digest is `expected`, in one transaction, as the current actor.

    Raises PreviewOutdatedError, CorrectionsError, CostOverflowError, DatabaseUnavailable.
    """
    sheet = await to_thread(parse_sheet, content)
    async with transaction() as db:
        await db.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")
        found = await lock_conversions(db, tenant.schema, await find_ids(db, tenant.schema, sheet))
        ledger = await add_names(db, tenant.schema, found)
        done = await to_thread(build_preview, content, sheet, ledger)
        if done.digest != expected:
            raise PreviewOutdatedError
        by = uuid4()
        changes = [(found[one.id], corrected_state(found[one.id], one, now, by)) for one in done.changes]
        await apply_deltas(db, tenant.schema, await update_conversions(db, tenant.schema, changes), now)
        # Rows with errors are typing errors of staff, who see them here: they do not count as rejected records.
        result = BatchResult(len(done.changes), len(done.unchanged), [])
        await log_batch(db, tenant.schema, "corrections", result)
    count_records("corrections", result.accepted, result.duplicates, 0)
    return done


def corrected_state(state: ConversionState, correction: Correction, now: datetime, by: UUID) -> ConversionState:
    """Ranks above the state that staff have seen, even if the sender's clock is ahead."""
    rank = max(ticks(now.isoformat(), now), state.rank[0] + 1), by
    return msgspec.structs.replace(
        state, rank=rank, status=correction.new_status, rejection_reason=correction.new_reason
    )


async def find_ids(db: Connection, schema: str, sheet: CorrectionSheet) -> set[UUID]:
    """Ids of the conversions that the file names, which may not exist, and of those whose click it names."""
    ids = {one.id for one in sheet.rows if one.column == CONVERSION}
    clicks = [one.id for one in sheet.rows if one.column == CLICK]
    if clicks:
        rows = await db.fetch(f"SELECT id FROM {schema}.conversion WHERE click = ANY($1::uuid[])", clicks)
        ids |= {row["id"] for row in rows}
    return ids


async def add_names(db: Connection, schema: str, found: dict[UUID, ConversionState]) -> LedgerExcerpt:
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
    owners_by_offer = {key: OfferOwner(*owner) for key, *owner in map(tuple, offers)}
    return LedgerExcerpt(found, owners_by_offer, {row["key"]: row["name"] for row in partners})


def build_preview(content: bytes, sheet: CorrectionSheet, ledger: LedgerExcerpt) -> CorrectionsPreview:
    """Compares each row with the ledger."""
    matched, missed = match_rows(sheet.rows, ledger.states)
    agreed, disputed = merge_repeats(matched)
    corrections = [to_correction(one, state, repeats, ledger) for one, state, repeats in agreed]
    changes = [one for one in corrections if is_change(one)]
    invalid = sorted([*sheet.invalid, *missed, *disputed], key=lambda one: one.row)
    return CorrectionsPreview(
        digest=preview_digest(content, [state for _, state, _ in agreed], invalid, ledger),
        changes=changes,
        unchanged=[one for one in corrections if not is_change(one)],
        invalid=invalid,
        moves=Counter((one.old_status, one.new_status) for one in changes),
        effects=sum_effects(changes, ledger),
        header=sheet.header,
        separator=sheet.separator,
        ignored=sheet.ignored,
    )


def match_rows(
    rows: Iterable[CorrectionRow], found: Mapping[UUID, ConversionState]
) -> tuple[list[tuple[CorrectionRow, ConversionState]], list[InvalidRow]]:
    """The rows that identify exactly one conversion, with its state, and the others."""
    by_click: dict[UUID | None, list[UUID]] = defaultdict(list)
    for state in found.values():
        by_click[state.click].append(state.id)
    matched, invalid = [], []
    for one in rows:
        ids = by_click[one.id] if one.column == CLICK else [one.id] if one.id in found else []
        if len(ids) == 1:
            matched.append((one, found[ids[0]]))
        else:
            invalid.append(InvalidRow(one.row, one.cells, [no_match_error(one, ids)]))
    return matched, invalid


def no_match_error(one: CorrectionRow, ids: list[UUID]) -> CellError:
    if ids:
        listed = ", ".join(map(str, ids[:MAX_LISTED_IDS])) + (", …" if len(ids) > MAX_LISTED_IDS else "")
        return CellError(CLICK, f"{len(ids)} conversions have this click: give the {CONVERSION} instead ({listed})")
    if one.column == CLICK:
        return CellError(CLICK, "no conversion has this click")
    return CellError(CONVERSION, "no conversion has this id")


def merge_repeats(
    matched: list[tuple[CorrectionRow, ConversionState]],
) -> tuple[list[tuple[CorrectionRow, ConversionState, int | None]], list[InvalidRow]]:
    """The rows with the earlier row that they repeat, if any; and rows that contradict another row."""
    rows: dict[UUID, list[CorrectionRow]] = defaultdict(list)
    for one, state in matched:
        rows[state.id].append(one)
    conflicts = {
        id_: next((one for one in of if wanted_state(one) != wanted_state(of[0])), None) for id_, of in rows.items()
    }
    agreed, invalid = [], []
    for one, state in matched:
        first, other = rows[state.id][0], conflicts[state.id]
        if other is None:
            agreed.append((one, state, None if one is first else first.row))
        else:
            invalid.append(
                InvalidRow(
                    one.row,
                    one.cells,
                    [contradiction_error(one, other if wanted_state(one) == wanted_state(first) else first)],
                )
            )
    return agreed, invalid


def wanted_state(one: CorrectionRow) -> tuple[ConversionStatus, str | None]:
    return one.status, one.reason


def contradiction_error(one: CorrectionRow, other: CorrectionRow) -> CellError:
    if one.status != other.status:
        return CellError(STATUS, f"row {other.row} gives the same conversion the status {other.status}")
    return CellError(REASON, f"row {other.row} gives the same conversion a different reason")


def to_correction(one: CorrectionRow, state: ConversionState, repeats: int | None, ledger: LedgerExcerpt) -> Correction:
    owner = ledger.owners_by_offer[state.offer]
    old_reason = state.rejection_reason
    return Correction(
        row=one.row,
        repeats=repeats,
        id=state.id,
        click=state.click,
        offer=owner.offer,
        advertiser=owner.advertiser_name,
        partner=ledger.partners[state.partner],
        occurred_at=state.occurred_at,
        cost=in_units(state.cost),
        old_status=state.status,
        new_status=one.status,
        old_reason=old_reason,
        new_reason=one.reason or (old_reason if one.status == state.status else None),
    )


def is_change(one: Correction) -> bool:
    return one.repeats is None and (one.old_status, one.old_reason) != (one.new_status, one.new_reason)


def sum_effects(changes: Iterable[Correction], ledger: LedgerExcerpt) -> list[AdvertiserEffect]:
    """In order of the advertiser's name. Only conversions with status Success count."""
    sums: dict[UUID, BucketDelta] = defaultdict(BucketDelta)
    owners: dict[UUID, OfferOwner] = {}
    for one in changes:
        state = ledger.states[one.id]
        owner = ledger.owners_by_offer[state.offer]
        sign = (one.new_status == "Success") - (one.old_status == "Success")
        if sign:
            owners[owner.advertiser] = owner
            sums[owner.advertiser].add(BucketDelta(conversions=sign, cost=sign * state.cost))
    return [
        AdvertiserEffect(id_, owner.advertiser_name, owner.currency, sums[id_].conversions, in_units(sums[id_].cost))
        for id_, owner in sorted(owners.items(), key=lambda owner: (owner[1].advertiser_name, owner[0]))
    ]


def preview_digest(
    content: bytes, seen: Iterable[ConversionState], invalid: Iterable[InvalidRow], ledger: LedgerExcerpt
) -> str:
    """A digest of the file and the ledger's state: it changes if the effect of the file may have changed."""
    digest = blake2b(content, digest_size=16)
    for state in seen:
        digest.update(f"{state} {ledger.owners_by_offer[state.offer].advertiser}\n".encode())
    for one in invalid:
        digest.update(f"{one.row} {one.problems}\n".encode())
    return digest.hexdigest()


def in_units(millionths: int) -> Decimal:
    return Decimal(millionths).scaleb(-6)
