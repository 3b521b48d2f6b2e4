"""Rejections stay small, whatever was sent: in the response, in the intake log and on the pages."""

import gzip
from typing import Any

import msgspec
import pytest

from tests.support.database import execute
from tests.support.piccolo_admin import piccolo_admin_browser, rows_of
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

LONG = "x" * 1_000_000
MAX_MESSAGE = 300


@pytest.fixture(scope="module")
def sandbox(module_sandbox: Sandbox) -> Sandbox:
    return module_sandbox


LONG_VALUES: dict[str, tuple[str, dict[str, Any], str]] = {
    "type": ("events", {"type": LONG}, "view, click"),
    "occurredAt": ("events", {"occurredAt": LONG}, "is not a date-time such as 2025-05-19T15:36:26.846Z"),
    "occurredAt in the future": ("events", {"occurredAt": f"2999-05-19T15:36:26.{'0' * 1_000_000}Z"}, ""),
    "conversion.status": ("conversions", {"status": LONG}, "Pending, Success, Rejected"),
    "conversion.status with a path": ("conversions", {"status": f"{LONG} - at `$.{LONG}`"}, "Pending, Success"),
    "conversion.revenue": ("conversions", {"revenue": LONG}, "is not a decimal number"),
    "conversion.revenue in digits": ("conversions", {"revenue": "9" * 1_000_000}, "less than 1000000000"),
    "conversion.revenue as an object": ("conversions", {"revenue": {LONG: [LONG]}}, "is not a decimal number"),
    "os": ("offers", {"os": LONG}, "IOS, ANDROID, WEB"),
    "id": ("partners", {"id": LONG, "name": "x"}, "UUID"),
}


@pytest.mark.parametrize(("case", "kind", "changes", "names"), [(n, *one) for n, one in LONG_VALUES.items()])
def test_a_rejection_names_the_field_and_what_is_valid_but_repeats_little(
    sandbox: Sandbox, case: str, kind: str, changes: dict[str, Any], names: str
) -> None:
    offer = str(offer_record(sandbox)["id"])
    records: dict[str, dict[str, Any]] = {
        "events": event_record(offer) | changes,
        "conversions": conversion_callback(sandbox, offer, **changes),
        "offers": offer_record(sandbox) | changes,
        "partners": changes,
    }
    (rejection,) = sandbox.send(kind, [records[kind]])["rejected"]
    assert rejection["field"] == case.split(" ", maxsplit=1)[0]
    assert names in rejection["message"]
    assert len(rejection["message"]) <= MAX_MESSAGE
    (stored,) = execute(
        "SELECT field, message FROM {s}.intake_reject ORDER BY id DESC LIMIT 1", schema=sandbox.tenant.schema
    )
    assert dict(stored) == {name: rejection[name] for name in ("field", "message")}


def test_a_small_compressed_body_gets_a_small_response(sandbox: Sandbox) -> None:
    record = msgspec.json.encode(event_record(str(offer_record(sandbox)["id"]), LONG * 8))
    response = sandbox.request(
        "POST",
        "/api/v1/ingest/events",
        token=sandbox.ingest_key,
        content=gzip.compress(record),
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip", "Accept-Encoding": "identity"},
    )
    assert response.json()["rejected"][0]["field"] == "type"
    assert len(response.content) < 1_000


def test_the_list_of_rejected_records_shortens_messages_stored_before(sandbox: Sandbox) -> None:
    sandbox.send("events", [{}])
    execute("UPDATE {s}.intake_reject SET message = $1", LONG, schema=sandbox.tenant.schema)
    rows = rows_of(piccolo_admin_browser(sandbox, "viewer"), "intake_reject_list")
    assert rows
    assert {len(row["message"]) for row in rows} == {MAX_MESSAGE}
