"""/staff/advertisers/{id}/conversions and …/changes: staff see what an advertiser's users see, with clicks."""

from uuid import uuid4

import pytest

from tests.support.html_page import Page
from tests.support.people import staff_browser
from tests.support.sandbox import MAY, Sandbox, conversion_callback, offer_record


@pytest.mark.parametrize("role", ["viewer", "owner"])
def test_staff_see_an_advertisers_conversions_and_changes(sandbox: Sandbox, role: str) -> None:
    offer = offer_record(sandbox, name="Boots")
    theirs = offer_record(sandbox, sandbox.rival, name="Secret plan")
    sandbox.send("offers", [offer, theirs])
    click = str(uuid4())
    callback = conversion_callback(sandbox, offer["id"], clickId=click, revenue=60)
    sandbox.send("conversions", [callback, conversion_callback(sandbox, theirs["id"], offerAdvertiserId=None)])
    client = staff_browser(sandbox, role)
    root = f"/staff/advertisers/{sandbox.owner}"
    links = {link.attributes.get("href") for link in Page(client.get(root).text).all("a")}
    assert {f"{root}/conversions", f"{root}/changes"} <= links

    page = Page(client.get(f"{root}/conversions", params=MAY).text)
    assert len(page.rows("conversions")) == 1
    assert click[:8] in page.text
    assert "Secret plan" not in page.text
    assert [a.text for a in page.all("a", href=root)] == ["Owner"]
    conversion = f"{root}/conversions/{callback['conversion']['conversionId']}"
    page.one("a", href=conversion)
    assert click in Page(client.get(conversion).text).text
    assert len(client.get(f"{root}/conversions.csv", params=MAY).text.splitlines()) == 2
    assert len(client.get(f"{root}/changes.csv").text.splitlines()) == 2
    page = Page(client.get(f"{root}/changes").text)
    assert (
        "What changed"
        in Page(client.get(page.one("a", href=f"{root}/changes?date=2025-05-19").attributes["href"]).text).text
    )
    other = f"/staff/advertisers/{sandbox.rival}/conversions/{callback['conversion']['conversionId']}"
    assert client.get(other).status_code == 404


@pytest.mark.parametrize("path", ["conversions", "conversions.csv", "changes", "changes.csv"])
def test_an_unknown_advertiser_is_not_found(module_sandbox: Sandbox, path: str) -> None:
    assert staff_browser(module_sandbox).get(f"/staff/advertisers/{uuid4()}/{path}").status_code == 404
