"""The intake log: one row per batch with its counts, and the rejections of the batch."""

from collections.abc import Sequence
from datetime import datetime

from database.chunked_delete import delete_in_chunks
from database.pool import Connection
from ingest.batches import BatchResult
from ingest.records import Rejection
from ingest.rollups import to_columns

MAX_LOGGED_REJECTIONS = 1_000  # of one batch; the response has all of them
CHUNK_BATCHES = 1_000  # deleted at once, each with up to MAX_LOGGED_REJECTIONS


async def log_batch(db: Connection, schema: str, kind: str, api_key: int | None, result: BatchResult) -> None:
    """Part of the batch's transaction: the header GoKart-Data-Through of a report is the time of the last batch."""
    batch = await db.fetchval(
        f"""
        INSERT INTO {schema}.intake (kind, token, accepted, duplicates, rejected)
        VALUES ($1, $2, $3, $4, $5) RETURNING id
        """,
        kind,
        api_key,
        result.accepted,
        result.duplicates,
        len(result.rejected),
    )
    logged: Sequence[Rejection] = result.rejected[:MAX_LOGGED_REJECTIONS]
    if logged:
        await db.execute(
            f"""
            INSERT INTO {schema}.intake_reject (intake, index, record, field, message)
            SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[])
            """,
            batch,
            *to_columns((r.index, r.id, r.field[:100], r.message) for r in logged),
        )


async def delete_batches_before(schema: str, before: datetime) -> int:
    """Keeps the last batch, whose time every report shows. Returns the number of batches deleted."""
    return await delete_in_chunks(
        f"""
        DELETE FROM {schema}.intake WHERE id IN (
            SELECT id FROM {schema}.intake
            WHERE received_at < $1 AND received_at < (SELECT max(received_at) FROM {schema}.intake)
            ORDER BY received_at LIMIT $2
        )
        """,
        before,
        chunk=CHUNK_BATCHES,
    )
