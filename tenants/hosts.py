"""Host name → tenant."""

import re
from typing import Literal

import msgspec

from database.pool import OUTDATED, Outdated, connection
from settings import settings
from tenants.cache import memory
from tenants.tables import TENANT_COLUMNS, tenant_of
from tenants.tenant import SLUG, Tenant, schema_of

HOST = re.compile(r"([a-z0-9.-]{1,253}?)\.?(?::(?P<port>[0-9]{1,5}))?")


class Host(msgspec.Struct, frozen=True):
    """`slug` is None for the platform's own host, admin.<base>."""

    kind: Literal["api", "app", "admin"]
    slug: str | None


def parse_host(header: str) -> Host | None:
    """What a Host header names, compared without case; a port and a trailing dot are allowed. None: nothing of ours."""
    match = HOST.fullmatch(header.lower())
    if match is None or int(match["port"] or 0) > 65_535 or not match[1].endswith(f".{settings.base_host}"):
        return None
    match match[1].removesuffix(f".{settings.base_host}").split("."):
        case ["admin"]:
            return Host("admin", None)
        case ["api" | "app" as kind, slug] if SLUG.fullmatch(slug):
            return Host("api" if kind == "api" else "app", slug)
        case _:
            return None


async def find_tenant(slug: str) -> Tenant | None:
    """Costs no query for a tenant seen before. Raises `database.pool.Unavailable`."""
    return await memory.recall(schema_of(slug), None, lambda: load_tenant(slug))


async def load_tenant(slug: str) -> Tenant | None:
    """Straight from the database. Raises `database.pool.Unavailable`, also where that is of another version."""
    sql = f"SELECT {TENANT_COLUMNS} FROM tenant WHERE slug = $1"
    async with connection() as db:
        try:
            row = await db.fetchrow(sql, slug, timeout=settings.database_wait)
        except OUTDATED as error:
            raise Outdated(error) from error
    return tenant_of(dict(row)) if row else None
