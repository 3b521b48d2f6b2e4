"""The log of Singular's requests: every response to a known API key is logged, in the background."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

import settings
from jobs.cleanup import clean_tenant
from singular import request_log
from singular.request_log import (
    PendingEntries,
    RequestLogEntry,
    SingularRequest,
    recent_singular_requests,
    write_request_log,
)
from tenants.tenant import current_tenant
from tests.support.api_key_cast import NOWHERE, id_of, insert_advertiser, set_columns
from tests.support.app_calls import run, run_in_tenant
from tests.support.database import execute, locked
from tests.support.sandbox import JSON, SINGULAR, SINGULAR_CSV, Sandbox, conversion_callback, event_record, offer_record
from tests.support.servers import running_server
from tests.support.wait import wait_until

MAY = {"date_from": "2025-05-01", "date_to": "2025-05-31"}
START, END = datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
IN_MAY = (START, END)
NOTHING = (None, None)


def log_of(sandbox: Sandbox, advertiser: UUID | None = None, **options: Any) -> list[SingularRequest]:
    """The log, newest first."""
    return run_in_tenant(
        sandbox.tenant.slug, lambda: recent_singular_requests(current_tenant(), advertiser or sandbox.owner, **options)
    )


@contextmanager
def server_of(sandbox: Sandbox, folder: Path, **environment: str) -> Iterator[Sandbox]:
    """The sandbox at a separate server, which writes its log when it stops."""
    with running_server(folder, workers=1, **environment) as running, running.client() as client:
        yield msgspec.structs.replace(sandbox, http=client)


def logged(pull: SingularRequest) -> tuple[str, int, int | None, tuple[datetime | None, datetime | None]]:
    return pull.format, pull.status, pull.rows, (pull.starts_at, pull.ends_at)


def filled(sandbox: Sandbox) -> Sandbox:
    """A sandbox with three items in May."""
    offers = [offer_record(sandbox) for _ in range(3)]
    sandbox.send("offers", offers)
    sandbox.send("events", [event_record(offer["id"]) for offer in offers])
    return sandbox


def test_each_response_is_logged(sandbox: Sandbox, tmp_path: Path) -> None:
    plain, paused = insert_advertiser(sandbox, singular_enabled=False), insert_advertiser(sandbox, status="paused")
    before = datetime.now(UTC)
    with server_of(filled(sandbox), tmp_path) as there:
        etag = there.get(SINGULAR, **MAY).headers["etag"]
        there.get(SINGULAR_CSV, **MAY)
        again = {"If-None-Match": etag}
        assert there.request("GET", SINGULAR, token=sandbox.owner_key, params=MAY, headers=again).status_code == 304
        there.get(SINGULAR, date_from="2025-05-02T10:07Z", date_to="2025-05-02T10:20Z")
        there.get(SINGULAR, date_from="2025-05-31", date_to="2025-05-01")
        there.get(SINGULAR, token=sandbox.create_api_key("cost-report"), **MAY)
        there.get(SINGULAR_CSV, token=sandbox.create_api_key("singular", networks=[NOWHERE]), **MAY)
        once = sandbox.create_api_key("singular")
        set_columns(sandbox, once, rate=0.001, burst=1)
        assert [there.get(SINGULAR, token=once, **MAY).status_code for _ in range(2)] == [200, 429]
        for advertiser in plain, paused:
            key = sandbox.create_api_key("singular", advertiser=advertiser)
            assert there.get(SINGULAR, token=key, **MAY).status_code == 403
    ragged = datetime(2025, 5, 2, 10, tzinfo=UTC), datetime(2025, 5, 2, 10, 30, tzinfo=UTC)
    log = log_of(sandbox)
    assert [logged(pull) for pull in reversed(log)] == [
        ("json", 200, 3, IN_MAY),
        ("csv", 200, 3, IN_MAY),
        ("json", 304, None, IN_MAY),
        ("json", 200, 0, ragged),
        ("json", 400, None, NOTHING),
        ("json", 403, None, NOTHING),
        ("csv", 403, None, NOTHING),
        ("json", 200, 3, IN_MAY),
        ("json", 429, None, NOTHING),
    ]
    assert all(before < pull.at < datetime.now(UTC) and 0 <= pull.milliseconds < 10_000 for pull in log)
    assert {pull.key_name for pull in log} == {"test"}
    hint = execute("SELECT hint FROM {s}.api_token WHERE id = $1", id_of(sandbox, once), schema=sandbox.tenant.schema)
    assert [pull.key_hint for pull in log[:2]] == [hint[0]["hint"]] * 2
    assert (log[-1].first_day, log[-1].last_day) == (date(2025, 5, 1), date(2025, 5, 31))
    for advertiser in plain, paused:
        assert [logged(pull) for pull in log_of(sandbox, advertiser)] == [("json", 403, None, NOTHING)]


def test_other_requests_are_not_logged(sandbox: Sandbox, tmp_path: Path) -> None:
    with server_of(sandbox, tmp_path) as there:
        assert there.request("HEAD", SINGULAR, token=sandbox.owner_key, params=MAY).status_code == 200
        assert there.get(SINGULAR, token="garbage", **MAY).status_code == 401
        assert there.get(SINGULAR, token=sandbox.ingest_key, **MAY).status_code == 403
        assert there.get(JSON, **MAY).status_code == 200
    assert execute("SELECT * FROM {s}.singular_pull", schema=sandbox.tenant.schema) == []


@pytest.mark.parametrize("path", [SINGULAR, SINGULAR_CSV])
def test_a_streamed_report_is_logged_with_its_rows(sandbox: Sandbox, tmp_path: Path, path: str) -> None:
    with server_of(filled(sandbox), tmp_path, GOKART_STREAM_ROWS="1") as there:
        assert there.get(path, **MAY).status_code == 200
    (pull,) = log_of(sandbox)
    assert (pull.status, pull.rows) == (200, 3)


def test_an_internal_error_is_logged(sandbox: Sandbox, tmp_path: Path) -> None:
    with server_of(sandbox, tmp_path, GOKART_REPORT_TIMEOUT="0.3") as there, locked(f"{sandbox.tenant.schema}.by_day"):
        assert there.get(SINGULAR, **MAY).status_code == 503
    assert [logged(pull) for pull in log_of(sandbox)] == [("json", 503, None, IN_MAY)]


def test_a_client_that_disconnects_is_logged_as_499(sandbox: Sandbox, tmp_path: Path) -> None:
    with (
        server_of(sandbox, tmp_path) as there,
        locked(f"{sandbox.tenant.schema}.by_day"),
        pytest.raises(httpx.ReadTimeout),
    ):
        there.request("GET", SINGULAR, token=sandbox.owner_key, params=MAY, timeout=0.3)
    assert [logged(pull) for pull in log_of(sandbox)] == [("json", 499, None, IN_MAY)]


FILL = """
INSERT INTO {s}.by_day (offer, bucket, partner, cost, conversions, clicks, views)
SELECT o.key, '2100-01-01'::date + n, p.key, 1, 1, 1, 1 FROM {s}.offer o, {s}.partner p, generate_series(0, 200000) n
"""


def test_a_client_that_disconnects_during_the_response_is_logged_as_499(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, offer_record(sandbox)["id"])])
    execute(FILL, schema=sandbox.tenant.schema)
    with server_of(sandbox, tmp_path) as there:
        port = httpx.URL(there.http.base_url).port
        with socket.create_connection(("127.0.0.1", port)) as connection:
            request = f"GET {SINGULAR_CSV}?date_from=2100-01-01&date_to=2700-01-01 HTTP/1.1\r\nHost: {sandbox.host}\r\n"
            connection.sendall(f"{request}Authorization: ApiToken {sandbox.owner_key}\r\n\r\n".encode())
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
    (pull,) = log_of(sandbox)
    assert (pull.status, pull.rows) == (499, None)


def test_it_is_written_while_the_server_runs(sandbox: Sandbox) -> None:
    assert sandbox.get(SINGULAR, **MAY).status_code == 200
    wait_until(lambda: bool(log_of(sandbox)))


def test_requests_do_not_wait_for_the_log(sandbox: Sandbox) -> None:
    with locked(f"{sandbox.tenant.schema}.singular_pull"):
        assert {sandbox.get(SINGULAR, **MAY).status_code for _ in range(20)} == {200}


def test_a_tenant_with_a_broken_log_does_not_stop_others(
    sandbox: Sandbox, other_sandbox: Sandbox, tmp_path: Path
) -> None:
    with server_of(sandbox, tmp_path) as broken:
        whole = msgspec.structs.replace(other_sandbox, http=broken.http)
        execute("DROP TABLE {s}.singular_pull CASCADE", schema=sandbox.tenant.schema)
        for each in broken, whole, broken, whole:
            assert each.get(SINGULAR, **MAY).status_code == 200
    assert len(log_of(other_sandbox)) == 2


# --- internals that no request can trigger ---


def an_entry(sandbox: Sandbox, token: str | None = None, **values: Any) -> RequestLogEntry:
    entry = RequestLogEntry(
        datetime.now(UTC), sandbox.owner, id_of(sandbox, token or sandbox.owner_key), "json", START, END, 200, 1, 5
    )
    return msgspec.structs.replace(entry, **values)


def write(*noted: tuple[Sandbox, RequestLogEntry]) -> None:
    for sandbox, entry in noted:
        request_log._pending.add(sandbox.tenant.schema, entry)
    run(write_request_log)


def test_entries_are_kept_while_the_database_is_unavailable(
    sandbox: Sandbox, other_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_log, "settings", settings.settings.model_copy(update={"database_wait": 0.2}))
    with locked(f"{sandbox.tenant.schema}.singular_pull"):
        write((sandbox, an_entry(sandbox)), (other_sandbox, an_entry(other_sandbox)))
        assert len(log_of(other_sandbox)) == 1
    write()
    assert len(log_of(sandbox)) == 1


def test_entries_of_a_deleted_key_are_skipped(sandbox: Sandbox) -> None:
    key = sandbox.create_api_key("singular")
    entry = an_entry(sandbox, key)
    write((sandbox, entry))
    assert len(log_of(sandbox)) == 1
    execute("DELETE FROM {s}.api_token WHERE id = $1", entry.token, schema=sandbox.tenant.schema)
    write((sandbox, entry), (sandbox, an_entry(sandbox, status=304)))
    assert [pull.status for pull in log_of(sandbox)] == [304]


def test_pending_entries_are_limited_per_key(sandbox: Sandbox) -> None:
    noted = PendingEntries()
    one, other = an_entry(sandbox), an_entry(sandbox, sandbox.create_api_key("singular"))
    for _ in range(10 * request_log.MAX_PENDING_PER_KEY):
        noted.add("t_one", one)
    noted.add("t_one", other)
    assert noted.lost == 9 * request_log.MAX_PENDING_PER_KEY
    taken = noted.take("t_one")
    assert len(taken) == request_log.MAX_PENDING_PER_KEY + 1
    assert other in taken
    noted.add("t_one", one)
    assert noted.take("t_one") == [one]


def test_many_keys_cannot_fill_the_memory_either(sandbox: Sandbox) -> None:
    noted, entry = PendingEntries(), an_entry(sandbox)
    for n in range(2 * request_log.MAX_PENDING):
        noted.add(f"t_{n % 7}", msgspec.structs.replace(entry, token=n))
    assert noted.lost == request_log.MAX_PENDING
    assert sum(len(noted.take(schema)) for schema in noted.schemas()) == request_log.MAX_PENDING


def test_entries_are_deleted_after_90_days(sandbox: Sandbox) -> None:
    now = datetime.now(UTC)
    rival = an_entry(sandbox, sandbox.rival_key, advertiser=sandbox.rival)
    for entry in an_entry(sandbox), rival:
        for days in 1, 89, 91, 200:
            note_as_it_is(sandbox, msgspec.structs.replace(entry, at=now - timedelta(days=days)))
    assert run(lambda: clean_tenant(sandbox.tenant, now))["singular_requests_deleted"] == 4
    assert [round((now - pull.at) / timedelta(days=1)) for pull in log_of(sandbox)] == [1, 89]
    assert [round((now - pull.at) / timedelta(days=1)) for pull in log_of(sandbox, sandbox.rival)] == [1, 89]


def note_as_it_is(sandbox: Sandbox, entry: RequestLogEntry) -> None:
    execute(
        """
        INSERT INTO {s}.singular_pull
            (at, advertiser, token, format, starts_at, ends_at, status, rows, milliseconds)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        *msgspec.structs.astuple(entry),
        schema=sandbox.tenant.schema,
    )


def test_the_log_is_read_page_by_page(sandbox: Sandbox) -> None:
    at = datetime.now(UTC)
    entries = [
        an_entry(sandbox, at=at - timedelta(seconds=n // 2), rows=n) for n in range(7)
    ]  # two writes at the same time
    write(*((sandbox, entry) for entry in entries))
    write((sandbox, an_entry(sandbox, sandbox.rival_key, advertiser=sandbox.rival)))
    seen: list[SingularRequest] = []
    while page := log_of(sandbox, limit=2, before=seen[-1].id if seen else None):
        seen += page
    assert sorted(pull.rows or 0 for pull in seen) == list(range(7))
    assert [pull.at for pull in seen] == sorted((pull.at for pull in seen), reverse=True)
    (rivals,) = log_of(sandbox, sandbox.rival)
    assert log_of(sandbox, before=rivals.id) == []
