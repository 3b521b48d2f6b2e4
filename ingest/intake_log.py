"""The intake log: one row per batch with its counts, and the rejections of the batch."""

from datetime import datetime
from pathlib import Path

from database.chunked_delete import delete_in_chunks
from database.pool import Connection
from database.sql import SqlFile
from ingest.batches import BatchResult
from ingest.records import MAX_FIELD

SQL = Path(__file__).parent / "sql" / "intake_log.sql"
INSERT_BATCH = SqlFile(SQL, "insert_batch")
INSERT_REJECTIONS = SqlFile(SQL, "insert_rejections")
DELETE_OLD_BATCHES = SqlFile(SQL, "delete_old_batches")

MAX_LOGGED_REJECTIONS = 1_000  # of one batch; the response has all of them
CHUNK_BATCHES = 1_000  # deleted at once, each with up to MAX_LOGGED_REJECTIONS


async def log_batch(db: Connection, schema: str, kind: str, api_key: int | None, result: BatchResult) -> None:
    """Part of the batch's transaction: the header GoKart-Data-Through of a report is the time of the last batch."""
    query = INSERT_BATCH.bind(
        schema,
        kind=kind,
        api_key=api_key,
        accepted=result.accepted,
        duplicates=result.duplicates,
        rejected=len(result.rejected),
    )
    batch = await db.fetchval(query.sql, *query.args)
    logged = result.rejected[:MAX_LOGGED_REJECTIONS]
    if logged:
        query = INSERT_REJECTIONS.bind(
            schema,
            batch=batch,
            indexes=[rejection.index for rejection in logged],
            records=[rejection.id for rejection in logged],
            fields=[rejection.field[:MAX_FIELD] for rejection in logged],
            messages=[rejection.message for rejection in logged],
        )
        await db.execute(query.sql, *query.args)


async def delete_batches_before(schema: str, before: datetime) -> int:
    """Keeps the last batch, whose time every report shows. Returns the number of batches deleted."""
    return await delete_in_chunks(DELETE_OLD_BATCHES, schema, before=before, chunk=CHUNK_BATCHES)
