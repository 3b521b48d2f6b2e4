"""The tables of a tenant's schema. One line of migrations for all packages, so that a tenant is at one version.

`gokart migrate` runs the migrations. `piccolo migrations forwards` must not: it would create the tables in public.
"""

from pathlib import Path

from piccolo.conf.apps import AppConfig

APP_CONFIG = AppConfig(
    app_name="tenant_schema",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[],
)
