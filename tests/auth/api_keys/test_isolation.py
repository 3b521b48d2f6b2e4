"""Each kind of caller gets the documented response on every route, without any row or name of another advertiser."""

from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from litestar.routes import HTTPRoute

from main import api
from tests.support.api_key_cast import EITHER_REPORT, OWNERS, RIVALS, Cast, create_cast
from tests.support.database import execute
from tests.support.raw_http import raw
from tests.support.sandbox import MAY, conversion_callback, event_record, offer_record
from tests.support.servers import Server

# Every route of the app with its scope, or None if its responses contain no data of a tenant.
ROUTES: dict[str, str | None] = {
    "/api/v1/integrations/cost-report/json": "cost-report",
    "/api/v1/integrations/cost-report/csv": "cost-report",
    "/api/v1/costReporting/GoKart/json": "cost-report",
    "/api/v1/costReporting/GoKart/csv": "cost-report",
    "/api/v1/integrations/cost-report/singular/json": "singular",
    "/api/v1/integrations/cost-report/singular/csv": "singular",
    "/api/v1/reports/query": "cost-report",
    "/api/v1/reports/changes": "cost-report",
    "/api/v1/reports/changes/explain": "cost-report",
    "/api/v1/reports/status": EITHER_REPORT,
    "/api/v1/conversions": "conversions",
    "/api/v1/offers": "cost-report",
    "/api/v1/partners": "cost-report",
    "/api/v1/ingest/conversions": "ingest",
    "/api/v1/ingest/events": "ingest",
    "/api/v1/ingest/offers": "ingest",
    "/api/v1/ingest/partners": "ingest",
    "/openapi.json": None,
    "/docs": None,
    "/docs/{name:str}": None,
    "/docs/static/{name:str}": None,
    "/healthz": None,
    "/readyz": None,
}
# Of routes that do not take just a range.
PARAMETERS: dict[str, dict[str, str]] = {
    "/api/v1/reports/query": MAY | {"group_by": "offer,partner"},
    "/api/v1/reports/changes": {},
    "/api/v1/reports/changes/explain": {"date": "2025-05-19"},
    "/api/v1/reports/status": {},
    "/api/v1/offers": {},
    "/api/v1/partners": {},
}
WITHOUT_NAMES = {"/api/v1/reports/changes", "/api/v1/reports/changes/explain", "/api/v1/reports/status"}
ANY_HOST = {"/healthz", "/readyz"}

UNAUTHENTICATED = ["no token", "garbage", "unknown", "other tenant", "expired", "revoked"]
DENIED = ["wrong scope", "wrong network", "paused"]
SITUATIONS = [*UNAUTHENTICATED, *DENIED, "Singular off", "suspended", "unknown tenant", "own", "rival"]
TITLES = {401: "Advertiser not authenticated.", 403: "Access denied", 404: "Not found"}


class Call(NamedTuple):
    method: str
    path: str
    scope: str


CALLS = [
    Call(method, route.path, ROUTES.get(route.path) or "")
    for route in sorted(api.routes, key=lambda route: route.path)  # Litestar stores the paths of a handler as a set
    if isinstance(route, HTTPRoute)
    for method in sorted(route.methods - {"OPTIONS"})
]
GUARDED = pytest.mark.parametrize("call", [call for call in CALLS if call.scope], ids=" ".join)
READING = pytest.mark.parametrize(
    "call",
    [call for call in CALLS if call.scope and call.method == "GET" and call.path not in WITHOUT_NAMES],
    ids=" ".join,
)
SENDING = pytest.mark.parametrize("call", [call for call in CALLS if call.scope == "ingest"], ids=" ".join)


@pytest.fixture(scope="module")
def cast(http: httpx.Client) -> Cast:
    return create_cast(http)


def rows(cast: Cast) -> dict[str, Any]:
    """The number of rows and their names, by tenant."""
    return {
        sandbox.tenant.slug: execute(
            """
            SELECT (SELECT count(*) FROM {s}.intake) AS calls, (SELECT count(*) FROM {s}.event) AS events,
                (SELECT count(*) FROM {s}.conversion) AS conversions,
                (SELECT string_agg(name, ',' ORDER BY id) FROM {s}.offer) AS offers,
                (SELECT string_agg(name, ',' ORDER BY id) FROM {s}.partner) AS partners
            """,
            schema=sandbox.tenant.schema,
        )
        for sandbox in (cast.sandbox, cast.outside, cast.suspended)
    }


