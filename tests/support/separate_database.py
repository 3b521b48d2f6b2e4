"""A separate database with some tenants, so that background jobs find only these; and servers on it."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import msgspec

from tests.support.postgres import PREFIX
from tests.support.processes import kill_tree
from tests.support.servers import Server, run_cli, running_server
from tests.support.wait import wait_for_value

URLS = ("GOKART_DATABASE_URL", "GOKART_LISTEN_URL")
TENANTS = ["ash", "birch", "cedar"]
A_DAY = "86400"


class Platform(msgspec.Struct):
    environment: dict[str, str]

    @property
    def direct_url(self) -> str:
        """The URL that bypasses PgBouncer."""
        return self.environment.get("GOKART_LISTEN_URL") or self.environment["GOKART_DATABASE_URL"]

    def execute(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        async def work() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.direct_url)
            try:
                return [dict(row) for row in await connection.fetch(sql, *args)]
            finally:
                await connection.close()

        return asyncio.run(work())

    def running_server(
        self, folder: Path, *, workers: int = 1, every: str = A_DAY, **settings: str
    ) -> AbstractContextManager[Server]:
        settings = {"GOKART_TASKS_EVERY": every, **self.environment, **settings}
        return running_server(folder, workers=workers, **settings)

    def command(self, *arguments: str) -> str:
        return run_cli(*arguments, **self.environment)

    def runs(self, *, ended: bool = True) -> dict[str, int]:
        """How often each job has been started. `ended` leaves out jobs that are running."""
        rows = self.execute("SELECT name, runs FROM task WHERE $1 <= (run IS NULL)::int", int(ended))
        return {row["name"]: row["runs"] for row in rows}

    def wait_for(self, runs: dict[str, int]) -> None:
        wait_for_value(lambda: {name: count for name, count in self.runs().items() if name in runs}, runs)

    @contextmanager
    def rolled_back(self) -> "Iterator[Transaction]":
        """A transaction that leaves nothing behind."""
        loop = asyncio.new_event_loop()
        connection = loop.run_until_complete(asyncpg.connect(self.direct_url))
        try:
            loop.run_until_complete(connection.execute("BEGIN"))
            yield Transaction(loop, connection)
        finally:
            loop.run_until_complete(connection.close())
            loop.close()

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Locks the table: queries that use it wait until the end of the block."""
        loop = asyncio.new_event_loop()
        connection = loop.run_until_complete(asyncpg.connect(self.direct_url))
        try:
            loop.run_until_complete(connection.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
            yield
        finally:
            loop.run_until_complete(connection.close())
            loop.close()


class Transaction(msgspec.Struct):
    loop: asyncio.AbstractEventLoop
    connection: asyncpg.Connection

    def execute(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self.loop.run_until_complete(self.connection.fetch(sql, *args))]


@contextmanager
def separate_database() -> Iterator[Platform]:
    """Creates the database and its tenants, and drops it at the end of the block."""
    with empty_database() as platform:
        for tenant in TENANTS:
            platform.command("tenants", "create", tenant, "--name", tenant.title())
        yield platform


@contextmanager
def empty_database() -> Iterator[Platform]:
    """Creates a database without any table, and drops it at the end of the block."""
    name = f"{PREFIX}{os.getpid()}_{token_hex(4)}"
    inherited = {name: os.environ[name] for name in (*URLS, "GOKART_PGBOUNCER") if name in os.environ}
    server = Platform(inherited)
    urls = {each: urlsplit(inherited[each])._replace(path=f"/{name}").geturl() for each in URLS if each in inherited}
    environment = inherited | urls
    server.execute(f"CREATE DATABASE {name}")
    try:
        yield Platform(environment)
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def kill(server: Server) -> None:
    """Kills the server and its workers with SIGKILL, as a crash of the machine would."""
    kill_tree(server.process)
