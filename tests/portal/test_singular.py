"""GET /singular and POST /singular/request on the app host."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from auth.api_keys import service as api_keys
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import advertiser_browser, audit, browser
from tests.support.sandbox import MAY, SINGULAR, Sandbox, event_record, offer_record
from tests.support.wait import wait_until

WHOLE: dict[str, Any] = {"os": "ANDROID", "storeId": "com.test", "campaignName": "AOS_TEST_2025"}
SCRIPT = "<script>alert('x')</script>\"'"


def test_all_steps_are_done_when_singular_reads_costs(sandbox: Sandbox) -> None:
    sandbox.send("offers", [offer_record(sandbox, **WHOLE)])
    log_pull(sandbox)
    assert step_status(shown(sandbox)) == {
        "Singular is enabled": True,
        "Singular has an API key": True,
        "Your offers are complete": True,
        "Singular reads your costs": True,
    }


def test_no_step_is_done_at_first(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
    execute("DELETE FROM {s}.api_token WHERE advertiser = $1", sandbox.owner, schema=sandbox.tenant.schema)
    assert step_status(shown(sandbox)) == {
        "Singular is not enabled yet": False,
        "Singular needs an API key": False,
        "You have no offers yet": False,
        "Singular has not sent a request yet": False,
    }


@pytest.mark.parametrize("change", ["revoked_at = now()", "expires_at = now()", "scopes = '{cost-report}'"])
def test_only_an_active_key_with_the_scope_counts(sandbox: Sandbox, change: str) -> None:
    execute(f"UPDATE {{s}}.api_token SET {change} WHERE advertiser = $1", sandbox.owner, schema=sandbox.tenant.schema)
    assert step_status(shown(sandbox))["Singular needs an API key"] is False


def test_it_shows_when_the_key_was_last_used(sandbox: Sandbox) -> None:
    page = shown(sandbox)
    assert "not used yet" in page.text
    execute("UPDATE {s}.api_token SET last_used_at = '2025-05-28 03:06Z'", schema=sandbox.tenant.schema)
    assert "last used 2025-05-28 03:06 UTC" in shown(sandbox).text


def test_a_silent_connector_is_reported(sandbox: Sandbox) -> None:
    log_pull(sandbox, at=datetime.now(UTC) - timedelta(days=3))
    assert step_status(shown(sandbox))["Singular has stopped sending requests"] is False


def test_rejected_requests_do_not_count_as_success(sandbox: Sandbox) -> None:
    log_pull(sandbox, status=403, rows=None)
    assert step_status(shown(sandbox))["Singular has not sent a request yet"] is False


def test_a_request_for_access_is_recorded_once(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
    first = advertiser_browser(sandbox, email="first@example.com")
    assert "Request access" in Page(first.get("/singular").text).text
    response = first.post("/singular/request")
    assert (response.status_code, response.headers["Location"]) == (303, "/singular?done=requested")
    assert "Your request was sent to the staff." in Page(first.get("/singular?done=requested").text).text
    (requested,) = request_of(sandbox)
    assert requested["singular_requested_by"] == "first@example.com"
    entry = audit(sandbox)[-1]
    assert (entry["actor"], entry["subject"]) == ("advertiser:first@example.com", "advertiser")
    assert "singular_requested_at" in entry["after"]

    second = advertiser_browser(sandbox)
    page = Page(second.get("/singular").text)
    assert "first@example.com requested access on" in page.text
    assert page.all("form", action="/singular/request") == []
    assert second.post("/singular/request").status_code == 303
    assert request_of(sandbox) == [requested]


def test_access_cannot_be_requested_when_enabled(sandbox: Sandbox) -> None:
    client = advertiser_browser(sandbox)
    assert client.post("/singular/request").status_code == 303
    assert request_of(sandbox)[0]["singular_requested_at"] is None


def test_a_request_for_access_concerns_one_advertiser(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
    sandbox.set_advertiser(sandbox.rival, singular_enabled=False)
    advertiser_browser(sandbox, sandbox.rival).post("/singular/request")
    assert request_of(sandbox)[0]["singular_requested_at"] is None


def test_without_the_scope_it_is_forbidden(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
    client = advertiser_browser(sandbox, scopes=["cost-report"])
    for path in "/singular", "/singular/":
        page = client.get(path)
        assert page.status_code == 403
        assert "Your account does not include" in Page(page.text).text
    assert client.post("/singular/request").status_code == 403
    assert request_of(sandbox)[0]["singular_requested_at"] is None


@pytest.mark.parametrize("path", ["/singular", "/api"])
def test_it_requires_login(module_sandbox: Sandbox, module_other_sandbox: Sandbox, path: str) -> None:
    assert browser(module_sandbox).get(path).status_code == 303
    there = browser(module_other_sandbox)
    there.cookies.update(advertiser_browser(module_sandbox).cookies)
    assert there.get(path).status_code == 303


def test_the_connection_values_work(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox, **WHOLE)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    page = shown(sandbox)
    url, header, value = [page.one("code", id=name).text for name in ("url", "header", "value")]
    host, _, path = url.removeprefix("http://").partition("/")
    response = sandbox.http.get(
        f"/{path}", params=MAY, headers={"Host": host, header: value.replace("{your-token}", sandbox.owner_key)}
    )
    assert response.status_code == 200
    (item,) = response.json()["data"]["items"]
    columns = [row[0] for row in page.rows("mapping")]
    assert set(columns) == item.keys() - {"app", "campaign_name"}


def test_offers_with_missing_data_are_listed(sandbox: Sandbox) -> None:
    bad = offer_record(sandbox, name="Half done", os="IOS", storeId="com.test", campaignName="IOS_1")
    good = offer_record(sandbox, name="All done", **WHOLE)
    rivals = offer_record(sandbox, sandbox.rival, name="Not mine")
    sandbox.send("offers", [bad, good, rivals])
    page = shown(sandbox)
    assert step_status(page)["One offer has missing data"] is False
    ((offer, flaws, _),) = page.rows("flawed")
    assert offer == "Half done iOS · com.test · IOS_1"
    assert flaws.startswith("store_id is 'com.test'; an iOS app's is its App Store number")
    assert f"Half done ({bad['id']})\n  store_id is 'com.test'" in page.one("code", id="flaws").raw
    assert "Not mine" not in page.text


@pytest.mark.parametrize(
    ("status", "rows", "meaning"),
    [
        (200, 40, "40 200 Data sent"),
        (200, 0, "0 200 No cost and no clicks on these days"),
        (304, None, "\u2013 304 No changes since"),
        (400, None, "\u2013 400 Invalid date range"),
        (403, None, "\u2013 403 Access denied: Singular not enabled"),
        (429, None, "\u2013 429 Too many requests"),
        (499, 12, "12 499 Singular closed the connection"),
        (500, None, "\u2013 500 Internal error"),
        (503, None, "\u2013 503 Temporarily unavailable"),
    ],
)
def test_each_request_is_described(sandbox: Sandbox, status: int, rows: int | None, meaning: str) -> None:
    log_pull(sandbox, status=status, rows=rows)
    ((when, days, *response, key, took),) = shown(sandbox).rows("request-rows")
    assert " ".join(response).startswith(meaning)
    assert when.endswith("UTC")
    assert days == "13 \u2013 19 May 2025"
    assert key.startswith("test gokart_")
    assert took == "12 ms"


def test_a_request_with_an_invalid_range_shows_no_days(sandbox: Sandbox) -> None:
    log_pull(sandbox, status=400, starts_at=None, ends_at=None, rows=None)
    assert shown(sandbox).rows("request-rows")[0][1] == "\u2013"


def test_an_api_request_is_listed(sandbox: Sandbox) -> None:
    """The request log is written every few seconds."""
    client = advertiser_browser(sandbox)
    sandbox.get(SINGULAR, **MAY)
    wait_until(lambda: bool(Page(client.get("/singular").text).all("tbody", id="request-rows")))
    assert shown(sandbox).rows("request-rows")[0][1:3] == ["1 \u2013 31 May 2025", "0"]


def test_another_advertisers_requests_are_not_listed(sandbox: Sandbox) -> None:
    log_pull(sandbox, advertiser=sandbox.rival)
    assert "No requests yet" in shown(sandbox).text


def test_requests_are_paged(sandbox: Sandbox) -> None:
    now = datetime.now(UTC)
    for n in range(30):
        log_pull(sandbox, at=now - timedelta(hours=n), rows=n)
    client = advertiser_browser(sandbox)
    first = Page(client.get("/singular").text)
    assert [row[2] for row in first.rows("request-rows")] == [str(n) for n in range(25)]
    second = Page(client.get(first.one("a", rel="next").attributes["href"]).text)
    assert [row[2] for row in second.rows("request-rows")] == [str(n) for n in range(25, 30)]
    assert second.all("a", rel="next") == []
    assert second.one("a", rel="prev").attributes["href"].startswith("/singular")


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 30, "٣", SCRIPT])
def test_an_invalid_page_shows_the_first_page(module_sandbox: Sandbox, before: str) -> None:
    log_pull(module_sandbox)
    response = advertiser_browser(module_sandbox).get("/singular", params={"before": before})
    assert response.status_code == 200
    assert SCRIPT not in response.text


def test_stored_text_is_escaped(sandbox: Sandbox) -> None:
    sandbox.send("offers", [offer_record(sandbox, name=SCRIPT, storeId=SCRIPT, campaignName=SCRIPT, os="IOS")])
    run_in_tenant(
        sandbox.tenant.slug,
        lambda: api_keys.create_api_key(name=SCRIPT, scopes=["singular"], advertiser=sandbox.owner, created_by="test"),
    )
    log_pull(sandbox)
    response = advertiser_browser(sandbox).get("/singular")
    assert SCRIPT not in response.text
    page = Page(response.text)
    assert all(script.attributes.get("src", "").startswith("/static/") for script in page.all("script"))
    assert page.rows("flawed")[0][0] == f"{SCRIPT} iOS · {SCRIPT} · {SCRIPT}"


def shown(sandbox: Sandbox) -> Page:
    response = advertiser_browser(sandbox).get("/singular")
    assert response.status_code == 200, response.text
    return Page(response.text)


def step_status(page: Page) -> dict[str, bool]:
    """Whether each step is done, by heading."""
    start = page.elements.index(page.one("ol", **{"class": "steps"}))
    steps = [element for element in page.elements[start:] if element.tag == "li"]
    headings = [element.text for element in page.elements[start:] if element.tag == "strong"][: len(steps)]
    return {heading: step.attributes["class"] == "done" for heading, step in zip(headings, steps, strict=True)}


def request_of(sandbox: Sandbox) -> list[dict[str, Any]]:
    return execute(
        "SELECT singular_requested_at, singular_requested_by FROM {s}.advertiser WHERE id = $1",
        sandbox.owner,
        schema=sandbox.tenant.schema,
    )


def log_pull(sandbox: Sandbox, *, advertiser: UUID | None = None, **values: Any) -> None:
    """Logs a request now, by default with the owner's key, for the week to 19 May 2025 with 40 rows."""
    pull: dict[str, Any] = {
        "at": datetime.now(UTC),
        "starts_at": datetime(2025, 5, 13, tzinfo=UTC),
        "ends_at": datetime(2025, 5, 20, tzinfo=UTC),
        "status": 200,
        "rows": 40,
        "milliseconds": 12,
    } | values
    execute(
        f"""
        INSERT INTO {{s}}.singular_pull (advertiser, token, format, {", ".join(pull)})
        SELECT $1, min(id), 'json', {", ".join(f"${n}" for n in range(2, len(pull) + 2))}
        FROM {{s}}.api_token WHERE advertiser = $1
        """,
        advertiser or sandbox.owner,
        *pull.values(),
        schema=sandbox.tenant.schema,
    )
