"""Environment → database engine and app registry, where Piccolo looks for them."""

from typing import Any

from piccolo.conf.apps import AppRegistry
from piccolo.engine.postgres import PostgresEngine

import database
from database.connections import connect_options


class Engine(PostgresEngine):
    """Its pool is `database.connections.Pool`.

    Silent until the first query: Piccolo's own asks the server's version and makes extensions as it is created,
    which is at import, where a server that is down would be met by a warning on the terminal."""

    pool: Any

    async def check_version(self) -> None:
        pass

    async def prep_database(self) -> None:
        pass


DB = Engine(config=connect_options(database.url()), extensions=())
APP_REGISTRY = AppRegistry(apps=["tenants.piccolo_app", "tenants.schema.piccolo_app"])
