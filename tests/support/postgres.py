"""The test processes' databases."""

import asyncio
import atexit
import os
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import asyncpg
import psutil

from database.embedded import EmbeddedPostgres
from tests.support import citus

PREFIX = "gokart_test_"
LOCAL = {None, "localhost", "127.0.0.1", "::1"}
EMBEDDED = "TESTS_ON_EMBEDDED_SERVER"  # the parent process sets it for the workers


class Databases:
    """The database of this test process: `url`, on the server at `given`.

    The server is the one that GOKART_DATABASE_URL names. Without it, the parent of the workers starts an embedded one.
    """

    def __init__(self, directory: Path) -> None:
        given = os.environ.get("GOKART_DATABASE_URL")
        if given is None:
            os.environ[EMBEDDED] = "yes"
            server = EmbeddedPostgres(
                directory,
                fsync="off",
                full_page_writes="off",
                synchronous_commit="off",
                autovacuum="off",
                wal_keep_size="512MB",  # a replica's base backup may take long on a busy machine
            )
            given = server.start()
            atexit.register(server.stop)
        self.embedded = EMBEDDED in os.environ
        self.name = f"{PREFIX}{os.getpid()}_{token_hex(4)}"
        self.given = given
        self.url = urlsplit(given)._replace(path=f"/{self.name}").geturl()
        self.server_url = urlsplit(given)._replace(path="/postgres").geturl()
        self.created = False

    def create(self) -> None:
        asyncio.run(self._create())
        self.created = True

    def drop(self) -> None:
        if self.created:
            asyncio.run(self._drop(self.name))

    async def _create(self) -> None:
        if self.embedded or urlsplit(self.given).hostname in LOCAL:
            await self._drop_leftovers()
        await self._execute(f"CREATE DATABASE {self.name}")
        if not self.embedded:
            await citus.join_nodes(self.given, self.url)

    async def _drop_leftovers(self) -> None:
        """Drops the databases of test processes that were killed."""
        connection = await asyncpg.connect(self.server_url)
        try:
            found = await connection.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", PREFIX)
            for (name,) in found:
                if not psutil.pid_exists(int(name.removeprefix(PREFIX).partition("_")[0])):
                    await self._drop(name)
        finally:
            await connection.close()

    async def _drop(self, name: str) -> None:
        """On the nodes of a cluster first: if that is interrupted, the next run finds the name on the coordinator."""
        if not self.embedded:
            await citus.leave_nodes(self.given, name)
        await self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
