"""The example of docs/tenancy.md: a small app on `tenants`, served by uvicorn on a separate database."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from database.engine import listen_url
from tests.support.database import execute
from tests.support.processes import ROOT
from tests.support.servers import NO_TLS, free_port
from tests.support.wait import wait_for_value

START_TIMEOUT = 120.0  # seconds; only guards against hangs


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    name = f"gokart_test_{os.getpid()}_{uuid4().hex[:8]}"
    execute(f"CREATE DATABASE {name}")
    yield urlsplit(listen_url())._replace(path=f"/{name}").geturl()
    execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def notes(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the running example."""
    port, log = free_port(), tmp_path_factory.mktemp("notes") / "log"
    settings = {"PICCOLO_CONF": "examples.notes.piccolo_conf", "NOTES_DATABASE_URL": database}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GOKART_")}
    command = [sys.executable, "-m", "uvicorn", "examples.notes.app:app", "--port", str(port)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, env=inherited | settings, stdout=output, stderr=output) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, verify=NO_TLS) as client,
    ):
        try:
            wait_for_value(lambda: is_up(client, process, log), wanted=True)
            yield client
        finally:
            process.terminate()
            process.wait(120)


def is_up(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        client.get("/")
    except httpx.TransportError:
        return False
    return True


def request(
    client: httpx.Client, method: str, host: str, path: str, json: dict[str, str] | None = None
) -> httpx.Response:
    return client.request(method, path, headers={"Host": f"{host}.localhost"}, json=json)


def sign_up(client: httpx.Client) -> str:
    slug = f"t{uuid4().hex[:12]}"
    response = request(client, "POST", "www", "/tenants", {"slug": slug, "name": slug.title()})
    assert response.status_code == 201, response.text
    return slug


def test_a_new_tenant_has_a_migrated_schema(notes: httpx.Client) -> None:
    slug = sign_up(notes)
    assert request(notes, "GET", slug, "/notes").json() == {"tenant": slug.title(), "notes": []}


def test_two_tenants_do_not_see_each_others_notes(notes: httpx.Client) -> None:
    one, other = sign_up(notes), sign_up(notes)
    assert request(notes, "POST", one, "/notes", {"text": "from one"}).status_code == 201
    assert request(notes, "POST", other, "/notes", {"text": "from other"}).status_code == 201
    assert request(notes, "GET", one, "/notes").json()["notes"] == ["from one"]
    assert request(notes, "GET", other, "/notes").json()["notes"] == ["from other"]


def test_a_taken_name_is_a_400_with_the_reason(notes: httpx.Client) -> None:
    slug = sign_up(notes)
    response = request(notes, "POST", "www", "/tenants", {"slug": slug, "name": "Again"})
    assert (response.status_code, response.json()["detail"]) == (400, f"There is a tenant '{slug}' already.")


@pytest.mark.parametrize("host", ["www", "nobody", "a.b", ""])
def test_notes_exist_on_hosts_of_tenants_only(notes: httpx.Client, host: str) -> None:
    response = request(notes, "GET", host, "/notes")
    assert (response.status_code, response.json()["detail"]) == (404, "This host does not exist.")


def test_a_suspended_tenant_is_a_403(notes: httpx.Client, database: str) -> None:
    slug = sign_up(notes)
    assert request(notes, "GET", slug, "/notes").status_code == 200
    run_sql(database, f"UPDATE tenant SET status = 'suspended' WHERE slug = '{slug}'")
    wait_for_value(lambda: request(notes, "GET", slug, "/notes").status_code, 403)


def test_a_locked_table_of_tenants_is_a_503(notes: httpx.Client, database: str) -> None:
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(database))
        runner.run(connection.execute("BEGIN; LOCK TABLE tenant IN ACCESS EXCLUSIVE MODE"))
        response = request(notes, "GET", f"t{uuid4().hex[:12]}", "/notes")
        runner.run(connection.close())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def run_sql(database: str, statement: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(database)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(work())
