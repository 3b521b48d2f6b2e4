"""Runs all tests against a real PostgreSQL: an embedded server that the workers share, or the one that
GOKART_DATABASE_URL names.

Each test process gets a new database. GOKART_DATABASE_URL names it before any module reads the settings.
With THROUGH=pgbouncer, the app connects through PgBouncer.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from xdist.scheduler import LoadFileScheduling

from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import Databases

if TYPE_CHECKING:
    from tests.support.replica import Replica
    from tests.support.sandbox import Sandbox
    from tests.support.servers import Server

DATABASES = Databases(Path(__file__).parents[1] / ".data" / "test" / "postgres")
THROUGH = os.environ.get("THROUGH", "")
PGBOUNCER = ExitStack()
os.environ["GOKART_DATABASE_URL"] = DATABASES.url
os.environ["GOKART_WEAK_PASSWORD_HASHING"] = "true"
# For root, each start of pytest makes /tmp/pytest-of-root private again, while the PostgreSQL of another run needs it.
TEMPORARY = Path(gettempdir(), f"gokart-tests-{sha256(__file__.encode()).hexdigest()[:8]}")
TEMPORARY.mkdir(exist_ok=True)
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(TEMPORARY))
# With this variable set, each server and command that the tests start would compile the whole project again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False  # pytest also caches the test modules whose assertions it has rewritten


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "numprocesses", None):  # the workers run the tests, not the process that starts them
        os.environ["GOKART_DATABASE_URL"] = DATABASES.given
        return
    DATABASES.create()
    if THROUGH:
        assert THROUGH == "pgbouncer", f"THROUGH={THROUGH} is unknown; THROUGH=pgbouncer is known"
        os.environ["GOKART_DATABASE_URL"] = PGBOUNCER.enter_context(running_pgbouncer(DATABASES.url, size=20))
        os.environ["GOKART_LISTEN_URL"] = DATABASES.url
        os.environ["GOKART_PGBOUNCER"] = "true"


def pytest_unconfigure() -> None:
    PGBOUNCER.close()
    DATABASES.drop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a replica come first: it is a copy of the whole server, which grows with each test."""
    items.sort(key=lambda item: "replica" not in getattr(item, "fixturenames", ()))


def pytest_runtest_setup(item: pytest.Item) -> None:
    from tests.support.database import on_cluster

    for marker in item.iter_markers("one_server"):
        if on_cluster():
            pytest.skip(f"not on a cluster: {marker.args[0]}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """One worker runs all tests of a file, so that module fixtures are created once. The files run in the order of
    collection: xdist's order, by number of tests, would start the slowest files last.
    """
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Server]":
    """One server of the app for all tests of this process."""
    from tenants.commands import run_command
    from tenants.migrations import migrate_platform
    from tests.support.servers import running_server

    run_command(migrate_platform)
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def http(server: "Server") -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def replica() -> "Iterator[Replica]":
    """A streaming replica of the tests' server."""
    from tests.support.replica import running_replica

    if not DATABASES.embedded:
        pytest.skip("replicates only the embedded server")
    with running_replica(DATABASES.url) as running:
        yield running


@pytest.fixture
def sandbox(http: httpx.Client) -> "Sandbox":
    """A new tenant for this test."""
    from tests.support.sandbox import create_sandbox

    return create_sandbox(http)


@pytest.fixture
def other_sandbox(http: httpx.Client) -> "Sandbox":
    """A second tenant. Its users and API keys are outsiders to the first."""
    from tests.support.sandbox import create_sandbox

    return create_sandbox(http)


@pytest.fixture(scope="module")
def module_sandbox(http: httpx.Client) -> "Sandbox":
    """A tenant that all tests of a module share. They only read it."""
    from tests.support.sandbox import create_sandbox

    return create_sandbox(http)


@pytest.fixture(scope="module")
def module_other_sandbox(http: httpx.Client) -> "Sandbox":
    from tests.support.sandbox import create_sandbox

    return create_sandbox(http)
