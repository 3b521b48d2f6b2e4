"""The request log: every response to a known API key is logged, in the background."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar.routes import HTTPRoute

from auth.api_keys import request_log
from auth.api_keys.request_log import PendingEntries, RequestLogEntry, write_request_log
from auth.api_keys.request_pages import INGEST_ENDPOINTS, REPORT_ENDPOINTS
from core.metrics import request_log_entries
from jobs.cleanup import clean_tenant
from main import api
from tests.support.api_key_cast import NOWHERE, id_of, insert_advertiser, set_columns
from tests.support.app_calls import run
from tests.support.database import execute, locked
from tests.support.sandbox import JSON, SINGULAR, SINGULAR_CSV, Sandbox, conversion_callback, event_record, offer_record
from tests.support.servers import running_server
from tests.support.wait import wait_until

MAY = {"date_from": "2025-05-01", "date_to": "2025-05-31"}
START, END = datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
IN_MAY = (START, END)
NOTHING = (None, None)


def log_of(sandbox: Sandbox, advertiser: UUID | None = None) -> list[dict[str, Any]]:
    """The log of the advertiser's keys, by default the owner's, newest first."""
    return execute(
        """
        SELECT r.*, t.name AS key_name FROM {s}.request_log r JOIN {s}.api_token t ON t.id = r.token
        WHERE r.advertiser = $1 ORDER BY r.at DESC, r.id DESC
        """,
        advertiser or sandbox.owner,
        schema=sandbox.tenant.schema,
    )


@contextmanager
def server_of(sandbox: Sandbox, folder: Path, **environment: str) -> Iterator[Sandbox]:
    """The sandbox at a separate server, which writes its log when it stops."""
    with running_server(folder, workers=1, **environment) as running, running.client() as client:
        yield msgspec.structs.replace(sandbox, http=client)


def logged(row: dict[str, Any]) -> tuple[str, int, int | None, tuple[datetime | None, datetime | None]]:
    return row["endpoint"].rpartition("/")[2], row["status"], row["rows"], (row["starts_at"], row["ends_at"])


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
    assert [logged(row) for row in reversed(log)] == [
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
    assert all(before < row["at"] < datetime.now(UTC) and 0 <= row["milliseconds"] < 10_000 for row in log)
    assert {(row["key_name"], str(row["address"]), row["accepted"]) for row in log} == {("test", "127.0.0.1", None)}
    assert {row["endpoint"] for row in log} == {SINGULAR, SINGULAR_CSV}
    assert [row["sent"] > 0 for row in reversed(log)] == [True, True, False, *[True] * 6]
    for advertiser in plain, paused:
        assert [logged(row) for row in log_of(sandbox, advertiser)] == [("json", 403, None, NOTHING)]


def test_all_endpoints_are_logged(sandbox: Sandbox, tmp_path: Path) -> None:
    with server_of(sandbox, tmp_path) as there:
        offer = offer_record(sandbox)
        there.send("offers", [offer])
        there.send("events", [event_record(offer["id"]), {}])
        assert there.get(JSON, **MAY).status_code == 200
        for path in "/api/v1/offers", "/api/v1/reports/status":
            assert there.get(path).status_code == 200
    rows = execute("SELECT * FROM {s}.request_log ORDER BY at, id", schema=sandbox.tenant.schema)
    assert [(row["endpoint"], row["advertiser"], row["rows"], row["accepted"], row["rejected"]) for row in rows] == [
        ("/api/v1/ingest/offers", None, 1, 1, 0),
        ("/api/v1/ingest/events", None, 2, 1, 1),
        (JSON, sandbox.owner, 1, None, None),
        ("/api/v1/offers", sandbox.owner, 1, None, None),
        ("/api/v1/reports/status", sandbox.owner, None, None, None),
    ]


def test_requests_without_a_known_key_and_heads_are_not_logged(sandbox: Sandbox, tmp_path: Path) -> None:
    with server_of(sandbox, tmp_path) as there:
        assert there.request("HEAD", SINGULAR, token=sandbox.owner_key, params=MAY).status_code == 200
        assert there.get(SINGULAR, token="garbage", **MAY).status_code == 401
        assert there.request("GET", "/docs").status_code == 200
    assert execute("SELECT * FROM {s}.request_log", schema=sandbox.tenant.schema) == []


def test_the_pages_filter_by_every_endpoint() -> None:
    endpoints = {
        route.path
        for route in api.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if any("requires_api_key" in getattr(guard, "__qualname__", "") for guard in handler.resolve_guards())
    }
    assert endpoints == {*REPORT_ENDPOINTS, *INGEST_ENDPOINTS}


@pytest.mark.parametrize("path", [SINGULAR, SINGULAR_CSV])
def test_a_streamed_report_is_logged_with_its_rows(sandbox: Sandbox, tmp_path: Path, path: str) -> None:
    with server_of(filled(sandbox), tmp_path, GOKART_STREAM_ROWS="1") as there:
        assert there.get(path, **MAY).status_code == 200
    (row,) = log_of(sandbox)
    assert (row["status"], row["rows"]) == (200, 3)


def test_an_internal_error_is_logged(sandbox: Sandbox, tmp_path: Path) -> None:
    with server_of(sandbox, tmp_path, GOKART_REPORT_TIMEOUT="0.3") as there, locked(f"{sandbox.tenant.schema}.by_day"):
        assert there.get(SINGULAR, **MAY).status_code == 503
    assert [logged(row) for row in log_of(sandbox)] == [("json", 503, None, IN_MAY)]


def test_a_client_that_disconnects_is_logged_as_499(sandbox: Sandbox, tmp_path: Path) -> None:
    with (
        server_of(sandbox, tmp_path) as there,
        locked(f"{sandbox.tenant.schema}.by_day"),
        pytest.raises(httpx.ReadTimeout),
    ):
        there.request("GET", SINGULAR, token=sandbox.owner_key, params=MAY, timeout=0.3)
    assert [logged(row) for row in log_of(sandbox)] == [("json", 499, None, IN_MAY)]


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
    (row,) = log_of(sandbox)
    assert (row["status"], row["rows"]) == (499, None)


def test_it_is_written_while_the_server_runs(sandbox: Sandbox) -> None:
    assert sandbox.get(SINGULAR, **MAY).status_code == 200
    wait_until(lambda: bool(log_of(sandbox)))


def test_requests_do_not_wait_for_the_log(sandbox: Sandbox) -> None:
    with locked(f"{sandbox.tenant.schema}.request_log"):
        assert {sandbox.get(SINGULAR, **MAY).status_code for _ in range(20)} == {200}


def test_a_tenant_with_a_broken_log_does_not_stop_others(
    sandbox: Sandbox, other_sandbox: Sandbox, tmp_path: Path
) -> None:
    with server_of(sandbox, tmp_path) as broken:
        whole = msgspec.structs.replace(other_sandbox, http=broken.http)
        execute("DROP TABLE {s}.request_log CASCADE", schema=sandbox.tenant.schema)
        for each in broken, whole, broken, whole:
            assert each.get(SINGULAR, **MAY).status_code == 200
    assert len(log_of(other_sandbox)) == 2


# --- internals that no request can trigger ---


def an_entry(sandbox: Sandbox, token: str | None = None, **values: Any) -> RequestLogEntry:
    key = id_of(sandbox, token or sandbox.owner_key)
    entry = RequestLogEntry(
        datetime.now(UTC), key, sandbox.owner, SINGULAR, START, END, 200, 1, None, None, 99, 5, ip_address("192.0.2.7")
    )
    return msgspec.structs.replace(entry, **values)


def write(*noted: tuple[Sandbox, RequestLogEntry]) -> None:
    for sandbox, entry in noted:
        request_log._pending.add(sandbox.tenant.schema, entry)
    run(write_request_log)


def test_entries_are_kept_while_a_tenants_table_is_locked(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    with locked(f"{sandbox.tenant.schema}.request_log"):
        write((sandbox, an_entry(sandbox)), (other_sandbox, an_entry(other_sandbox)))
        assert len(log_of(other_sandbox)) == 1
    write()
    assert len(log_of(sandbox)) == 1


def test_losses_are_counted(sandbox: Sandbox) -> None:
    before = {name: request_log_entries.labels(name)._value.get() for name in ("written", "lost")}
    execute("ALTER TABLE {s}.request_log RENAME TO gone", schema=sandbox.tenant.schema)
    write((sandbox, an_entry(sandbox)), (sandbox, an_entry(sandbox)))
    execute("ALTER TABLE {s}.gone RENAME TO request_log", schema=sandbox.tenant.schema)
    write((sandbox, an_entry(sandbox)), *[(sandbox, an_entry(sandbox))] * request_log.MAX_PENDING_PER_KEY)
    after = {name: request_log_entries.labels(name)._value.get() - before[name] for name in before}
    assert after == {"written": request_log.MAX_PENDING_PER_KEY, "lost": 3}


def test_pending_entries_are_limited_per_key(sandbox: Sandbox) -> None:
    noted = PendingEntries()
    one, other = an_entry(sandbox), an_entry(sandbox, sandbox.create_api_key("singular"))
    for _ in range(10 * request_log.MAX_PENDING_PER_KEY):
        noted.add("t_one", one)
    noted.add("t_one", other)
    assert noted.lost == 9 * request_log.MAX_PENDING_PER_KEY
    taken = noted.take()["t_one"]
    assert len(taken) == request_log.MAX_PENDING_PER_KEY + 1
    assert other in taken
    noted.remove("t_one", taken)
    noted.add("t_one", one)
    assert noted.take() == {"t_one": [one]}


def test_entries_count_as_pending_until_they_are_written(sandbox: Sandbox) -> None:
    noted, one = PendingEntries(), an_entry(sandbox)
    later = msgspec.structs.replace(one, at=one.at + timedelta(seconds=1))
    for _ in range(request_log.MAX_PENDING_PER_KEY - 1):
        noted.add("t_one", one)
    taken = noted.take()["t_one"]
    noted.add("t_one", later)
    noted.add("t_one", later)
    assert noted.lost == 1
    noted.put_back("t_one", taken)
    assert noted.take()["t_one"] == [*taken, later]


def test_many_keys_cannot_fill_the_memory_either(sandbox: Sandbox) -> None:
    noted, entry = PendingEntries(), an_entry(sandbox)
    for n in range(2 * request_log.MAX_PENDING):
        noted.add(f"t_{n % 7}", msgspec.structs.replace(entry, token=n))
    assert noted.lost == request_log.MAX_PENDING
    assert sum(map(len, noted.take().values())) == request_log.MAX_PENDING


def test_entries_are_deleted_after_30_days(sandbox: Sandbox) -> None:
    now = datetime.now(UTC)
    write(*((sandbox, an_entry(sandbox, at=now - timedelta(days=days))) for days in (1, 29, 31, 200)))
    assert run(lambda: clean_tenant(sandbox.tenant, now))["requests_deleted"] == 2
    assert [round((now - row["at"]) / timedelta(days=1)) for row in log_of(sandbox)] == [1, 29]
