"""The catalogue's integer keys for the ids that records name, creating what conversion callbacks may create."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

import msgspec

from database.pool import Connection
from ingest.records import RecordError
from ingest.rollups import to_columns


class KnownOffer(msgspec.Struct, frozen=True, gc=False):
    """An offer that exists: its key in the ledger, and its advertiser, which intake never changes."""

    key: int
    advertiser: UUID


def moved_offer_error(field: str, offer: UUID, owner: UUID, stated: UUID) -> RecordError:
    """`owner` is the offer's advertiser, `stated` the one that the record names."""
    return RecordError(
        field,
        f"{stated} is not the advertiser of offer {offer}, which belongs to {owner}; only staff can move an offer",
    )


async def known_offers(db: Connection, schema: str, ids: Iterable[UUID]) -> dict[UUID, KnownOffer]:
    rows = await db.fetch(f"SELECT id, key, advertiser FROM {schema}.offer WHERE id = ANY($1::uuid[])", list(set(ids)))
    return {row["id"]: KnownOffer(row["key"], row["advertiser"]) for row in rows}


async def surrogate_ids_by_text(db: Connection, schema: str, table: str, ids: Collection[str]) -> dict[str, int]:
    """Keys of the offers or partners that exist, for ids as text with dashes in lower case."""
    rows = await db.fetch(f"SELECT id::text, key FROM {schema}.{table} WHERE id = ANY($1::uuid[])", list(ids))
    return dict(map(tuple, rows))


async def create_missing(db: Connection, schema: str, table: str, names: Mapping[UUID, str | None]) -> None:
    """Creates missing advertisers or partners. One without a name is named by its id until the catalogue names it."""
    if not names:
        return
    rows = await db.fetch(f"SELECT id FROM {schema}.{table} WHERE id = ANY($1::uuid[])", list(names))
    known = {row["id"] for row in rows}
    missing = sorted((id_, name or str(id_)) for id_, name in names.items() if id_ not in known)
    if missing:
        await db.execute(
            f"""
            INSERT INTO {schema}.{table} (id, name) SELECT * FROM unnest($1::uuid[], $2::text[])
            ON CONFLICT DO NOTHING
            """,
            *to_columns(missing),
        )


async def create_missing_offers(
    db: Connection, schema: str, offers: Mapping[UUID, tuple[UUID, str | None]]
) -> dict[UUID, KnownOffer]:
    """Creates offers from their ids, each with its advertiser (which exists) and name. Returns them as they are now:
    another transaction may have created one, with another advertiser.
    """
    if not offers:
        return {}
    await db.execute(
        f"""
        INSERT INTO {schema}.offer (id, advertiser, name) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])
        ON CONFLICT DO NOTHING
        """,
        *to_columns(sorted((id_, advertiser, name or str(id_)) for id_, (advertiser, name) in offers.items())),
    )
    return await known_offers(db, schema, offers)
