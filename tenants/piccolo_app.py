"""The tables of `tenants` in schema public."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from tenants.tables import TenantMigration, TenantRow

APP_CONFIG = AppConfig(
    app_name="tenants",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[TenantRow, TenantMigration],
)
