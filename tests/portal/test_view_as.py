"""“View as advertiser”: staff read the portal as an advertiser sees it, and change nothing."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from auth.users.realms import ADVERTISER, STAFF
from auth.users.viewing import start_view
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import (
    Browser,
    advertiser_browser,
    audit,
    browser,
    create_advertiser_user,
    create_staff_user,
    session_cookie,
    staff_browser,
)
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.wait import wait_until
from tests.web.pages.test_routes import CALLS

BAR = "as an advertiser sees it</span>"
READ_ONLY = "Nothing can be changed this way."
READS = [call for call in CALLS if call.realm == ADVERTISER.name and call.method == "GET"]
SIGN_IN = ("/sign-in", "/sign-out", "/forgot", "/link", "/unsubscribe")
WRITES = [
    call
    for call in CALLS
    if call.realm == ADVERTISER.name and call.method not in {"GET", "HEAD"} and not call.path.startswith(SIGN_IN)
]


def start(client: Browser, advertiser: object) -> httpx.Response:
    return client.post(f"/staff/advertisers/{advertiser}/view")


@pytest.fixture
def viewer(sandbox: Sandbox) -> Browser:
    """A member of the staff with the least role who views the sandbox's owner."""
    client = staff_browser(sandbox, "viewer")
    assert start(client, sandbox.owner).headers["location"] == "/"
    return client


def is_over(client: Browser) -> bool:
    response = client.get("/keys")
    return response.status_code == 303 and "/sign-in" in response.headers["location"]


@pytest.mark.usefixtures("viewer")
def test_two_starts_at_once_leave_one_view(sandbox: Sandbox) -> None:
    (session,) = execute("SELECT session FROM {s}.advertiser_view", schema=sandbox.tenant.schema)

    async def starts() -> list[bool]:
        return await asyncio.gather(*(start_view(session["session"], sandbox.rival) for _ in range(4)))

    assert run_in_tenant(sandbox.tenant.slug, starts) == [True] * 4
    (view,) = execute("SELECT advertiser FROM {s}.advertiser_view", schema=sandbox.tenant.schema)
    assert view["advertiser"] == sandbox.rival


def test_staff_see_the_portal_with_a_bar_on_every_page(sandbox: Sandbox, viewer: Browser) -> None:
    offer = offer_record(sandbox, name="Brown Boots")
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    execute("UPDATE {s}.advertiser SET name = 'A <b>&</b>' WHERE id = $1", sandbox.owner, schema=sandbox.tenant.schema)
    shown = 0
    for call in READS:
        if call.path.startswith((*SIGN_IN, "/logo")) or "{" in call.path:
            continue
        page = viewer.get(call.path)
        if "text/html" not in page.headers["content-type"]:
            assert page.status_code == 200
            continue
        shown += 1
        assert f"Viewing <strong>A &lt;b&gt;&amp;&lt;/b&gt;</strong> {BAR}" in page.text, call.path
        assert 'action="/staff/view/stop"' in page.text
        assert 'action="/sign-out"' not in page.text
        of_one_user = call.path.startswith(("/account", "/notifications", "/views")) or call.path.endswith("/new")
        assert page.status_code == (403 if of_one_user else 200)
    assert shown >= 6


def test_nothing_can_be_changed(sandbox: Sandbox, viewer: Browser) -> None:
    before = len(audit(sandbox))
    for call in WRITES:
        response = viewer.request(call.method, call.url, data={"name": "x", "scope": "cost-report"})
        assert response.status_code == 403, call
        assert READ_ONLY in response.text
        assert BAR in response.text
    assert len(WRITES) > 10
    assert len(audit(sandbox)) == before


@pytest.mark.parametrize("has_data", [True, False])
def test_no_page_offers_what_would_be_refused(sandbox: Sandbox, viewer: Browser, *, has_data: bool) -> None:
    create_advertiser_user(sandbox)
    pages = ["/", "/keys", "/keys/requests", "/singular", "/api", "/team", "/conversions", "/changes"]
    if has_data:
        offer = offer_record(sandbox)
        sandbox.send("offers", [offer])
        callback = conversion_callback(sandbox, offer["id"])
        sandbox.send("conversions", [callback])
        pages += [f"/conversions/{callback['conversion']['conversionId']}", "/changes?date=2025-05-19"]
    else:
        execute("UPDATE {s}.api_token SET revoked_at = now()", schema=sandbox.tenant.schema)
        execute("UPDATE {s}.advertiser SET singular_enabled = false", schema=sandbox.tenant.schema)
    links = set()
    for path in pages:
        response = viewer.get(path)
        assert response.status_code == 200
        page = Page(response.text)
        forms = [form.attributes["action"] for form in page.all("form", method="post")]
        assert forms == ["/staff/view/stop"], path
        links |= {link.attributes["href"] for link in page.all("a") if link.attributes["href"].startswith("/")}
    assert links >= set(pages[:2])
    assert [link for link in sorted(links) if viewer.get(link).status_code != 200] == []


@pytest.mark.parametrize(
    "path", ["/nowhere", "/keys/nowhere", "/conversions/x", "/conversions/7df30136-ff83-4551-b877-fa0f0d8b8f72"]
)
def test_one_can_leave_from_an_error_page_too(sandbox: Sandbox, viewer: Browser, path: str) -> None:
    page = viewer.get(path)
    assert page.status_code == 404
    assert BAR in page.text
    assert BAR not in viewer.get(f"/staff{path}").text
    assert viewer.request("DELETE", "/team").status_code == 405
    assert BAR in viewer.request("DELETE", "/team").text
    assert BAR not in advertiser_browser(sandbox).get(path).text
    execute("UPDATE {s}.advertiser_view SET until = now()", schema=sandbox.tenant.schema)
    assert BAR not in viewer.get(path).text


