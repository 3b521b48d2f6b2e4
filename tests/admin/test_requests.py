"""The request log's pages: of staff, and of an advertiser."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.api_key_cast import id_of
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser, staff_browser
from tests.support.sandbox import JSON, SINGULAR, Sandbox

INSERT = """
INSERT INTO {s}.request_log
    (at, token, advertiser, endpoint, status, rows, rejected, sent, milliseconds, address, starts_at, ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 12345, 7, '192.0.2.9', '2025-05-01Z', '2025-06-01Z')
"""


def insert(
    sandbox: Sandbox,
    key: str,
    advertiser: UUID | None,
    *,
    endpoint: str = JSON,
    status: int = 200,
    ago: float = 0,
    rows: int | None = None,
    rejected: int | None = None,
) -> None:
    at = datetime.now(UTC) - timedelta(days=ago)
    row: list[Any] = [at, id_of(sandbox, key), advertiser, endpoint, status, rows, rejected]
    execute(INSERT, *row, schema=sandbox.tenant.schema)


def shown(client: Browser, path: str, **filters: str) -> list[list[str]]:
    response = client.get(path, params=filters or None)
    assert response.status_code == 200
    return Page(response.text).rows("requests") if 'id="requests"' in response.text else []


def test_staff_see_the_requests_of_all_keys(sandbox: Sandbox) -> None:
    insert(sandbox, sandbox.owner_key, sandbox.owner, rows=1200)
    insert(sandbox, sandbox.ingest_key, None, endpoint="/api/v1/ingest/events", rows=9, rejected=2, ago=1)
    report, batch = shown(staff_browser(sandbox, "viewer"), "/staff/requests")
    assert report[1].startswith("test gokart_")
    assert report[2:4] == ["Owner", "/integrations/cost-report/json 1 \N{EN DASH} 31 May 2025"]
    assert report[4:] == ["200", "1,200", "12.3 kB", "7 ms", "192.0.2.9"]
    assert batch[2:6] == ["Ingest key", "/ingest/events 1 \N{EN DASH} 31 May 2025", "200", "9 2 rejected"]


def test_they_are_filtered(sandbox: Sandbox) -> None:
    staff = staff_browser(sandbox)
    insert(sandbox, sandbox.owner_key, sandbox.owner, status=429)
    insert(sandbox, sandbox.rival_key, sandbox.rival, endpoint=SINGULAR, ago=3)
    insert(sandbox, sandbox.ingest_key, None, endpoint="/api/v1/ingest/offers", status=503, ago=9)

    def statuses(**filters: str) -> list[str]:
        return [row[4].split()[0] for row in shown(staff, "/staff/requests", **filters)]

    assert statuses() == ["429", "200", "503"]
    assert statuses(advertiser="riv") == ["200"]
    assert statuses(advertiser=str(sandbox.owner)) == ["429"]
    assert statuses(key=str(id_of(sandbox, sandbox.ingest_key))) == ["503"]
    assert statuses(key="TEST") == ["429", "200", "503"]
    assert statuses(key="%") == []
    assert statuses(endpoint=SINGULAR) == ["200"]
    assert [statuses(status=name) for name in ("ok", "failed", "4xx", "5xx")] == [
        ["200"],
        ["429", "503"],
        ["429"],
        ["503"],
    ]
    day = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
    assert statuses(**{"from": day, "to": day}) == ["200"]
    assert statuses(**{"from": "x", "status": "x", "endpoint": "x"}) == ["429", "200", "503"]


def test_an_advertiser_sees_its_own(sandbox: Sandbox) -> None:
    for n in range(60):
        insert(sandbox, sandbox.owner_key, sandbox.owner, ago=n / 10, rows=n)
    insert(sandbox, sandbox.rival_key, sandbox.rival)
    insert(sandbox, sandbox.ingest_key, None)
    client = advertiser_browser(sandbox)
    page = Page(client.get("/keys/requests").text)
    assert [row[4] for row in page.rows("requests")] == [str(n) for n in range(50)]
    (older,) = page.all("a", rel="next")
    assert [row[4] for row in shown(client, older.attributes["href"])] == [str(n) for n in range(50, 60)]
    assert len(shown(advertiser_browser(sandbox, sandbox.rival), "/keys/requests")) == 1
    other = {"key": str(id_of(sandbox, sandbox.rival_key))}
    assert shown(client, "/keys/requests", **other) == []
    assert len(shown(client, "/keys/requests", advertiser=str(sandbox.rival))) == 50