def ask(cast: Cast, situation: str, call: Call) -> httpx.Response:
    method, path, scope = call
    host = {"suspended": cast.suspended.host, "unknown tenant": "api.nobody.localhost"}.get(
        situation, cast.sandbox.host
    )
    token = cast.tokens.get(("own" if situation == "unknown tenant" else situation, scope))
    if scope != "ingest":
        return cast.sandbox.request(method, path, host=host, token=token, params=PARAMETERS.get(path, MAY))
    records = {
        "conversions": lambda: conversion_callback(cast.sandbox, offer_record(cast.sandbox)["id"]),
        "events": lambda: event_record(offer_record(cast.sandbox)["id"]),
        "offers": lambda: offer_record(cast.sandbox),
        "partners": lambda: {"id": offer_record(cast.sandbox)["id"], "name": "Sent"},
    }[path.rpartition("/")[2]]()
    json = {"Content-Type": "application/json"}
    return cast.sandbox.request(
        method, path, host=host, token=token, headers=json, content=msgspec.json.encode([records])
    )


def documented(situation: str, scope: str) -> int:
    match situation:
        case "own":
            return 200
        case "rival":
            return 403 if scope == "ingest" else 200
        case "Singular off":
            return 200 if scope in {"cost-report", "conversions", EITHER_REPORT} else 403
        case "unknown tenant":
            return 404
    return 401 if situation in UNAUTHENTICATED else 403


def test_every_route_is_in_the_matrix() -> None:
    assert {call.path for call in CALLS} == set(ROUTES), "say in ROUTES which scope a route needs, or None"


@pytest.mark.parametrize("situation", [s for s in SITUATIONS if s != "own"])
@GUARDED
def test_every_caller_gets_the_documented_response_and_no_foreign_data(cast: Cast, call: Call, situation: str) -> None:
    before = rows(cast)
    response = ask(cast, situation, call)
    status = documented(situation, call.scope)
    assert response.status_code == status, response.text
    assert response.headers.get("www-authenticate") == ("ApiToken" if status == 401 else None)
    if status != 200 and call.method != "HEAD":
        problem = response.json()
        assert problem["title"] == TITLES[status]
        assert problem["status"] == status
        assert problem["requestId"] == response.headers["x-request-id"]
    text = response.text + str(response.headers)
    secrets = [secret for who, known in cast.secrets.items() if who != situation for secret in known]
    assert [secret for secret in secrets if secret in text] == []
    assert rows(cast) == before


@READING
@pytest.mark.parametrize(("situation", "own", "foreign"), [("own", OWNERS, RIVALS), ("rival", RIVALS, OWNERS)])
def test_a_report_contains_only_the_advertisers_rows(
    cast: Cast, call: Call, situation: str, own: str, foreign: str
) -> None:
    text = ask(cast, situation, call).text
    assert own in text
    assert foreign not in text


@SENDING
def test_ingested_data_reaches_only_its_tenant(cast: Cast, call: Call) -> None:
    before = rows(cast)
    assert ask(cast, "own", call).status_code == 200
    after = rows(cast)
    changed = [slug for slug in before if before[slug] != after[slug]]
    assert changed == [cast.sandbox.tenant.slug]


@GUARDED
def test_another_tenants_key_is_indistinguishable_from_garbage(cast: Cast, call: Call) -> None:
    def response_to(situation: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        response = ask(cast, situation, call)
        body = {**response.json(), "requestId": None} if response.content else {}
        return body, [pair for pair in response.headers.multi_items() if pair[0] not in {"x-request-id", "date"}]

    garbage = response_to("garbage")
    assert [situation for situation in UNAUTHENTICATED if response_to(situation) != garbage] == []


@pytest.mark.parametrize("path", sorted(path for path, scope in ROUTES.items() if scope is None))
def test_public_urls_reveal_nothing_about_a_tenant(cast: Cast, path: str) -> None:
    response = cast.sandbox.request("GET", path.replace("{name:str}", "errors"))
    assert response.status_code in ({200, 404} if "{" in path else {200})
    text = response.text + str(response.headers)
    assert [secret for known in cast.secrets.values() for secret in known if secret in text] == []


@pytest.mark.parametrize("path", sorted(set(ROUTES) - ANY_HOST))
def test_unknown_and_suspended_hosts_serve_nothing(cast: Cast, path: str) -> None:
    assert cast.sandbox.request("GET", path, host="api.nobody.localhost").status_code == 404
    assert cast.sandbox.request("GET", path, host=cast.suspended.host).status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "get", "BREW"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/integrations/cost-report/json/",
        "//api/v1/integrations/cost-report/json",
        "/api//v1/integrations/cost-report/json",
        "/./api/v1/integrations/cost-report/json",
        "/healthz/../api/v1/integrations/cost-report/json",
        "/API/v1/integrations/cost-report/json",
        "/api/v1/integrations/cost-report%2Fjson",
        "/api/v1/integrations/cost-report/json%00",
        "/api/v1/integrations/cost-report/json;x=1",
        "/api/v1/integrations/cost-report/json?date_from=2025-05-01&date_to=2025-05-31",
    ],
)
def test_no_spelling_of_a_url_bypasses_authentication(cast: Cast, server: Server, path: str, method: str) -> None:
    response = raw(server, path, [("Host", cast.sandbox.host)], method)
    assert response.status in {400, 401, 404, 405}
    assert OWNERS.encode() not in response.body
