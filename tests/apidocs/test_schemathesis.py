"""Schemathesis tests the running app with valid and invalid data generated from the document, with all checks on."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
import schemathesis
from schemathesis import Case, HookContext, SerializationContext
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from tests.support.examples import EXAMPLES
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.servers import Server

FROM_RESPONSES = {"since", "as_of"}
WITHOUT_PARAMETERS = "/reports/status"
NDJSON = "application/x-ndjson"
CONTROLS = {chr(code) for code in [*range(32), 127]}


@schemathesis.serializer(NDJSON)
def lines_of(_: SerializationContext, value: Any) -> bytes:
    """Converts a body to NDJSON: `with_lines` describes it as an array, and an example is the text itself."""
    if isinstance(value, str):
        return value.encode()
    return b"\n".join(map(msgspec.json.encode, value if isinstance(value, list) else [value]))


def follow_the_filter_rules(_: HookContext, case: Case[Any]) -> Case[Any]:
    """Applies the rules that OpenAPI cannot express: the range ends after it begins and lies within the calendar, a
    field in both the query and the body has the same value in both, and a cursor or snapshot is from a response.
    """
    assert case.meta is not None
    if case.meta.generation.mode.is_positive and case.query:
        case.query = {name: value for name, value in case.query.items() if name not in FROM_RESPONSES}
    if case.meta.generation.mode.is_positive and isinstance(case.body, dict):
        case.body = {name: value for name, value in case.body.items() if name not in FROM_RESPONSES}
    if case.meta.generation.mode.is_positive and {"date_from", "date_to"} <= case.query.keys():
        dates = map(within_calendar, (case.query["date_from"], case.query["date_to"]))
        case.query = dict(case.query) | dict(zip(("date_from", "date_to"), sorted(dates, key=instant), strict=True))
        if isinstance(case.body, dict):
            case.body = case.body | {name: case.query[name] for name in case.body if name in case.query}
    return case


def follow_the_query_rules(_: HookContext, case: Case[Any]) -> Case[Any]:
    """Applies what OpenAPI cannot express about the query: there is a period or a range, the zone exists, `zeros` needs
    a time group, no value is blank, and rows are sorted by each of their groups and the metrics at most once.
    """
    assert case.meta is not None
    if case.meta.generation.mode.is_positive and case.path == "/api/v1/reports/query":
        query = dict(case.query)
        if "period" in query:
            query = {name: value for name, value in query.items() if name not in {"date_from", "date_to"}}
        else:
            query = {"date_from": "2025-05-01", "date_to": "2025-06-01"} | query
            query |= dict.fromkeys(("date_from", "date_to"), query["date_from"])
        if "time_zone" in query:
            query["time_zone"] = "UTC"
        if "sort" in query:
            query["sort"] = ["-cost"]
        for name in {"app", "campaign"} & query.keys():
            query[name] = [value for value in query[name] if value.strip()]
        if query.get("zeros") in {True, "true"}:
            query |= {"group_by": ["day"], "limit": 10}
        case.query = {name: value for name, value in query.items() if value != []}
    return case


def follow_the_conversion_rules(_: HookContext, case: Case[Any]) -> Case[Any]:
    """The zone exists, times lie within the calendar, and lists that are given are not empty."""
    assert case.meta is not None
    if case.meta.generation.mode.is_positive and case.path == "/api/v1/conversions":
        query = {name: value for name, value in case.query.items() if value != []}
        query |= {
            name: within_calendar(query[name]) for name in ("date_from", "date_to", "changed_since") if name in query
        }
        case.query = query | ({"time_zone": "UTC"} if "time_zone" in query else {})
    return case


def within_calendar(text: str) -> str:
    """With its offset, a time in year 1 or 9999 can lie outside the calendar."""
    return f"2024{text[4:]}" if text.startswith(("0001", "9999")) else text


def instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def is_wrong_as_a_whole(_: HookContext, case: Case[Any]) -> bool:
    """Invalid records do not make a batch invalid: they are listed under `rejected`."""
    assert case.meta is not None
    records = "/ingest/" in case.path and isinstance(case.body, dict | list)
    return case.meta.generation.mode.is_positive or not records


def with_lines(value: Any) -> Any:
    """The document with each body of NDJSON as the array of its lines, from which schemathesis can generate data."""
    if isinstance(value, list):
        return [with_lines(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if "x-line" in value:
        return {"type": "array", "minItems": 1, "items": value["x-line"]}
    return {key: with_lines(inner) for key, inner in value.items()}


def is_http(_: HookContext, headers: dict[str, Any]) -> bool:
    """HTTP does not allow control characters in a header, so such a request does not reach the app."""
    return CONTROLS.isdisjoint("".join(map(str, headers.values())))


def failures(event: events.EngineEvent) -> Iterator[str]:
    if isinstance(event, events.ScenarioFinished):
        for check in (check for checks in event.recorder.checks.values() for check in checks):
            if failed := check.failure_info:
                yield f"{event.label}: {check.name}: {failed.failure.message}\n{failed.code_sample}"
    elif isinstance(event, events.NonFatalError):
        yield f"{event.label}: {event.info.format()}"
    elif isinstance(event, events.FatalError):
        yield str(event.exception)


@pytest.fixture
def filled_sandbox(sandbox: Sandbox) -> Sandbox:
    """A tenant with figures in its reports, also of an offer that the catalogue does not have."""
    unlisted = str(uuid4())
    full = offer_record(sandbox, appName="Test App", storeId="com.test", os="IOS", campaignName="AOS_TEST_2025")
    sandbox.send("offers", [full])
    sandbox.send("events", [event_record(full["id"]), event_record(full["id"], "view")])
    sandbox.send(
        "conversions",
        [conversion_callback(sandbox, full["id"], revenue="69.000001"), conversion_callback(sandbox, unlisted)],
    )
    return sandbox


@pytest.mark.parametrize(
    ("tag", "operations"),
    [
        ("Cost report", 8),
        ("Singular", 4),
        ("Reports", 2),
        ("Changes", 6),
        ("Conversions", 2),
        ("Catalogue", 4),
        ("Ingest", 4),
    ],
)
def test_the_app_is_as_documented(server: Server, filled_sandbox: Sandbox, tag: str, operations: int) -> None:
    token = filled_sandbox.ingest_key if tag == "Ingest" else filled_sandbox.owner_key
    host = {"Host": filled_sandbox.host}
    config = SchemathesisConfig.from_dict(
        {
            "base-url": server.url,
            "headers": host,
            "auth": {"openapi": {"ApiToken": {"api_key": f"ApiToken {token}"}}},
            "generation": {"max-examples": EXAMPLES // 2, "deterministic": True, "database": "none"},
            # Operations do not use each other's results: an `eventId` is not the `id` of an event of the intake.
            "phases": {"stateful": {"enabled": False}},
        }
    )
    served = httpx.get(f"{server.url}/openapi.json", headers=host).json()
    document = schemathesis.openapi.from_dict(with_lines(served), config=config)
    document.hook("map_case")(follow_the_query_rules)
    document.hook("map_case")(follow_the_conversion_rules)
    document.hook("map_case")(follow_the_filter_rules)
    document.hook("filter_case")(is_wrong_as_a_whole)
    document.hook("filter_headers")(is_http)
    found: list[str] = []
    statuses: dict[str, set[int]] = defaultdict(set)
    for event in from_schema(document.include(tag=tag)).execute():
        found += failures(event)
        if isinstance(event, events.ScenarioFinished) and event.label:  # a sequence of operations has no label
            responses = (interaction.response for interaction in event.recorder.interactions.values())
            statuses[str(event.label)] |= {response.status_code for response in responses if response}
    assert not found, "\n\n".join(found)
    wanted = {label: {200, 401} | (set() if label.endswith(WITHOUT_PARAMETERS) else {400}) for label in statuses}
    assert len([seen for label, seen in statuses.items() if seen >= wanted[label]]) == operations, dict(statuses)
