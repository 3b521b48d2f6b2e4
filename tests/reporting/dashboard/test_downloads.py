"""The CSV that users download equals the API's, except for names that a spreadsheet treats as formulas."""

import httpx
import pytest
from litestar import Litestar, Response, route
from litestar.types import ASGIApp

from reporting.dashboard.downloads import cost_report_csv
from reporting.dashboard.periods import period_of
from tenants.commands import run_command
from tenants.tenant import bound_to
from tests.support.sandbox import CSV, Sandbox, conversion_callback, event_record, offer_record
from web.middleware import RequestContextMiddleware
from web.requests import READ_METHODS, AnyRequest

DAYS = {"date_from": "2025-05-01", "date_to": "2025-05-31"}
THEIR_OWN = {"vary", "x-request-id", "date", "server", "content-encoding", "transfer-encoding"}


def download(sandbox: Sandbox, method: str = "GET", **headers: str) -> httpx.Response:
    """Downloads the CSV as a user of the owner."""

    @route("/download", http_method=READ_METHODS)
    async def page(request: AnyRequest) -> Response[bytes]:
        period = period_of(request.query_params.items(), sandbox.tenant.created_at.date())
        with bound_to(sandbox.tenant):
            return await cost_report_csv(request, sandbox.owner, period.filter)

    async def work() -> httpx.Response:
        app: ASGIApp = RequestContextMiddleware(Litestar([page]))  # type: ignore[arg-type, assignment]
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.request(method, "/download", params=DAYS, headers=headers)

    return run_command(work)


@pytest.fixture
def filled(sandbox: Sandbox) -> Sandbox:
    offer = offer_record(sandbox, name='=1+1, "quoted"')
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], revenue="69.50")])
    sandbox.send("events", [event_record(offer["id"])])
    return sandbox


def test_it_equals_the_api_response_but_for_an_apostrophe(filled: Sandbox) -> None:
    by_token, by_person = filled.get(CSV, **DAYS), download(filled)
    assert by_person.status_code == 200
    assert by_person.content == by_token.content.replace(b'"=1+1', b"\"'=1+1")
    assert b'"=1+1' in by_token.content
    assert by_person.headers["vary"] == "Cookie"
    own = {name: value for name, value in by_person.headers.items() if name not in THEIR_OWN}
    assert own.items() <= by_token.headers.items()
    assert {"content-disposition", "gokart-range", "gokart-data-through", "etag", "cache-control"} <= own.keys()


def test_it_is_304_until_something_changes(filled: Sandbox) -> None:
    etag = download(filled).headers["etag"]
    unchanged = download(filled, **{"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert "Cookie" in unchanged.headers["vary"]
    filled.send("conversions", [conversion_callback(filled, offer_record(filled)["id"])])
    assert download(filled, **{"If-None-Match": etag}).status_code == 200


def test_head_has_no_body(filled: Sandbox) -> None:
    headed = download(filled, "HEAD")
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["etag"] == download(filled).headers["etag"]
