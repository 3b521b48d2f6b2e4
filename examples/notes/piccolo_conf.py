"""Named by PICCOLO_CONF=examples.notes.piccolo_conf."""

import os
from pathlib import Path

from piccolo.conf.apps import AppRegistry

from database.engine import DatabaseConfig, DatabaseEngine
from tenants.config import TenancyConfig

# Without a URL, an embedded PostgreSQL runs on a directory next to this file.
DB = DatabaseEngine(DatabaseConfig(url=os.environ.get("NOTES_DATABASE_URL"), data_dir=Path(__file__).parent / ".data"))
TENANCY = TenancyConfig(tenant_migrations=Path(__file__).parent / "migrations", platform_sites=("www",))
APP_REGISTRY = AppRegistry(apps=["tenants.piccolo_app", "examples.notes.piccolo_app"])
