"""The catalogue's integer keys for the ids that records name, creating what conversion callbacks may create."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from database.pool import Connection
from ingest.rollups import to_columns


async def surrogate_ids(db: Connection, schema: str, table: str, ids: Iterable[UUID]) -> dict[UUID, int]:
    """Keys of the offers or partners that exist."""
    rows = await db.fetch(f"SELECT id, key FROM {schema}.{table} WHERE id = ANY($1::uuid[])", list(set(ids)))
    return {row["id"]: row["key"] for row in rows}


async def surrogate_ids_by_text(db: Connection, schema: str, table: str, ids: Collection[str]) -> dict[str, int]:
    """Like surrogate_ids, for ids as text with dashes in lower case."""
    rows = await db.fetch(f"SELECT id::text, key FROM {schema}.{table} WHERE id = ANY($1::uuid[])", list(ids))
    return dict(map(tuple, rows))


async def create_missing(db: Connection, schema: str, table: str, names: Mapping[UUID, str | None]) -> None:
    """Creates missing advertisers or partners. One without a name is named by its id until the catalogue names it."""
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
) -> dict[UUID, int]:
    """Creates offers from their ids, each with its advertiser (which exists) and name. Returns their keys."""
    if not offers:
        return {}
    await db.execute(
        f"""
        INSERT INTO {schema}.offer (id, advertiser, name) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])
        ON CONFLICT DO NOTHING
        """,
        *to_columns(sorted((id_, advertiser, name or str(id_)) for id_, (advertiser, name) in offers.items())),
    )
    return await surrogate_ids(db, schema, "offer", offers)
