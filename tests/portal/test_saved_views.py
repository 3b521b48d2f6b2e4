"""Saved views on the dashboard and at /views."""

from typing import Any

import pytest

from saved_views.service import MAX_VIEWS
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser
from tests.support.sandbox import Sandbox

SCRIPT = "<script>alert('x')</script>\"'"


def views_of(sandbox: Sandbox) -> list[dict[str, Any]]:
    return execute("SELECT * FROM {s}.saved_view ORDER BY id", schema=sandbox.tenant.schema)


def page_of(client: Browser, path: str = "/views") -> Page:
    response = client.get(path)
    assert response.status_code == 200, response.text
    return Page(response.text)


def save(client: Browser, name: str = "Boots", query: str = "period=last_7_days&by=partner") -> None:
    response = client.post("/views", data={"name": name, "query": query})
    assert (response.status_code, response.headers["Location"]) == (303, "/views?done=saved"), response.text


def test_what_the_dashboard_shows_can_be_saved_and_opened(sandbox: Sandbox) -> None:
    client = advertiser_browser(sandbox)
    shown = page_of(client, "/?period=last-7-days&by=partner&sort=-clicks&os=IOS")
    (query,) = [each.attributes["value"] for each in shown.all("input", name="query")]
    save(client, "Partners", query)
    page = page_of(client, "/views?done=saved")
    assert "The view was saved." in page.text
    (link,) = [each for each in page.all("a") if each.text == "Open"]
    assert page_of(client, link.attributes["href"]).all("input", name="query")[0].attributes["value"] == query
    (link,) = [each for each in page_of(client, "/").all("a") if each.text == "Partners"]
    assert link.attributes["href"] == f"/?{query}"


def test_views_are_the_users_own(sandbox: Sandbox) -> None:
    anna, ben, rival = (
        advertiser_browser(sandbox),
        advertiser_browser(sandbox),
        advertiser_browser(sandbox, sandbox.rival),
    )
    save(anna)
    (view,) = views_of(sandbox)
    for other in ben, rival:
        assert "Boots" not in page_of(other).text
        assert "Boots" not in page_of(other, "/").text
        for path, data in (
            (f"/views/{view['id']}", {"name": "Mine", "schedule": "daily"}),
            (f"/views/{view['id']}/delete", {}),
        ):
            assert other.post(path, data=data).status_code == 404
    assert views_of(sandbox) == [view]
    save(ben)  # with the same name


def test_a_view_is_renamed_scheduled_and_deleted(sandbox: Sandbox) -> None:
    client = advertiser_browser(sandbox)
    save(client)
    (view,) = views_of(sandbox)
    response = client.post(f"/views/{view['id']}", data={"name": "Shoes", "schedule": "weekly"})
    assert (response.status_code, response.headers["Location"]) == (303, "/views?done=changed")
    (changed,) = views_of(sandbox)
    assert (changed["name"], changed["schedule"], changed["query"]) == ("Shoes", "weekly", view["query"])
    assert changed["sent_for"].weekday() == 0
    response = client.post(f"/views/{view['id']}/delete")
    assert response.headers["Location"] == "/views?done=deleted"
    assert views_of(sandbox) == []
    assert "No saved views" in page_of(client).text


@pytest.mark.parametrize(
    ("name", "query", "error"),
    [
        ("", "", "Enter a name of 1 to 100 characters."),
        ("x" * 101, "", "Enter a name of 1 to 100 characters."),
        ("a\tb", "", "Enter a name of 1 to 100 characters."),
        ("Boots", "", "You have a view with this name."),
        ("New", "nonsense=1", "This view cannot be shown: nonsense:"),
        ("New", "period=last_7_days&date_from=2025-01-01", "date_to: is required"),
        ("New", f"campaign={'x' * 2000}", "The filters are longer than 2000 characters."),
    ],
)
def test_what_cannot_be_saved_is_shown_with_its_error(sandbox: Sandbox, name: str, query: str, error: str) -> None:
    client = advertiser_browser(sandbox)
    save(client)
    response = client.post("/views", data={"name": name, "query": query})
    assert response.status_code == 400
    page = Page(response.text)
    assert error in page.text
    assert page.one("input", name="query").attributes["value"] == query
    assert len(views_of(sandbox)) == 1


def test_a_view_with_an_error_keeps_its_values(sandbox: Sandbox) -> None:
    client = advertiser_browser(sandbox)
    save(client)
    save(client, "Other")
    view = views_of(sandbox)[1]
    for data, error in (
        ({"name": "Boots", "schedule": "daily"}, "You have a view with this name."),
        ({"name": "Other", "schedule": "hourly"}, "Choose one of never, daily, weekly, monthly."),
    ):
        response = client.post(f"/views/{view['id']}", data=data)
        assert response.status_code == 400
        assert error in Page(response.text).text
    assert views_of(sandbox)[1] == view


def test_a_user_has_so_many_views_at_most(sandbox: Sandbox) -> None:
    client = advertiser_browser(sandbox)
    save(client)
    execute(
        "INSERT INTO {s}.saved_view (login, advertiser, sent_for, schedule, name, query) "
        "SELECT login, advertiser, sent_for, schedule, n::text, query FROM {s}.saved_view, generate_series(2, $1) n",
        MAX_VIEWS,
        schema=sandbox.tenant.schema,
    )
    response = client.post("/views", data={"name": "One more", "query": ""})
    assert response.status_code == 400
    assert f"You have {MAX_VIEWS} views" in response.text


def test_without_the_permission_it_is_forbidden(sandbox: Sandbox) -> None:
    client = advertiser_browser(sandbox, scopes=["singular"])
    assert client.get("/views").status_code == 403
    for path in "/views", "/views/1", "/views/1/delete":
        assert client.post(path, data={"name": "x"}).status_code == 403
    assert views_of(sandbox) == []


def test_stored_text_is_escaped(sandbox: Sandbox) -> None:
    client = advertiser_browser(sandbox)
    save(client, SCRIPT, f"campaign={SCRIPT}".replace("&", "").replace(";", ""))
    for path in "/views", "/":
        response = client.get(path)
        assert response.status_code == 200
        assert SCRIPT not in response.text
