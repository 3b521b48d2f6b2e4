"""The catalogue as its owner sends it: whole records, the last one holds."""

from collections.abc import Sequence
from uuid import UUID

from database.pool import Connection, connection
from ingest.batches import Answer, parse_all, reject, retrying, taking, write_log
from ingest.records import OfferRecord, PartnerRecord, Record, RecordError, Reject, parse_plain
from ingest.rollups import columns
from tenants.tenant import Tenant

Row = tuple[UUID, *tuple[object, ...]]


@retrying
async def put_partners(tenant: Tenant, records: Sequence[Record], token: int | None) -> Answer:
    """One transaction. Raises DatabaseUnavailable."""
    good, rejects = await parse_all(records, lambda record: parse_plain(record, PartnerRecord))
    wanted = {partner.id: partner.name for _, _, partner in good}
    async with connection() as db, taking(db, token):
        accepted = len(await put_names(db, f"{tenant.schema}.partner", wanted))
        answer = Answer(accepted, len(good) - accepted, rejects)
        await write_log(db, tenant.schema, "partners", token, answer)
    return answer


@retrying
async def put_offers(tenant: Tenant, records: Sequence[Record], token: int | None) -> Answer:
    """One transaction. An offer keeps its past figures when it moves to another advertiser, who then sees them.

    Raises DatabaseUnavailable.
    """
    good, rejects = await parse_all(records, lambda record: parse_plain(record, OfferRecord))
    async with connection() as db, taking(db, token):
        renamed, known = await put_advertisers(db, tenant.schema, [offer for _, _, offer in good])
        nameless = [
            reject(
                index,
                record,
                RecordError("advertiserName", f"is needed: {offer.advertiser_id} has not been seen before"),
            )
            for index, record, offer in good
            if offer.advertiser_id not in known
        ]
        wanted = {offer.id: offer for _, _, offer in good if offer.advertiser_id in known}
        named = {offer.advertiser_id: offer.id for offer in wanted.values() if offer.advertiser_id in renamed}
        accepted = len(await write_offers(db, tenant.schema, wanted) | set(named.values()))
        answer = Answer(accepted, len(good) - len(nameless) - accepted, by_index(rejects + nameless))
        await write_log(db, tenant.schema, "offers", token, answer)
    return answer


def by_index(rejects: list[Reject]) -> list[Reject]:
    return sorted(rejects, key=lambda r: r.index)


async def put_advertisers(db: Connection, schema: str, offers: list[OfferRecord]) -> tuple[set[UUID], set[UUID]]:
    """Makes and renames advertisers as the offers say. Returns which those were, and which of all there are now."""
    names = {offer.advertiser_id: offer.advertiser_name for offer in offers if offer.advertiser_name}
    renamed = await put_names(db, f"{schema}.advertiser", names)
    ids = list({offer.advertiser_id for offer in offers})
    rows = await db.fetch(f"SELECT id FROM {schema}.advertiser WHERE id = ANY($1::uuid[])", ids)
    return renamed, {row["id"] for row in rows}


async def put_names(db: Connection, table: str, names: dict[UUID, str]) -> set[UUID]:
    """Makes and renames rows of a table that has an id and a name. Returns the ids of those."""
    if not names:
        return set()
    rows = await db.fetch(
        f"SELECT id, name FROM {table} WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(names)
    )
    old = {row["id"]: row["name"] for row in rows}
    return await write(
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


async def write_offers(db: Connection, schema: str, offers: dict[UUID, OfferRecord]) -> set[UUID]:
    """Returns the ids of those that were made or changed."""
    names = ", ".join(OFFER_COLUMNS)
    rows = await db.fetch(
        f"SELECT {names} FROM {schema}.offer WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(offers)
    )
    old = {row["id"]: tuple(row) for row in rows}
    wanted = [
        (o.id, o.advertiser_id, o.name, o.campaign_name, o.app_name, o.store_id, o.os)
        for _, o in sorted(offers.items())
    ]
    return await write(
        db,
        f"{schema}.offer",
        OFFER_COLUMNS,
        new=[row for row in wanted if row[0] not in old],
        changed=[row for row in wanted if row[0] in old and row != old[row[0]]],
    )


async def write(
    db: Connection,
    table: str,
    types: dict[str, str],
    *,
    new: list[Row],
    changed: list[Row],
) -> set[UUID]:
    """Rows of `types`' columns, the first of them the id, in order of id. `changed` ones are locked already; a `new`
    one that another transaction has just made is overwritten. (Existing ones are not upserted: that uses up keys.)
    """
    names = ", ".join(types)
    rows = f"unnest({', '.join(f'${n}::{type_}[]' for n, type_ in enumerate(types.values(), 1))}) AS u ({names})"
    others = [name for name in types if name != "id"]
    if new:
        overwritten = ", ".join(f"{name} = excluded.{name}" for name in others)
        await db.execute(
            f"INSERT INTO {table} ({names}) SELECT * FROM {rows} ON CONFLICT (id) DO UPDATE SET {overwritten}",
            *columns(new),
        )
    if changed:
        replaced = ", ".join(f"{name} = u.{name}" for name in others)
        await db.execute(f"UPDATE {table} t SET {replaced} FROM {rows} WHERE t.id = u.id", *columns(changed))
    return {id_ for id_, *_ in [*new, *changed]}
