"""The intake log: one row per batch with its counts, and the rejections of the batch."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from database.chunked_delete import delete_in_chunks
from database.pool import Connection
from database.sql import SqlFile
from ingest.batches import BatchResult
from ingest.records import MAX_FIELD, Record
from ingest.rejected_records import store_rejected_records, to_rows

SQL = Path(__file__).parent / "sql" / "intake_log.sql"
INSERT_BATCH = SqlFile(SQL, "insert_batch")
INSERT_REJECTIONS = SqlFile(SQL, "insert_rejections")
DELETE_OLD_BATCHES = SqlFile(SQL, "delete_old_batches")

MAX_LOGGED_REJECTIONS = 1_000  # of one batch; the response has all of them
CHUNK_BATCHES = 1_000  # deleted at once, each with up to MAX_LOGGED_REJECTIONS


async def log_batch(
    db: Connection,
    schema: str,
    kind: str,
    result: BatchResult,
    *,
    records: Sequence[Record] = (),
    api_key: int | None = None,
    replay: bool = False,
) -> None:
    """Part of the batch's transaction: the header GoKart-Data-Through of a report is the time of the last batch.

    `replay`: staff send records of this key again, which are stored already. It is not a batch of the sender.
    """
    query = INSERT_BATCH.bind(
        schema,
        kind=kind,
        api_key=None if replay else api_key,
        accepted=result.accepted,
        duplicates=result.duplicates,
        rejected=0 if replay else len(result.rejected),
    )
    batch = await db.fetchval(query.sql, *query.args)
    logged = result.rejected[:MAX_LOGGED_REJECTIONS]
    if logged and not replay:
        query = INSERT_REJECTIONS.bind(
            schema,
            batch=batch,
            indexes=[rejection.index for rejection in logged],
            records=[rejection.id for rejection in logged],
            fields=[rejection.field[:MAX_FIELD] for rejection in logged],
            messages=[rejection.message for rejection in logged],
        )
        await db.execute(query.sql, *query.args)
        if api_key is not None:  # of a file, the command line writes a file of rejected records
            rows = to_rows(kind, api_key, logged, records)
            await store_rejected_records(db, schema, kind, api_key, rows, now=datetime.now(UTC))


async def delete_batches_before(schema: str, before: datetime) -> int:
    """Keeps the last batch, whose time every report shows. Returns the number of batches deleted."""
    return await delete_in_chunks(DELETE_OLD_BATCHES, schema, before=before, chunk=CHUNK_BATCHES)
