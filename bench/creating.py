"""Creates tenants with a few rows each. Runs in its own process, so that two can create tenants at the same time.

    python -m bench.creating FIRST COUNT full|behind

`behind` creates them without the latest migration. Prints a JSON array of CreatedTenant.
"""

import asyncio
import sys
import time
from uuid import uuid4

import msgspec

from auth.api_keys.format import mint_api_key
from database.audit_context import Actor, acting_as
from database.pool import connection, open_pool, pool_affinity
from tenants import lifecycle
from tenants.migrations import migrate_platform, migration_modules

DATA = """
INSERT INTO {s}.advertiser (id, name, singular_enabled) VALUES ('{advertiser}', 'Advertiser', true);
INSERT INTO {s}.offer (id, advertiser, name) SELECT gen_random_uuid(), '{advertiser}', 'Offer ' || n
FROM generate_series(1, 5) n;
INSERT INTO {s}.by_month (offer, bucket, partner, cost, conversions, clicks, views)
SELECT o.key, '2024-01-01', p.key, 69000000, 3, 5, 50 FROM {s}.offer o, {s}.partner p;
INSERT INTO {s}.changed_month (offer, bucket, version, changed_at) SELECT key, '2024-01-01', 1, now() FROM {s}.offer;
INSERT INTO {s}.api_token (advertiser, name, digest, hint, scopes, created_by)
VALUES ('{advertiser}', 'bench', '\\x{digest}', '{hint}', '{{cost-report,singular}}', 'bench');
"""


class CreatedTenant(msgspec.Struct):
    """`milliseconds` is the time of its creation, without its rows. `caller` is "HOST TOKEN", to read its report."""

    milliseconds: float
    caller: str


async def create_one(number: int) -> CreatedTenant:
    started = time.perf_counter()
    tenant = await lifecycle.create_tenant(f"n{number}", f"Tenant {number}")
    milliseconds = (time.perf_counter() - started) * 1000
    token, advertiser = mint_api_key(), uuid4()
    rows = DATA.format(s=tenant.schema, advertiser=advertiser, digest=token.digest.hex(), hint=token.hint)
    with pool_affinity(tenant.schema):
        async with connection("schema") as db:  # others become slow with each tenant that is created
            await db.execute(rows)
    return CreatedTenant(milliseconds, f"api.{tenant.slug}.localhost {token.token}")


async def make_all(first: int, count: int, version: str) -> list[CreatedTenant]:
    if version == "behind":
        modules = migration_modules()
        del modules[max(modules)]
    with acting_as(Actor("bench")):
        async with open_pool():
            await migrate_platform()
            return [await create_one(number) for number in range(first, first + count)]


if __name__ == "__main__":
    made = asyncio.run(make_all(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
    sys.stdout.buffer.write(msgspec.json.encode(made))
