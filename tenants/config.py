"""The configuration of `tenants`."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path

import asyncpg
import msgspec

from core.errors import GokartError
from database.engine import configuration
from tenants.tenant import Tenant, schema_of

# Labels that a tenant does not get: hosts that a provider needs, or that people take for the provider's.
RESERVED_SLUGS = frozenset(
    """
    about abuse account accounts admin administrator api app apps assets auth autoconfig autodiscover billing blog cdn
    console contact dashboard docs download downloads email files ftp git gokart grafana health healthz help
    home host hostmaster id imap info internal intranet ldap legal localhost localdomain login logs mail manage media
    metrics mobile monitor monitoring mta-sts mx mx1 mx2 news noc ns ns1 ns2 ns3 ns4 oauth ops platform pop pop3
    portal postmaster preview private prometheus proxy public readyz register root security server sftp shop signin
    signup sip smtp ssh sso ssl staff stage staging static stats status store support sysadmin system tenant tenants
    tls update uploads vpn web webdisk webmail webmaster wpad www www1 www2
    """.split()  # noqa: SIM905  # shorter
)


class TenancyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A project's `piccolo_conf.py` creates it as TENANCY, next to DB: commands need it without an app.

    Hosts are SITE.TENANT.`base_host` for each of `tenant_sites` (the empty site is TENANT.`base_host`) and
    SITE.`base_host` for each of `platform_sites`. Requests to `any_host_paths` need no known host.

    `tenant_migrations` is the folder of the migrations that make up a tenant's schema; `platform_migrations` are the
    folders of further Piccolo apps with tables in schema public, by the app's name. `tenant_type` may add columns of
    table `tenant` as fields.

    `on_create` runs in the transaction that creates a tenant, after its migrations; `on_rename` in the one that changes
    its display name, with the old tenant and the new name; `on_restore` with the schema of a tenant that was
    restored from a dump, before it is active again.

    Before a tenant is dumped and dropped, `dump_lock_tables` are locked against writes (None: all its tables).
    New tenants get no label of `reserved_slugs`, nor of the sites; those that have one keep it.
    `citus_marker_table` is any table that every tenant has. `public_url` (such as https://example.com), or else `port`,
    and `start_path` are for URLs that commands print.
    """

    base_host: str = "localhost"
    port: int = 8000
    tenant_sites: tuple[str, ...] = ("",)
    platform_sites: tuple[str, ...] = ()
    any_host_paths: tuple[str, ...] = ()
    start_path: str = "/"
    public_url: str | None = None
    tenant_migrations: Path
    platform_migrations: Mapping[str, Path] = {}
    tenant_type: type[Tenant] = Tenant
    on_create: Callable[[asyncpg.Connection, Tenant], Awaitable[None]] | None = None
    on_rename: Callable[[asyncpg.Connection, Tenant, str], Awaitable[None]] | None = None
    on_restore: Callable[[asyncpg.Connection, str], Awaitable[None]] | None = None
    dump_dir: Path = Path(".data/dumps")
    dump_lock_tables: tuple[str, ...] | None = None
    citus_marker_table: str = ""
    reserved_slugs: frozenset[str] = RESERVED_SLUGS

    def site_url(self, host: str) -> str:
        """The URL of `host`.`base_host`: by default HTTPS behind a proxy, or plain HTTP on this machine."""
        if self.public_url:
            scheme, _, base = self.public_url.partition("://")
            return f"{scheme}://{host}.{base}"
        local = self.base_host == "localhost"
        return f"http://{host}.localhost:{self.port}" if local else f"https://{host}.{self.base_host}"

    def start_url(self, slug: str) -> str:
        """The first page of a new tenant."""
        site = self.tenant_sites[0]
        return self.site_url(f"{site}.{slug}" if site else slug) + self.start_path


@cache
def tenancy() -> TenancyConfig:
    """The configuration named TENANCY in `piccolo_conf.py`, or in the module that PICCOLO_CONF names."""
    found = getattr(configuration(), "TENANCY", None)
    assert isinstance(found, TenancyConfig), "piccolo_conf.TENANCY must be a TenancyConfig"
    return found


def schema_of_new(slug: str) -> str:
    """The schema of a tenant that is to have this slug. Raises GokartError if the slug is invalid or reserved."""
    try:
        schema = schema_of(slug)
    except ValueError as error:
        raise GokartError(str(error)) from error
    config = tenancy()
    if slug in config.reserved_slugs or slug in config.tenant_sites or slug in config.platform_sites:
        raise GokartError(f"slug: The name “{slug}” is reserved for hosts of the platform. Choose another one.")
    return schema
