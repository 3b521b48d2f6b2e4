"""Saved views of the staff's page of the spend, there and by email."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from saved_views.emails import send_saved_views
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.mail_server import running_mail_server, text_of
from tests.support.people import Browser, advertiser_browser, browser, create_advertiser_user, staff_browser
from tests.support.sandbox import Sandbox, conversion_callback, offer_record

MONDAY = datetime(2025, 6, 2, tzinfo=UTC)
STAFF = "sam@example.com"


def views_of(sandbox: Sandbox) -> list[dict[str, Any]]:
    return execute("SELECT * FROM {s}.saved_view ORDER BY id", schema=sandbox.tenant.schema)


def page_of(client: Browser, path: str) -> Page:
    response = client.get(path)
    assert response.status_code == 200, response.text
    return Page(response.text)


def save(client: Browser, query: str, name: str = "All") -> None:
    response = client.post("/staff/views", data={"name": name, "query": query})
    assert response.headers["Location"] == "/staff/views?done=saved", response.text


def test_what_the_page_shows_is_saved_with_its_currency(sandbox: Sandbox) -> None:
    client = staff_browser(sandbox, "viewer")
    shown = page_of(client, "/staff?period=last_7_days&by=partner")
    (field,) = shown.all("input", name="query")
    query = field.attributes["value"]
    assert query == "period=last_7_days&by=partner&currency=USD"
    save(client, query, "Partners")
    (view,) = views_of(sandbox)
    assert (view["login"], view["advertiser"], view["query"]) == (None, None, query)
    for path in "/staff", "/staff/views?done=saved":
        links = [each.attributes["href"] for each in page_of(client, path).all("a", href=f"/staff?{query}")]
        assert len(links) == 1, path
    response = client.post(f"/staff/views/{view['id']}", data={"name": "By partner", "schedule": "weekly"})
    assert response.headers["Location"] == "/staff/views?done=changed"
    assert [each["schedule"] for each in views_of(sandbox)] == ["weekly"]
    response = client.post(f"/staff/views/{view['id']}/delete")
    assert response.headers["Location"] == "/staff/views?done=deleted"
    assert views_of(sandbox) == []


def test_the_page_names_the_page_of_its_views(sandbox: Sandbox) -> None:
    staff, user = staff_browser(sandbox), advertiser_browser(sandbox)
    for client, root, title, other in (staff, "/staff", "Spend", "Dashboard"), (user, "", "Dashboard", "Spend"):
        empty = page_of(client, f"{root}/views").text
        assert client.post(f"{root}/views", data={"name": "All", "query": ""}).status_code == 303
        with_a_view = page_of(client, f"{root}/views").text
        for text in empty, with_a_view:
            assert f"that you saved on the page “{title}”" in text
            assert f"“{other}”" not in text
        assert f"a table on the page “{title}”" in empty
        assert f"in the time zone of “{title}”" in with_a_view


def test_views_of_staff_are_their_own(sandbox: Sandbox) -> None:
    sam, eve, anna = staff_browser(sandbox), staff_browser(sandbox), advertiser_browser(sandbox)
    save(sam, "by=advertiser")
    execute("UPDATE {s}.saved_view SET name = 'Secret'", schema=sandbox.tenant.schema)
    (view,) = views_of(sandbox)
    for client, root in (eve, "/staff/views"), (anna, "/views"):
        assert "Secret" not in page_of(client, root).text
        path = f"{root}/{view['id']}"
        assert client.post(path, data={"name": "Mine", "schedule": "daily"}).status_code == 404
        assert client.post(f"{path}/delete").status_code == 404
    assert views_of(sandbox) == [view]


def test_a_view_of_the_portal_cannot_be_of_all_advertisers(sandbox: Sandbox) -> None:
    response = advertiser_browser(sandbox).post("/views", data={"name": "All", "query": "by=advertiser"})
    assert response.status_code == 400
    assert views_of(sandbox) == []


@pytest.mark.parametrize("active", [True, False])
def test_a_view_is_sent_and_stopped_by_email(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, active: bool) -> None:
    create_advertiser_user(sandbox)
    client = staff_browser(sandbox, "viewer", email=STAFF, name="Sam")
    for advertiser, name in (sandbox.owner, "Boots"), (sandbox.rival, "Shoes"):
        offer = offer_record(sandbox, advertiser, name=name)
        sandbox.send("offers", [offer])
        conversion = {
            "userCompletedAt": (MONDAY - timedelta(hours=12)).isoformat(),
            "offerAdvertiserId": str(advertiser),
            "revenue": "10.5",
        }
        sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], **conversion)])
    save(client, "period=last_7_days&by=advertiser&currency=USD")
    save(client, "period=last_7_days&currency=EUR", "Euro")
    execute(
        "UPDATE {s}.saved_view SET schedule = 'daily', sent_for = $1",
        MONDAY.date() - timedelta(days=1),
        schema=sandbox.tenant.schema,
    )
    execute("UPDATE {s}.staff SET active = $2 WHERE email = $1", STAFF, active, schema=sandbox.tenant.schema)
    with running_mail_server(monkeypatch) as mails:
        for hours in 7, 8:
            now = MONDAY + timedelta(hours=hours)
            run_in_tenant(sandbox.tenant.slug, partial(send_saved_views, sandbox.tenant, now))
    assert len(mails.to(STAFF)) == len(mails.mails) == (2 if active else 0)
    if not active:
        return
    message, euro = mails.mails
    text = text_of(message)
    assert text.startswith(
        f"Hello Sam,\n\nAll: {sandbox.tenant.name}, 26 May \N{EN DASH} 1 Jun 2025 (UTC)\n\nCost, USD: 21."
    )
    assert "Owner: 10.50 USD, 1 conversion" in text
    assert "Rival: 10.50 USD, 1 conversion" in text
    assert "On the page “Spend”: http" in text
    assert "/staff?by=advertiser&currency=USD&date_from=2025-05-26&date_to=2025-06-01" in text
    assert "dashboard" not in text.lower()
    assert text.rstrip().endswith("/staff/views")
    (file,) = message.iter_attachments()
    assert file.get_filename() == "gokart_advertisers_2025-05-26_2025-06-01.csv"
    assert "There were no views, clicks or conversions on these days." in text_of(euro)

    program = browser(sandbox)
    del program.headers["Origin"]
    path = "/staff/unsubscribe/" + message["List-Unsubscribe"].strip("<>").partition("/staff/unsubscribe/")[2]
    assert f"The saved view “All” by email to {STAFF}" in page_of(program, path).text
    assert program.post(path.removeprefix("/staff")).status_code == 404, "it is not for users of advertisers"
    assert program.post(path).status_code == 200
    assert [each["schedule"] for each in views_of(sandbox)] == ["never", "daily"]
