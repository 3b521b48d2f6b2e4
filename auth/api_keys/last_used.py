"""When and from where an API key was last used: written at most once a minute per key, in the background."""

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
LastUse = tuple[datetime, Address | None]
_uses: dict[str, dict[int, LastUse]] = {}  # by schema and key


def record_use(tenant: Tenant, key: int, address: Address | None) -> None:
    _uses.setdefault(tenant.schema, {})[key] = (datetime.now(UTC), address)


def flush_last_used() -> AbstractAsyncContextManager[None]:
    """Writes recorded uses every few seconds, and when the block ends."""
    return run_every(WRITE_EVERY, write_last_used)


async def write_last_used() -> None:
    for schema in list(_uses):
        try:
            await write_tenant_uses(schema, _uses.pop(schema))
        except Exception as error:  # noqa: BLE001  # an error at one tenant, such as one being deleted, must not affect the others
            log.warning("last use of API keys not written", tenant=schema, error=repr(error))


async def write_tenant_uses(schema: str, uses: dict[int, LastUse]) -> None:
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
