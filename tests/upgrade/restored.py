"""A recorded release in a database of its own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from database.embedded import binary
from tests.support.separate_database import Platform, empty_database
from tests.support.servers import Server
from tests.upgrade.recording import RELEASES, Answer, Batch, Person, Recording, Request

SCHEMAS = ("public", "t_acme", "t_blue")
SETTINGS = {
    "GOKART_QUARTER_RETENTION_DAYS": "forever",  # however long ago the release was recorded
    "GOKART_WEAK_PASSWORD_HASHING": "false",
    "GOKART_TOTP_KEY": "a key of the present version for secrets that the release stored as they are",
}


class Restored(msgspec.Struct):
    platform: Platform
    recording: Recording

    def rows(self, table: str, columns: str) -> list[str]:
        """In the order of their text."""
        rows = self.platform.execute(f"SELECT to_jsonb(t)::text AS row FROM (SELECT {columns} FROM {table}) t")
        return sorted(row["row"] for row in rows)


@contextmanager
def restored_release(release: str) -> Iterator[Restored]:
    """Its sessions and links are as new, however long ago it was recorded."""
    with empty_database() as platform:
        run_script(platform, RELEASES / release / "database.sql")
        for schema in SCHEMAS:
            for table in "session", "one_time_link":
                platform.execute(f"UPDATE {schema}.{table} SET expires_at = now() + interval '1 day'")
            platform.execute(f"UPDATE {schema}.session SET seen_at = now()")
        yield Restored(platform, Recording.read(release))


def run_script(platform: Platform, path: Path) -> None:
    command = [
        str(binary("psql")),
        "--quiet",
        "--no-psqlrc",
        "--set=ON_ERROR_STOP=1",
        f"--file={path}",
        platform.direct_url,
    ]
    subprocess.run(command, check=True, capture_output=True)


class Client(msgspec.Struct):
    """Sends the recorded requests to a server."""

    server: Server
    recording: Recording
    http: httpx.Client

    def call(self, method: str, host: str, path: str, **rest: Any) -> httpx.Response:
        """Keeps no cookies."""
        headers = {"Host": f"{host}.localhost", "Origin": f"http://{host}.localhost", **rest.pop("headers", {})}
        self.http.cookies.clear()
        return self.http.request(method, path, headers=headers, **rest)

    def ask(self, request: Request, etag: str | None = None) -> Answer:
        headers = {"Authorization": f"ApiToken {self.recording.tokens[request.token]}"}
        if etag is not None:
            headers["If-None-Match"] = etag
        return Answer.of(request, self.call("GET", f"api.{request.tenant}", request.path, headers=headers))

    def send(self, batch: Batch) -> dict[str, Any]:
        method = "PUT" if batch.kind in {"offers", "partners"} else "POST"
        token = self.recording.tokens[batch.token]
        headers = {"Authorization": f"ApiToken {token}", "Content-Type": "application/json"}
        body = msgspec.json.encode(batch.records)
        response = self.call(
            method, f"api.{batch.tenant}", f"/api/v1/ingest/{batch.kind}", content=body, headers=headers
        )
        assert response.status_code == 200, response.text
        result: dict[str, Any] = response.json()
        return result

    def visit(self, person: Person, path: str, cookies: dict[str, str]) -> httpx.Response:
        header = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return self.call("GET", person.host, f"{person.root}{path}" or "/", headers={"Cookie": header})

    def post(self, person: Person, path: str, cookies: dict[str, str], **form: str) -> httpx.Response:
        header = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return self.call("POST", person.host, f"{person.root}{path}", data=form, headers={"Cookie": header})
