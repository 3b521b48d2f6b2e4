"""Piccolo's engine, and the configuration of everything in `database`.

A project's `piccolo_conf.py` creates the engine: `DB = DatabaseEngine(DatabaseConfig(url=…))`.
"""

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Event, Thread
from types import ModuleType
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec
from piccolo.engine.postgres import PostgresEngine

from database.backups import BackupFolder
from database.embedded import DEFAULT_HINT, EmbeddedPostgres

PREPARED_STATEMENTS: Final = 800  # of a connection: two for each of 400 tenants, which use statements of their own


class DatabaseConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds.

    `url`: None runs an embedded PostgreSQL in `data_dir`/postgres; `embedded_hint` ends the error messages about that
    directory, and `backup_dir` is where it archives its log. `migrate_command` is named in the error about an outdated
    schema. `listen_url`: a direct URL for LISTEN and session locks if `url` goes through PgBouncer; `pgbouncer` then
    keeps no statement prepared. `timeout`: the longest wait for a free connection. `lock_timeout` and
    `statement_timeout`: the longest wait for a lock, and the longest statement;
    `database.transactions.lift_statement_timeout` exempts a transaction. `max_tenants_per_connection`: a connection
    that has served that many tenants is replaced.
    """

    url: str | None = None
    embedded_hint: str = DEFAULT_HINT
    migrate_command: str = "the migrations"
    listen_url: str | None = None
    replica_url: str | None = None
    pgbouncer: bool = False
    data_dir: Path = Path(".data")
    backup_dir: Path | None = None
    pool_size: int = 10
    stream_pool_size: int = 16
    timeout: float = 5
    lock_timeout: float = 3
    statement_timeout: float = 60
    max_tenants_per_connection: int = 400


class DatabaseEngine(PostgresEngine):
    """Its pool is `database.pool.ConnectionPool`.

    Connects with the first query. Piccolo's own engine connects when it is created, which is at import.
    """

    pool: Any

    def __init__(self, config: DatabaseConfig) -> None:
        """Starts the embedded server if there is no URL. Raises EmbeddedPostgresError."""
        self.options = config
        self.embedded: EmbeddedPostgres | None = None
        url = config.url
        if url is None:
            self.embedded, url = _start_embedded(config)
        self.url = url
        super().__init__(config=self.connect_options(self.url), extensions=())

    @property
    def has_sessions(self) -> bool:
        """Whether a setting of a session holds until the connection ends: with PgBouncer, it does not."""
        return not (self.options.pgbouncer or self.options.listen_url)

    def connect_options(self, url: str, **timeouts: str) -> dict[str, Any]:
        """Arguments of asyncpg.connect. `timeouts` replace those of `self.timeouts`.

        Reports contain dates as the server formats them, so the format is set to ISO 8601. PgBouncer may run each
        transaction on another backend, so no statement is kept prepared there; it refuses the timeouts, which are
        defaults of the role instead (`tenants.migrations.set_role_timeouts`).
        """
        server_settings = {"DateStyle": "ISO"}
        if self.options.pgbouncer:
            return {"dsn": url, "server_settings": server_settings, "statement_cache_size": 0}
        return {
            "dsn": url,
            "server_settings": {**server_settings, **self.timeouts, **timeouts},
            "statement_cache_size": PREPARED_STATEMENTS,
            "max_cached_statement_lifetime": 3600,  # seconds; asyncpg's 300 would end before many tenants' next request
        }

    @property
    def timeouts(self) -> dict[str, str]:
        """PostgreSQL's settings that bound every statement."""
        options = self.options
        return {"lock_timeout": f"{options.lock_timeout}s", "statement_timeout": f"{options.statement_timeout}s"}

    async def check_version(self) -> None:
        pass

    async def prep_database(self) -> None:
        pass


def _start_embedded(config: DatabaseConfig) -> tuple[EmbeddedPostgres, str]:
    """The server and its URL. It stops with the last process that uses it."""
    directory, archive = config.data_dir / "postgres", {}
    if config.backup_dir:
        folder = BackupFolder(config.backup_dir)
        folder.prepare(directory)
        archive = folder.archive_options
    server = EmbeddedPostgres(directory, hint=config.embedded_hint, **archive)
    url = server.start()
    atexit.register(server.stop)
    return server, url


@contextmanager
def supervised_database() -> Iterator[None]:
    """Within the block, the embedded server is started again if it ends. Does nothing for another server."""
    server, stopped = engine().embedded, Event()
    if server is None:
        yield
        return
    thread = Thread(target=server.keep_running, args=(stopped,), name="supervise PostgreSQL", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def configuration() -> ModuleType:
    """The module `piccolo_conf`, or the one that PICCOLO_CONF names. Piccolo's finder imports a code formatter."""
    return import_module(os.environ.get("PICCOLO_CONF", "piccolo_conf"))


@cache
def engine() -> DatabaseEngine:
    """The engine named DB in `piccolo_conf.py`, or in the module that PICCOLO_CONF names."""
    found = getattr(configuration(), "DB", None)
    assert isinstance(found, DatabaseEngine), "piccolo_conf.DB must be a DatabaseEngine"
    return found


def database_url() -> str:
    """May start the embedded server. Raises EmbeddedPostgresError."""
    return engine().url


def listen_url() -> str:
    """A URL where LISTEN and session locks work: not through PgBouncer in transaction mode."""
    return engine().options.listen_url or engine().url


def command_line_url() -> tuple[str, dict[str, str]]:
    """The URL without its password, and the password as environment: every user of a machine can read command lines."""
    parts = urlsplit(listen_url())
    if parts.password is None:
        return listen_url(), {}
    address = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"{parts.username or ''}@{address}"))
    return url, {"PGPASSWORD": unquote(parts.password)}
