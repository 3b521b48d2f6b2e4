"""When and from where a token was last used: written at most once a minute for each, off the hot path."""

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import structlog

from core.background import run_every
from database.pool import connection
from tenants.tenant import Tenant
from web.requests import Address

WRITE_EVERY = 5.0
AT_MOST_EVERY = timedelta(minutes=1)

log = structlog.get_logger()
Use = tuple[datetime, Address | None]
_uses: dict[str, dict[int, Use]] = {}  # of each token, by schema


def record_use(tenant: Tenant, token: int, address: Address | None) -> None:
    _uses.setdefault(tenant.schema, {})[token] = (datetime.now(UTC), address)


def flush_last_used() -> AbstractAsyncContextManager[None]:
    """Writes what is noted every few seconds, and at the end of the block."""
    return run_every(WRITE_EVERY, write_last_used)


async def write_last_used() -> None:
    for schema in list(_uses):
        try:
            await write(schema, _uses.pop(schema))
        except Exception as error:  # noqa: BLE001  # one tenant (being deleted, say) must not stop the others
            log.warning("last use of tokens was not written", tenant=schema, error=repr(error))


async def write(schema: str, uses: dict[int, Use]) -> None:
    async with connection() as db:
        await db.execute(
            f"""
            UPDATE {schema}.api_token SET last_used_at = used.at, last_used_from = used.address
            FROM unnest($1::int[], $2::timestamptz[], $3::inet[]) AS used (id, at, address)
            WHERE api_token.id = used.id
                AND (last_used_at IS NULL OR last_used_at <= used.at - $4::interval)
            """,
            list(uses),
            [at for at, _ in uses.values()],
            [address for _, address in uses.values()],
            AT_MOST_EVERY,
        )
