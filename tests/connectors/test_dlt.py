"""The dlt source, with DuckDB against a live server: after each sync, the warehouse equals the API exactly."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from settings import PROJECT
from tests.support.connectors import HELPERS, run_tool
from tests.support.database import execute
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

Tables = dict[str, list[dict[str, Any]]]
SINCE_EVER = {"date_from": "2000-01-01", "date_to": "2100-01-01", "time_zone": "UTC", "group_by": "day,offer,partner"}


@pytest.fixture
def sync(sandbox: Sandbox, tmp_path: Path) -> Callable[[], Tables]:
    """Runs the pipeline, and returns the tables of the warehouse."""
    host = f"http://{sandbox.host}:{sandbox.http.base_url.port}"

    def run() -> Tables:
        script, source = HELPERS / "run_dlt.py", PROJECT / "connectors" / "dlt"
        output = run_tool("python", script, tmp_path, host, sandbox.owner_key, path=(source,))
        tables: Tables = json.loads(output.splitlines()[-1])
        return tables

    return run


def assert_equal_to_api(sandbox: Sandbox, tables: Tables) -> None:
    def rows(path: str, **params: str) -> list[dict[str, Any]]:
        response = sandbox.get(path, decimals="string", **params) if params or path.endswith("s") else None
        assert response is not None
        assert response.status_code == 200, response.text
        data: list[dict[str, Any]] = response.json()["data"]
        return data

    daily = {row["id"]: row for row in tables["daily"]}
    report = rows("/api/v1/reports/query", **SINCE_EVER)
    assert len(tables["daily"]) == len(daily) == len(report) > 0
    for row in report:
        copy = daily[row["id"]]
        assert (copy["day"], copy["offer_id"], copy["partner_id"]) == (row["day"], row["offerId"], row["partnerId"])
        assert Decimal(copy["cost"]) == Decimal(row["cost"])
        assert [copy[name] for name in ("conversions", "clicks", "views")] == [
            row[name] for name in ("conversions", "clicks", "views")
        ]
    conversions = {row["id"]: row for row in tables["conversions"]}
    current = rows("/api/v1/conversions")
    assert len(tables["conversions"]) == len(conversions) == len(current) > 0
    for row in current:
        copy = conversions[row["id"]]
        assert (copy["status"], copy["offer_id"]) == (row["status"], row["offerId"])
        assert Decimal(copy["cost"]) == Decimal(row["cost"])
        assert json.loads(copy["history"]) == row["history"]
        assert json.loads(copy["details"] or "null") == row["details"]
    for name in ("offers", "partners"):
        listed = sandbox.get(f"/api/v1/{name}").json()["data"]
        assert {(row["id"], row["name"]) for row in tables[name]} == {(row["id"], row["name"]) for row in listed}


def test_the_warehouse_equals_the_api_after_every_sync(sandbox: Sandbox, sync: Callable[[], Tables]) -> None:
    offers = [offer_record(sandbox, name=f"Offer {n}") for n in range(4)]
    sandbox.send("offers", offers)
    ids = [offer["id"] for offer in offers]
    partner = {"partnerId": str(uuid4()), "partnerName": "Limestone, Digital"}
    conversions = [str(uuid4()) for _ in range(12)]

    def send(n: int, second: int, **fields: Any) -> None:
        defaults = {"userCompletedAt": f"2025-05-{n + 1:02}T10:00:00Z", "revenue": f"{n}.00000{n % 10}", **partner}
        sent_at = f"2025-06-01T00:00:{second:02}Z"
        callback = conversion_callback(
            sandbox, ids[n % 4], sent_at=sent_at, conversionId=conversions[n], **defaults | fields
        )
        assert sandbox.send("conversions", [callback])["accepted"] == 1

    for n in range(12):
        send(n, 0, offerCountryCode2="DE")
    sandbox.send("events", [event_record(ids[n % 4]) for n in range(8)])
    assert_equal_to_api(sandbox, sync())

    send(0, 1, status="Rejected", rejectionReason="Fraud")  # its day becomes zero
    send(1, 1, revenue="234567890.123456")
    send(2, 1, userCompletedAt="2025-05-28T23:59:59Z")
    sandbox.send("offers", [offers[0] | {"name": "Renamed"}])
    sandbox.send("events", [event_record(ids[1], "view")])
    sandbox.move_offer(ids[3], sandbox.rival)
    assert_equal_to_api(sandbox, sync())

    send(0, 2)
    sandbox.move_offer(ids[3], sandbox.owner)
    theirs = offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [theirs])
    send(1, 3, offerId=theirs["id"], offerAdvertiserId=str(sandbox.rival))  # leaves the advertiser
    assert_equal_to_api(sandbox, sync())
    assert_equal_to_api(sandbox, sync())

    # The tenant was restored from a dump, without a conversion that came later: everything is sent again.
    execute("UPDATE {s}.record_state SET incarnation = gen_random_uuid()", schema=sandbox.tenant.schema)
    execute("DELETE FROM {s}.conversion WHERE id = $1", UUID(conversions[2]), schema=sandbox.tenant.schema)
    assert_equal_to_api(sandbox, sync())
