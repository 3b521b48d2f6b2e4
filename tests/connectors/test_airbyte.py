"""The Airbyte manifest, run by Airbyte's own source-declarative-manifest against a live server."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from settings import PROJECT
from tests.support.connectors import run_tool
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

MANIFEST = PROJECT / "connectors" / "airbyte" / "manifest.yaml"
STREAMS = {"status", "daily", "offers", "partners", "conversions"}
SINCE_EVER = {"date_from": "2000-01-01", "date_to": "2100-01-01", "time_zone": "UTC", "group_by": "day,offer,partner"}
Message = dict[str, Any]
Run = Callable[..., list[Message]]


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Run:
    """Runs a command of the source, and returns its messages."""
    url = f"http://{sandbox.host}:{sandbox.http.base_url.port}"
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"host": url, "api_key": sandbox.owner_key}))

    def run(command: str, *arguments: object) -> list[Message]:
        options = () if command == "spec" else ("--config", config)
        output = run_tool("source-declarative-manifest", command, *options, "--manifest-path", MANIFEST, *arguments)
        return [json.loads(line) for line in output.splitlines()]

    return run


class Warehouse:
    """What a destination does: it replaces rows by their primary key, or as a whole, and removes deleted ones."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder
        self.tables: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in STREAMS - {"status"}}
        self.state: dict[str, Any] = {}

    def sync(self) -> dict[str, int]:
        """Returns the number of records by stream."""
        catalog, state = self.folder / "catalog.json", self.folder / "state.json"
        catalog.write_text(json.dumps({"streams": list(map(configured, self.discover()))}))
        state.write_text(json.dumps(list(self.state.values())))
        records: dict[str, int] = dict.fromkeys(self.tables, 0)
        for name in ("offers", "partners"):
            self.tables[name] = {}
        for message in self.run("read", "--catalog", catalog, "--state", state):
            if message["type"] == "RECORD":
                name, row = message["record"]["stream"], message["record"]["data"]
                records[name] += 1
                self.tables[name][row["id"]] = row
                if row.get("_ab_cdc_deleted_at"):
                    del self.tables[name][row["id"]]
            elif message["type"] == "STATE":
                self.state[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
        return records

    def discover(self) -> list[dict[str, Any]]:
        (catalog,) = [message["catalog"] for message in self.run("discover") if message["type"] == "CATALOG"]
        streams: list[dict[str, Any]] = catalog["streams"]
        assert {stream["name"] for stream in streams} == STREAMS
        return [stream for stream in streams if stream["name"] in self.tables]


def configured(stream: dict[str, Any]) -> dict[str, Any]:
    incremental = "incremental" in stream["supported_sync_modes"]
    return {
        "stream": stream,
        "sync_mode": "incremental" if incremental else "full_refresh",
        "destination_sync_mode": "append_dedup" if incremental else "overwrite",
    }


def assert_equal_to_api(sandbox: Sandbox, tables: dict[str, dict[str, dict[str, Any]]]) -> None:
    report = sandbox.get("/api/v1/reports/query", decimals="string", **SINCE_EVER).json()["data"]
    assert len(report) == len(tables["daily"]) > 0
    for row in report:
        copy = tables["daily"][row["id"]]
        assert Decimal(copy["cost"]) == Decimal(row["cost"])
        for name in ("day", "offerId", "partnerId", "conversions", "clicks", "views"):
            assert copy[name] == row[name]
    for name in ("offers", "partners", "conversions"):
        listed = sandbox.get(f"/api/v1/{name}", **({"decimals": "string"} if name == "conversions" else {})).json()
        copies = [without_nulls(row | {"lastChangedAt": None}) for row in tables[name].values()]
        current = [without_nulls(row) for row in listed["data"]]
        assert sorted(copies, key=row_id) == sorted(current, key=row_id)


def row_id(row: dict[str, Any]) -> str:
    return str(row["id"])


def without_nulls(value: Any) -> Any:
    """Airbyte's messages leave out null."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def test_spec_and_check_succeed(run: Run) -> None:
    assert [message["type"] for message in run("spec")] == ["SPEC"]
    (status,) = [message["connectionStatus"] for message in run("check") if message["type"] == "CONNECTION_STATUS"]
    assert status["status"] == "SUCCEEDED", status


def test_the_warehouse_equals_the_api_after_every_sync(sandbox: Sandbox, run: Run, tmp_path: Path) -> None:
    offers = [offer_record(sandbox, name=f"Offer {n}") for n in range(3)]
    sandbox.send("offers", offers)
    ids = [offer["id"] for offer in offers]
    partner = {"partnerId": str(uuid4()), "partnerName": "Limestone"}
    conversions = [str(uuid4()) for _ in range(6)]

    def send(n: int, second: int, **fields: Any) -> None:
        defaults = {"userCompletedAt": f"2025-05-{n + 1:02}T10:00:00Z", "revenue": f"{n + 1}.00000{n}", **partner}
        sent_at = f"2025-06-01T00:00:{second:02}Z"
        callback = conversion_callback(
            sandbox, ids[n % 3], sent_at=sent_at, conversionId=conversions[n], **defaults | fields
        )
        assert sandbox.send("conversions", [callback])["accepted"] == 1

    for n in range(6):
        send(n, 0, offerCountryCode2="DE")
    sandbox.send("events", [event_record(ids[0]), event_record(ids[1], "view")])
    warehouse = Warehouse(run, tmp_path)
    assert warehouse.sync()["conversions"] == 6
    assert_equal_to_api(sandbox, warehouse.tables)

    send(0, 1, status="Rejected", rejectionReason="Fraud")  # its day becomes zero
    send(1, 1, revenue="234567890.123456")
    sandbox.send("events", [event_record(ids[1], "view")])
    theirs = offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [offers[0] | {"name": "Renamed"}, theirs])
    send(3, 1, offerId=theirs["id"], offerAdvertiserId=str(sandbox.rival))  # leaves the advertiser
    sandbox.move_offer(ids[2], sandbox.rival)  # with its conversions
    warehouse.sync()
    assert warehouse.state.keys() >= {"daily", "conversions"}
    # The offer's name in a conversion is that of its last change.
    for copy in warehouse.tables["conversions"].values():
        copy["offerName"] = warehouse.tables["offers"][copy["offerId"]]["name"]
    assert_equal_to_api(sandbox, warehouse.tables)
