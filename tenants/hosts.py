"""Host name → tenant."""

import re
from typing import Literal

import msgspec

from database.pool import SCHEMA_ERRORS, SchemaOutdated, connection
from settings import settings
from tenants.cache import tenant_cache
from tenants.tables import TENANT_COLUMNS, tenant_from_row
from tenants.tenant import SLUG_PATTERN, Tenant, schema_of

HOST_PATTERN = re.compile(r"([a-z0-9.-]{1,253}?)\.?(?::(?P<port>[0-9]{1,5}))?")


class TenantHost(msgspec.Struct, frozen=True):
    """`slug` is None for the platform's own host, admin.<base>."""

    kind: Literal["api", "app", "admin"]
    slug: str | None


def parse_host(header: str) -> TenantHost | None:
    """What a Host header names, compared without case; a port and a trailing dot are allowed. None: nothing of ours."""
    match = HOST_PATTERN.fullmatch(header.lower())
    if match is None or int(match["port"] or 0) > 65_535 or not match[1].endswith(f".{settings.base_host}"):
        return None
    match match[1].removesuffix(f".{settings.base_host}").split("."):
        case ["admin"]:
            return TenantHost("admin", None)
        case ["api" | "app" as kind, slug] if SLUG_PATTERN.fullmatch(slug):
            return TenantHost("api" if kind == "api" else "app", slug)
        case _:
            return None


async def find_tenant(slug: str) -> Tenant | None:
    """Costs no query for a tenant seen before. Raises DatabaseUnavailable."""
    return await tenant_cache.get_or_load(schema_of(slug), None, lambda: load_tenant(slug))


async def load_tenant(slug: str) -> Tenant | None:
    """Straight from the database. Raises DatabaseUnavailable, also where that is of another version."""
    sql = f"SELECT {TENANT_COLUMNS} FROM tenant WHERE slug = $1"
    async with connection() as db:
        try:
            row = await db.fetchrow(sql, slug, timeout=settings.database_wait)
        except SCHEMA_ERRORS as error:
            raise SchemaOutdated(error) from error
    return tenant_from_row(dict(row)) if row else None


def site_url(host: str) -> str:
    """The URL of `host`.<base>: HTTPS behind a proxy, or plain HTTP on this machine."""
    local = settings.base_host == "localhost"
    return f"http://{host}.localhost:{settings.port}" if local else f"https://{host}.{settings.base_host}"
