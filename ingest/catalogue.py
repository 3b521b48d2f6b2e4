"""Offers and partners as their owner sends them: each record replaces the whole row, except the advertiser of an offer,
and the last one wins.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from database.pool import Connection, connection
from ingest.batches import (
    BatchResult,
    intake_transaction,
    parse_in_thread,
    rejection_of,
    retry_deadlocks,
    sort_by_index,
)
from ingest.intake_log import log_batch
from ingest.records import OfferRecord, PartnerRecord, Record, RecordError, Rejection, parse_camel_case
from ingest.rollups import to_columns
from ingest.surrogate_ids import known_offers, moved_offer_error
from tenants.tenant import Tenant

Row = tuple[UUID, *tuple[object, ...]]
ParsedOffers = list[tuple[int, Record, OfferRecord]]


@retry_deadlocks
async def ingest_partners(
    tenant: Tenant, records: Sequence[Record], api_key: int | None, *, replay: bool = False
) -> BatchResult:
    """Ingests partners in one transaction. `replay` is as for `log_batch`. Raises DatabaseUnavailable."""
    parsed, rejections = await parse_in_thread(records, lambda record: parse_camel_case(record, PartnerRecord))
    names = {partner.id: partner.name for _, _, partner in parsed}
    async with connection() as db, intake_transaction(db, api_key):
        accepted = len(await save_names(db, f"{tenant.schema}.partner", names))
        result = BatchResult(accepted, len(parsed) - accepted, rejections)
        await log_batch(db, tenant.schema, "partners", result, records=records, api_key=api_key, replay=replay)
    return result


@retry_deadlocks
async def ingest_offers(
    tenant: Tenant, records: Sequence[Record], api_key: int | None, *, replay: bool = False
) -> BatchResult:
    """Ingests offers in one transaction. A record that names another advertiser than the offer has is rejected: the
    first record of an offer sets it, and only staff move an offer. `replay` is as for `log_batch`.

    Raises DatabaseUnavailable.
    """
    parsed, rejections = await parse_in_thread(records, lambda record: parse_camel_case(record, OfferRecord))
    async with connection() as db, intake_transaction(db, api_key):
        old = await lock_offers(db, tenant.schema, {offer.id for _, _, offer in parsed})
        owned, moved = split_by_owner(parsed, {id_: row[ADVERTISER] for id_, row in old.items()})
        renamed, known = await save_advertisers(db, tenant.schema, [offer for _, _, offer in owned])
        unnamed = [
            rejection_of(
                index, record, RecordError("advertiserName", f"is required: advertiser {offer.advertiser_id} is new")
            )
            for index, record, offer in owned
            if offer.advertiser_id not in known
        ]
        offers = {offer.id: offer for _, _, offer in owned if offer.advertiser_id in known}
        saved = await save_offers(db, tenant.schema, offers, old)
        lost: set[UUID] = set()  # another transaction has created them for another advertiser
        if unsaved := offers.keys() - old.keys() - saved:
            owners = {id_: offer.advertiser for id_, offer in (await known_offers(db, tenant.schema, unsaved)).items()}
            lost = {id_ for id_, owner in owners.items() if owner != offers[id_].advertiser_id}
            moved += split_by_owner([each for each in owned if each[2].id in lost], owners)[1]
        # A record that only renames its advertiser is accepted too: the last one of each advertiser.
        renaming = {offer.advertiser_id: offer.id for offer in offers.values() if offer.advertiser_id in renamed}
        accepted = len(saved | (set(renaming.values()) - lost))
        duplicates = len(parsed) - len(moved) - len(unnamed) - accepted
        result = BatchResult(accepted, duplicates, sort_by_index(rejections + moved + unnamed))
        await log_batch(db, tenant.schema, "offers", result, records=records, api_key=api_key, replay=replay)
    return result


def split_by_owner(parsed: ParsedOffers, owners: dict[UUID, Any]) -> tuple[ParsedOffers, list[Rejection]]:
    """The records that name the offer's advertiser, and rejections of the others. `owners` are the advertisers of the
    offers that exist; the first record of any other offer determines it.
    """
    owners = dict(owners)
    owned, moved = [], []
    for index, record, offer in parsed:
        owner = owners.setdefault(offer.id, offer.advertiser_id)
        if owner == offer.advertiser_id:
            owned.append((index, record, offer))
        else:
            error = moved_offer_error("advertiserId", offer.id, owner, offer.advertiser_id)
            moved.append(rejection_of(index, record, error))
    return owned, moved


async def save_advertisers(db: Connection, schema: str, offers: list[OfferRecord]) -> tuple[set[UUID], set[UUID]]:
    """Creates and renames the advertisers of the offers. Returns the ids of those, and of all that exist now."""
    names = {offer.advertiser_id: offer.advertiser_name for offer in offers if offer.advertiser_name}
    renamed = await save_names(db, f"{schema}.advertiser", names)
    ids = list({offer.advertiser_id for offer in offers})
    rows = await db.fetch(f"SELECT id FROM {schema}.advertiser WHERE id = ANY($1::uuid[])", ids)
    return renamed, {row["id"] for row in rows}


async def save_names(db: Connection, table: str, names: dict[UUID, str]) -> set[UUID]:
    """Creates and renames rows of a table with the columns id and name. Returns the ids of those."""
    if not names:
        return set()
    rows = await db.fetch(
        f"SELECT id, name FROM {table} WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(names)
    )
    old = {row["id"]: row["name"] for row in rows}
    return await insert_and_update(
        db,
        table,
        {"id": "uuid", "name": "text"},
        new=[(id_, name) for id_, name in sorted(names.items()) if id_ not in old],
        changed=[(id_, name) for id_, name in sorted(names.items()) if old.get(id_, name) != name],
    )


OFFER_COLUMNS = {
    "id": "uuid", "advertiser": "uuid", "name": "text", "campaign_name": "text", "app_name": "text", "store_id": "text",
    "os": "text",
}  # fmt: skip
ADVERTISER = list(OFFER_COLUMNS).index("advertiser")


async def lock_offers(db: Connection, schema: str, ids: set[UUID]) -> dict[UUID, tuple[Any, ...]]:
    """The rows of the offers that exist, with the columns of OFFER_COLUMNS."""
    names = ", ".join(OFFER_COLUMNS)
    rows = await db.fetch(
        f"SELECT {names} FROM {schema}.offer WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(ids)
    )
    return {row["id"]: tuple(row) for row in rows}


async def save_offers(
    db: Connection, schema: str, offers: dict[UUID, OfferRecord], old: dict[UUID, tuple[Any, ...]]
) -> set[UUID]:
    """`old` are the rows that exist, which the transaction has locked. Returns the ids of the offers that were created
    or changed.
    """
    new_rows = [
        (o.id, o.advertiser_id, o.name, o.campaign_name, o.app_name, o.store_id, o.os)
        for _, o in sorted(offers.items())
    ]
    return await insert_and_update(
        db,
        f"{schema}.offer",
        OFFER_COLUMNS,
        new=[row for row in new_rows if row[0] not in old],
        changed=[row for row in new_rows if row[0] in old and row != old[row[0]]],
        fixed="advertiser",
    )


async def insert_and_update(
    db: Connection,
    table: str,
    types: dict[str, str],
    *,
    new: list[Row],
    changed: list[Row],
    fixed: str = "",
) -> set[UUID]:
    """Rows have the columns of `types`, `id` first, and are in order of id. Returns the ids of those written.

    The `changed` rows are locked already. A `new` one that another transaction has inserted meanwhile is overwritten if
    it differs, unless it has another value in the column `fixed`.

    Existing rows are not upserted, because each attempt to insert uses up a value of the identity column.
    """
    names = ", ".join(types)
    rows = f"unnest({', '.join(f'${n}::{type_}[]' for n, type_ in enumerate(types.values(), 1))}) AS u ({names})"
    others = [name for name in types if name != "id"]
    written = {id_ for id_, *_ in changed}
    if new:
        overwritten = ", ".join(f"{name} = excluded.{name}" for name in others if name != fixed)
        where = " OR ".join(f"t.{name} IS DISTINCT FROM excluded.{name}" for name in others if name != fixed)
        where = f"t.{fixed} = excluded.{fixed} AND ({where})" if fixed else where
        inserted = await db.fetch(
            f"""
            INSERT INTO {table} AS t ({names}) SELECT * FROM {rows}
            ON CONFLICT (id) DO UPDATE SET {overwritten} WHERE {where} RETURNING id
            """,
            *to_columns(new),
        )
        written |= {row["id"] for row in inserted}
    if changed:
        replaced = ", ".join(f"{name} = u.{name}" for name in others)
        await db.execute(f"UPDATE {table} t SET {replaced} FROM {rows} WHERE t.id = u.id", *to_columns(changed))
    return written
