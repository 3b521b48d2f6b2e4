"""The database becomes unavailable and available again under a running server."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from database.embedded import EmbeddedPostgres
from tests.support.database import execute
from tests.support.processes import ROOT
from tests.support.sandbox import JSON, MAY, Sandbox
from tests.support.servers import Server, run_cli, running_server

HOST = {"Host": "api.acme.localhost"}


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A separate database server, which the test may stop."""
    server = EmbeddedPostgres(tmp_path / "postgres", fsync="off")
    server.start()
    yield server
    server.stop()


def get_report(server: Server, token: str) -> httpx.Response:
    headers = {**HOST, "Authorization": f"ApiToken {token}"}
    return get(server, JSON, params=MAY, headers=headers)


def get(server: Server, path: str, **rest: Any) -> httpx.Response:
    """Sends a GET on a new connection."""
    with server.client() as client:
        return client.get(path, **rest)


def test_a_stopped_database_is_503_and_a_started_one_200_without_a_restart(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    url = postgres.start()
    here = {"GOKART_DATABASE_URL": url}
    run_cli("tenants", "create", "acme", "--name", "Acme", **here)
    advertiser = run_cli("advertisers", "create", "acme", "--name", "Boots", **here)
    token = run_cli("api-keys", "create", "acme", "--advertiser", advertiser, "--name", "test", **here)
    with running_server(tmp_path, GOKART_DATABASE_URL=url) as server:
        assert get_report(server, token).status_code == 200

        postgres.stop()
        down = get_report(server, token)
        assert down.status_code == 503
        assert down.json()["title"] == "Service unavailable"
        assert int(down.headers["retry-after"]) > 0
        assert get(server, "/healthz").status_code == 200
        assert get(server, "/readyz").status_code == 503

        postgres.start()
        deadline = time.monotonic() + 120
        while (up := get_report(server, token)).status_code == 503:
            assert time.monotonic() < deadline
        assert up.status_code == 200
        assert up.json() == {"data": []}


def test_the_server_starts_while_the_database_is_down(tmp_path: Path) -> None:
    nowhere = f"postgresql://postgres@/postgres?host={ROOT / 'tests'}"
    with running_server(tmp_path, GOKART_DATABASE_URL=nowhere) as server:
        response = get_report(server, "gokart_x")
        assert response.status_code == 503


def test_a_database_that_was_never_migrated_is_503(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with running_server(tmp_path, GOKART_DATABASE_URL=postgres.start()) as server:
        assert get_report(server, "gokart_x").status_code == 503
        assert get(server, "/readyz").status_code == 503
        assert "gokart migrate" in server.log.read_text()


def test_idle_connections_that_were_terminated_cause_at_worst_a_503(sandbox: Sandbox) -> None:
    """The request may be sent before the server has noticed the termination."""
    ended = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND strpos(query, $1) > 0
    """
    statuses = set()
    for _ in range(30):
        assert sandbox.get(JSON, **MAY).status_code in {200, 503}
        execute(ended, sandbox.tenant.schema)
        statuses.add(sandbox.get(JSON, **MAY).status_code)
    assert statuses <= {200, 503}