def test_one_can_leave_from_the_page_that_refuses_a_form_of_another_origin(sandbox: Sandbox, viewer: Browser) -> None:
    execute("UPDATE {s}.setting SET support_email = 'help@example.com'", schema=sandbox.tenant.schema)
    headers = {"Origin": "https://elsewhere.example", "Accept": "text/html"}
    wait_until(lambda: "help@example.com" in viewer.post("/team/invite", headers=headers).text)
    page = viewer.post("/team/invite", headers=headers)
    assert page.status_code == 403
    assert "This was sent by a page of another site." in page.text
    assert BAR in page.text
    assert BAR not in viewer.post("/staff/settings", headers=headers).text
    assert BAR not in advertiser_browser(sandbox).post("/team/invite", headers=headers).text


def test_the_staff_pages_stay_as_they_are(viewer: Browser) -> None:
    assert BAR not in viewer.get("/staff").text
    assert viewer.get("/staff/account").status_code == 200


def test_stopping_ends_it(sandbox: Sandbox, viewer: Browser) -> None:
    assert str(sandbox.owner) in viewer.post("/staff/view/stop").headers["location"]
    assert is_over(viewer)
    assert viewer.post("/staff/view/stop").headers["location"] == "/staff"


def test_start_and_end_are_in_the_audit_log(sandbox: Sandbox) -> None:
    email = create_staff_user(sandbox, "viewer")
    client = browser(sandbox, cookies=session_cookie(sandbox, STAFF, email))
    start(client, sandbox.owner)
    client.get("/")
    client.post("/staff/view/stop")
    began, stopped = [entry for entry in audit(sandbox) if entry["subject"] == "advertiser_view"]
    assert (began["actor"], began["action"]) == (f"staff:{email}", "created")
    assert (stopped["actor"], stopped["action"]) == (f"staff:{email}", "deleted")
    assert str(sandbox.owner) in began["after"]
    page = client.get("/staff/audit").text
    assert "began viewing the portal as" in page
    assert "stopped viewing the portal as" in page


def test_it_ends_with_the_staff_session(sandbox: Sandbox) -> None:
    email = create_staff_user(sandbox)
    first, second = (browser(sandbox, cookies=session_cookie(sandbox, STAFF, email)) for _ in range(2))
    start(first, sandbox.owner)
    assert is_over(second)
    first.post("/staff/account/sessions/end-others")
    assert first.get("/keys").status_code == 200
    cookies = dict(first.cookies)
    first.post("/staff/sign-out")
    first.cookies.update(cookies)
    assert is_over(first)
    assert execute("SELECT FROM {s}.advertiser_view", schema=sandbox.tenant.schema) == []


def test_a_deactivated_user_stops_viewing(sandbox: Sandbox, viewer: Browser) -> None:
    execute("UPDATE {s}.staff SET active = false WHERE role = 'viewer'", schema=sandbox.tenant.schema)
    assert is_over(viewer)


def test_it_lasts_an_hour(sandbox: Sandbox, viewer: Browser) -> None:
    (row,) = execute(
        "SELECT until - now() BETWEEN '59 minutes' AND '1 hour' AS hour FROM {s}.advertiser_view",
        schema=sandbox.tenant.schema,
    )
    assert row["hour"]
    execute("UPDATE {s}.advertiser_view SET until = now()", schema=sandbox.tenant.schema)
    assert viewer.get("/keys").headers["location"] == "/staff"
    assert viewer.post("/keys/revoke-all").status_code == 303
    start(viewer, sandbox.owner)
    assert viewer.get("/keys").status_code == 200


def test_another_advertiser_is_seen_only_after_starting_again(sandbox: Sandbox, viewer: Browser) -> None:
    assert "Viewing <strong>" in viewer.get("/keys").text
    first = viewer.get("/api").text
    start(viewer, sandbox.rival)
    rows = execute("SELECT advertiser FROM {s}.advertiser_view", schema=sandbox.tenant.schema)
    assert [row["advertiser"] for row in rows] == [sandbox.rival]
    assert viewer.get("/api").text != first
    assert start(viewer, uuid4()).status_code == 404


def test_a_view_is_of_one_tenant(other_sandbox: Sandbox, viewer: Browser) -> None:
    assert start(viewer, other_sandbox.owner).status_code == 404
    elsewhere = browser(other_sandbox, cookies=dict(viewer.cookies))
    assert is_over(elsewhere)


def test_two_factor_authentication_that_is_required_is_required_here_too(sandbox: Sandbox, viewer: Browser) -> None:
    execute("UPDATE {s}.setting SET staff_totp_required = true", schema=sandbox.tenant.schema)
    assert viewer.get("/keys").headers["location"] == "/staff/account/two-step"
    assert start(viewer, sandbox.rival).headers["location"] == "/staff/account/two-step"


def test_advertiser_users_cannot_view_others(sandbox: Sandbox) -> None:
    user = advertiser_browser(sandbox)
    assert start(user, sandbox.rival).headers["location"].startswith("/staff/sign-in")
    assert "Viewing <strong>" not in user.get("/keys").text


def test_an_advertisers_own_session_is_used_after_the_view(sandbox: Sandbox, viewer: Browser) -> None:
    viewer.cookies.update(advertiser_browser(sandbox, sandbox.rival).cookies)
    assert BAR in viewer.get("/account").text
    viewer.post("/staff/view/stop")
    assert viewer.get("/account").status_code == 200
