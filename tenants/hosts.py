"""Host name → tenant."""

import re

import msgspec

from database.engine import engine
from database.pool import SCHEMA_ERRORS, SchemaOutdated, connection
from tenants.cache import tenant_cache
from tenants.config import tenancy
from tenants.tables import tenant_columns, tenant_from_row
from tenants.tenant import SLUG_PATTERN, Tenant, schema_of

HOST_PATTERN = re.compile(r"([a-z0-9.-]{1,253}?)\.?(?::(?P<port>[0-9]{1,5}))?")


class TenantHost(msgspec.Struct, frozen=True):
    """`slug` is None for a host of the platform."""

    site: str
    slug: str | None


def parse_host(header: str) -> TenantHost | None:
    """The site and tenant that a Host header names, or None. Ignores case, a port and a trailing dot."""
    config = tenancy()
    match = HOST_PATTERN.fullmatch(header.lower())
    if match is None or int(match["port"] or 0) > 65_535 or not match[1].endswith(f".{config.base_host}"):
        return None
    match match[1].removesuffix(f".{config.base_host}").split("."):
        case [site] if site in config.platform_sites:
            return TenantHost(site, None)
        case [slug] if "" in config.tenant_sites and SLUG_PATTERN.fullmatch(slug):
            return TenantHost("", slug)
        case [site, slug] if site in config.tenant_sites and SLUG_PATTERN.fullmatch(slug):
            return TenantHost(site, slug)
        case _:
            return None


async def find_tenant(slug: str) -> Tenant | None:
    """Reads the cache first. Raises DatabaseUnavailable."""
    return await tenant_cache.get_or_load(schema_of(slug), None, lambda: load_tenant(slug))


async def load_tenant(slug: str) -> Tenant | None:
    """Reads the database. Raises DatabaseUnavailable, or SchemaOutdated before the platform's first migration."""
    sql = f"SELECT {tenant_columns()} FROM tenant WHERE slug = $1"
    async with connection() as db:
        try:
            row = await db.fetchrow(sql, slug, timeout=engine().options.timeout)
        except SCHEMA_ERRORS as error:
            raise SchemaOutdated(error) from error
    return tenant_from_row(dict(row)) if row else None


def site_url(host: str) -> str:
    """The URL of `host`.<base>: HTTPS behind a proxy, or plain HTTP on this machine."""
    config = tenancy()
    local = config.base_host == "localhost"
    return f"http://{host}.localhost:{config.port}" if local else f"https://{host}.{config.base_host}"


def start_url(slug: str) -> str:
    """The first page of a new tenant."""
    site = tenancy().tenant_sites[0]
    return site_url(f"{site}.{slug}" if site else slug) + tenancy().start_path
