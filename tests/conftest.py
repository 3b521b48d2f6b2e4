"""A real PostgreSQL for all tests: an embedded server shared by the workers, or the one of GOKART_DATABASE_URL.

Each test process gets a fresh database of its own, named in GOKART_DATABASE_URL before any module reads the settings.
With THROUGH=pgbouncer the app reaches it through a PgBouncer.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
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
BETWEEN = ExitStack()
os.environ["GOKART_DATABASE_URL"] = DATABASES.url
# Where it is set, each server and command that the tests start compiles the whole project anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False  # the same for the tests, whose assertions are rewritten, which takes longer


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "numprocesses", None):  # the workers run the tests, not the process that starts them
        os.environ["GOKART_DATABASE_URL"] = DATABASES.given
        return
    DATABASES.create()
    if THROUGH:
        assert THROUGH == "pgbouncer", f"THROUGH={THROUGH} is unknown; THROUGH=pgbouncer is known"
        os.environ["GOKART_DATABASE_URL"] = BETWEEN.enter_context(running_pgbouncer(DATABASES.url, size=20))
        os.environ["GOKART_LISTEN_URL"] = DATABASES.url
        os.environ["GOKART_PGBOUNCER"] = "true"


def pytest_unconfigure() -> None:
    BETWEEN.close()
    DATABASES.drop()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """A file's tests stay together, so that what they share is made once. The files come in their own order, not by
    how many tests they have: the slowest have few.
    """
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Server]":
    """The app, served to all tests of this process."""
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
        pytest.skip("a server of one's own is not copied")
    with running_replica(DATABASES.url) as running:
        yield running


@pytest.fixture
def sandbox(http: httpx.Client) -> "Sandbox":
    """A tenant of the test's own."""
    from tests.support.sandbox import create_sandbox

    return create_sandbox(http)


@pytest.fixture
def other_sandbox(http: httpx.Client) -> "Sandbox":
    """Another tenant, whose people are outsiders at the first."""
    from tests.support.sandbox import create_sandbox

    return create_sandbox(http)


@pytest.fixture(scope="module")
def module_sandbox(http: httpx.Client) -> "Sandbox":
    """A tenant that the tests of a module share, for those that change nothing."""
    from tests.support.sandbox import create_sandbox

    return create_sandbox(http)


@pytest.fixture(scope="module")
def module_other_sandbox(http: httpx.Client) -> "Sandbox":
    from tests.support.sandbox import create_sandbox

    return create_sandbox(http)
