"""The tables of a tenant's schema, whichever part of the project uses them: one line of migrations for all of them,
so that a tenant is at one version. Run by `tenants.migrations`, never by `piccolo migrations forwards`, which knows
no tenants.
"""

from pathlib import Path

from piccolo.conf.apps import AppConfig

APP_CONFIG = AppConfig(
    app_name="tenant_schema",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[],
)
