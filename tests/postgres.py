"""The test processes' databases."""

import asyncio
import atexit
import os
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import asyncpg
import psutil

from database.embedded import Server

PREFIX = "gokart_test_"


class Databases:
    """One database of this process, `url`, on a server that the process which starts the workers has started."""

    def __init__(self, directory: Path) -> None:
        outside = os.environ.get("GOKART_DATABASE_URL")
        self.embedded = outside is None
        if outside is None:
            server = Server(directory, fsync="off", full_page_writes="off", synchronous_commit="off")
            outside = server.start()
            atexit.register(server.stop)
        self.name = f"{PREFIX}{os.getpid()}_{token_hex(4)}"
        self.url = urlsplit(outside)._replace(path=f"/{self.name}").geturl()
        self.server_url = urlsplit(outside)._replace(path="/postgres").geturl()
        self.created = False

    def create(self) -> None:
        asyncio.run(self._create())
        self.created = True

    def drop(self) -> None:
        if self.created:
            asyncio.run(self._execute(f"DROP DATABASE {self.name} WITH (FORCE)"))

    async def _create(self) -> None:
        if self.embedded:
            await self._drop_remains()
        await self._execute(f"CREATE DATABASE {self.name}")

    async def _drop_remains(self) -> None:
        """Databases of test processes that were killed."""
        connection = await asyncpg.connect(self.server_url)
        try:
            found = await connection.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", PREFIX)
            for (name,) in found:
                if not psutil.pid_exists(int(name.removeprefix(PREFIX).partition("_")[0])):
                    await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        finally:
            await connection.close()

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
