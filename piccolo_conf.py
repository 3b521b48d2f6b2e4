"""The database engine, the tenancy configuration and the app registry, where Piccolo looks for them."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from catalog.tenants import GokartTenant, begin_incarnation, create_own_partner, rename_own_partner
from database.engine import DatabaseConfig, DatabaseEngine
from settings import settings
from tenants.config import TenancyConfig

SCHEMA = Path(__file__).with_name("schema")


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


DB = DatabaseEngine(
    DatabaseConfig(
        url=_revealed(settings.database_url),
        embedded_hint="GOKART_DATA_DIR names another directory, GOKART_DATABASE_URL a server of your own",
        migrate_command="gokart migrate",
        listen_url=_revealed(settings.listen_url),
        replica_url=_revealed(settings.replica_url),
        pgbouncer=settings.pgbouncer,
        data_dir=settings.data_dir,
        backup_dir=settings.backup_dir,
        pool_size=settings.database_pool,
        stream_pool_size=settings.streams,
        timeout=settings.database_wait,
        lock_timeout=settings.lock_timeout,
        statement_timeout=settings.statement_timeout,
        max_tenants_per_connection=settings.connection_tenants,
    )
)
TENANCY = TenancyConfig(
    base_host=settings.base_host,
    port=settings.port,
    public_url=settings.public_url,
    tenant_sites=("api", "app"),
    platform_sites=("admin",),
    any_host_paths=("/healthz", "/readyz"),
    start_path="/docs",
    tenant_migrations=SCHEMA / "tenant" / "piccolo_migrations",
    platform_migrations={"platform": SCHEMA / "platform" / "piccolo_migrations"},
    tenant_type=GokartTenant,
    on_create=create_own_partner,
    on_rename=rename_own_partner,
    on_restore=begin_incarnation,
    dump_dir=settings.data_dir / "dumps",
    dump_lock_tables=("intake",),  # every intake call writes it last, so nothing is acknowledged after that
    citus_marker_table="advertiser",
)


def __getattr__(name: str) -> Any:
    """Piccolo's registry, whose module imports a code formatter: only Piccolo's tools need it, no server."""
    if name != "APP_REGISTRY":
        raise AttributeError(name)
    from piccolo.conf.apps import AppRegistry

    return AppRegistry(apps=["tenants.piccolo_app", "schema.platform.piccolo_app", "schema.tenant.piccolo_app"])
