"""Named by PICCOLO_CONF=examples.notes.piccolo_conf."""

import os

from piccolo.conf.apps import AppRegistry

from database.engine import DatabaseConfig, DatabaseEngine
from tenants.config import TenancyConfig

DB = DatabaseEngine(DatabaseConfig(url=os.environ.get("NOTES_DATABASE_URL")))  # else an embedded PostgreSQL in .data
TENANCY = TenancyConfig(tenant_app="examples.notes.piccolo_app", platform_sites=("www",))
APP_REGISTRY = AppRegistry(apps=["tenants.piccolo_app", "examples.notes.piccolo_app"])
