"""The staff's pages of advertisers, offers and partners: lists, forms, status, and deletion."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from singular.requirements import flaws_of
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, audit, staff_browser
from tests.support.sandbox import JSON, MAY, SINGULAR, Sandbox, conversion_callback, event_record, offer_record
from tests.support.wait import wait_for_value
from web.pages.formatting import NOTHING

AWKWARD = ['=HYPERLINK("http://x")', "<b>Bold</b>", 'O\'Hara "Boots"', "مرحبا", "x" * 500]


@pytest.fixture
def manager(sandbox: Sandbox) -> Browser:
    return staff_browser(sandbox, "manager")


def stored(sandbox: Sandbox, table: str, id_: UUID | str) -> dict[str, Any]:
    (row,) = execute(f"SELECT * FROM {{s}}.{table} WHERE id = $1", id_, schema=sandbox.tenant.schema)
    return dict(row)


def rows(client: Browser, path: str) -> list[list[str]]:
    response = client.get(path)
    assert response.status_code == 200, response.text
    page = Page(response.text)
    return page.rows("rows") if page.all("tbody", id="rows") else []


def names(client: Browser, path: str) -> list[str]:
    """The first words of the first column after the check boxes."""
    return [re.sub(r" [0-9a-f]{8}$", "", next(cell for cell in row if cell)) for row in rows(client, path)]


def new_form(client: Browser, path: str) -> dict[str, str]:
    page = Page(client.get(path).text)
    return {
        field.attributes["name"]: field.attributes.get("value", "")
        for field in page.all("input")
        if "name" in field.attributes
    }


def create(client: Browser, kind: str, **fields: str) -> str:
    """Returns the id."""
    form = new_form(client, f"/staff/{kind}/new") | fields
    response = client.post(f"/staff/{kind}/new", data=form)
    assert response.status_code == 303, response.text
    return form["id"] or form["new_id"]


def set_status(client: Browser, kind: str, to: str, *ids: object) -> str:
    """Returns the text of the preview, and confirms it."""
    preview = client.get(f"/staff/{kind}/status", params={"to": to, "id": list(map(str, ids))})
    assert preview.status_code == 200, preview.text
    response = client.post(f"/staff/{kind}/status", data={"to": to, "id": list(map(str, ids))})
    assert response.status_code == 303
    return Page(preview.text).text


def edit(client: Browser, kind: str, id_: object, **fields: str) -> Any:
    """Sends the form with these changes, without confirming the preview."""
    path = f"/staff/{kind}/{id_}/edit"
    page = Page(client.get(path).text)
    form = new_form(client, path) | fields
    for choice in page.all("select"):
        form.setdefault(choice.attributes["name"], "")
    return client.post(path, data=form)


def confirmed(client: Browser, kind: str, id_: object, **fields: str) -> str:
    """Sends the form, confirms the preview, and returns its text."""
    preview = edit(client, kind, id_, **fields)
    assert preview.status_code == 200, preview.text
    page = Page(preview.text)
    form = {each.attributes["name"]: each.attributes.get("value", "") for each in page.all("input", type="hidden")}
    assert client.post(f"/staff/{kind}/{id_}/edit", data=form).status_code == 303
    return page.text


def test_an_advertiser_is_created_once_however_often_the_form_is_sent(sandbox: Sandbox, manager: Browser) -> None:
    form = new_form(manager, "/staff/advertisers/new") | {
        "name": "Brown Boots",
        "currency": "eur",
        "time_zone": "europe/berlin",
        "contact_email": "Anna@Boots.example",
        "billing_address": "Street 1\r\nTown",
    }
    first, second = (manager.post("/staff/advertisers/new", data=form) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert (
        first.headers["location"] == second.headers["location"] == f"/staff/advertisers/{form['new_id']}?done=created"
    )
    row = stored(sandbox, "advertiser", form["new_id"])
    assert (row["name"], row["currency"], row["time_zone"]) == ("Brown Boots", "EUR", "Europe/Berlin")
    assert (row["contact_email"], row["billing_address"], row["tax_id"]) == (
        "anna@boots.example",
        "Street 1\nTown",
        None,
    )
    assert names(manager, "/staff/advertisers") == ["Brown Boots", "Owner", "Rival"]
    entry = audit(sandbox)[-1]
    assert (entry["subject"], entry["action"], entry["label"]) == ("advertiser", "created", "Brown Boots")
    other = manager.post("/staff/advertisers/new", data=form | {"name": "Another"})
    assert other.status_code == 400
    assert "There is another advertiser with this ID." in other.text


def test_errors_are_shown_at_their_fields_and_nothing_is_lost(manager: Browser) -> None:
    form = new_form(manager, "/staff/advertisers/new") | {
        "name": " ",
        "id": "x",
        "currency": "XXX",
        "time_zone": "Mars",
        "contact_email": "nobody",
        "tax_id": "DE<1>",
    }
    response = manager.post("/staff/advertisers/new", data=form)
    assert response.status_code == 400
    page = Page(response.text)
    wrong = [field.attributes["name"] for field in page.all("input") if "aria-invalid" in field.attributes]
    assert sorted(wrong) == ["contact_email", "currency", "id", "name", "time_zone"]
    assert page.one("input", name="tax_id").attributes["value"] == "DE<1>"
    assert page.one("input", name="new_id").attributes["value"] == form["new_id"]


def test_an_offer_is_created_for_the_advertiser_that_was_chosen(sandbox: Sandbox, manager: Browser) -> None:
    twin = create(manager, "advertisers", name="Owner")
    page = Page(manager.get(f"/staff/offers/new?advertiser={twin}").text)
    chosen = [option for option in page.all("option") if "selected" in option.attributes]
    assert [option.attributes["value"] for option in chosen] == [twin, ""]
    labels = {option.text for option in page.all("option")}
    assert {f"Owner · {str(sandbox.owner)[:8]}", f"Owner · {twin[:8]}"} <= labels
    offer = create(manager, "offers", name="Chess", advertiser=twin, campaign_name="CHESS_1", os="IOS", store_id="12")
    row = stored(sandbox, "offer", offer)
    assert (str(row["advertiser"]), row["campaign_name"], row["os"], row["status"]) == (
        twin,
        "CHESS_1",
        "IOS",
        "active",
    )
    form = new_form(manager, "/staff/offers/new") | {"name": "X", "os": "", "advertiser": "Owner"}
    response = manager.post("/staff/offers/new", data=form)
    assert response.status_code == 400
    assert "Several advertisers have this name." in response.text
    assert manager.post("/staff/offers/new", data=form | {"advertiser": "rival"}).status_code == 303


def test_the_page_of_an_advertiser_shows_what_belongs_to_it(sandbox: Sandbox, manager: Browser) -> None:
    offer = offer_record(sandbox, name="Chess")
    sandbox.send("offers", [offer, offer_record(sandbox, sandbox.rival, name="Secret")])
    sandbox.send("events", [event_record(offer["id"])])
    page = Page(manager.get(f"/staff/advertisers/{sandbox.owner}").text)
    assert page.one("code", id="id").text == str(sandbox.owner)
    assert page.rows("offers") == [[f"Chess {offer['id'][:8]}", NOTHING, NOTHING, "Active"]]
    assert "Secret" not in page.text
    assert [row[2] for row in page.rows("keys")] == ["Active"]
    assert "Missing data: a contact email, an email for invoices, a billing address; 1 offer lacks data" in page.text
    viewer = Page(staff_browser(sandbox, "viewer").get(f"/staff/advertisers/{sandbox.owner}").text)
    assert "Add offer" not in viewer.text
    assert "Edit" not in viewer.text


def test_rows_of_other_tenants_are_not_found(other_sandbox: Sandbox, manager: Browser) -> None:
    for path in (f"/staff/advertisers/{other_sandbox.owner}", f"/staff/offers/{uuid4()}", f"/staff/partners/{uuid4()}"):
        for page in ("", "/edit"):
            assert manager.get(path + page).status_code == 404
        assert manager.post(f"{path}/delete").status_code == 404
    status = manager.post("/staff/advertisers/status", data={"to": "paused", "id": str(other_sandbox.owner)})
    assert status.status_code == 303
    assert stored(other_sandbox, "advertiser", other_sandbox.owner)["status"] == "active"


def test_lists_are_searched_filtered_and_sorted(sandbox: Sandbox, manager: Browser) -> None:
    first = offer_record(sandbox, name="Alpha Quest", campaignName="zeta_camp", os="IOS", storeId="12345", appName="A")
    second = offer_record(sandbox, sandbox.rival, name="beta", campaignName="CAMP_2", os="ANDROID", storeId="com.beta")
    third = offer_record(sandbox, name="Gamma")
    sandbox.send("offers", [first, second, third])
    for query, found in {
        "": ["Alpha Quest", "beta", "Gamma"],
        "q=ques": ["Alpha Quest"],
        "q=QUEST+alp": ["Alpha Quest"],
        "q=uest": [],
        "q=zeta": ["Alpha Quest"],
        "q=com.beta": ["beta"],
        f"q={third['id']}": ["Gamma"],
        f"q={third['id'][:8]}": ["Gamma"],
        "q=%27%26%7C%3A%2A": [],
        f"advertiser={sandbox.rival}": ["beta"],
        "advertiser=owner": ["Alpha Quest", "Gamma"],
        "advertiser=nobody": [],
        "os=IOS": ["Alpha Quest"],
        "os=none": ["Gamma"],
        "missing=singular": ["Gamma"],
        "missing=store_id": ["Gamma"],
        "missing=campaign&q=gam": ["Gamma"],
        "status=archived": [],
        "sort=-name": ["Gamma", "beta", "Alpha Quest"],
        "sort=campaign": ["Gamma", "beta", "Alpha Quest"],
        "sort=-advertiser": ["beta"],
    }.items():
        shown = names(manager, f"/staff/offers?{query}")
        assert shown[: len(found)] == found, query
        assert len(shown) == len(found) or query == "sort=-advertiser"
    assert "missing=offers" not in manager.get("/staff/partners").text


def test_a_list_has_pages(sandbox: Sandbox, manager: Browser) -> None:
    sandbox.send("partners", [{"id": str(uuid4()), "name": f"Partner {n:03}"} for n in range(60)])
    first = Page(manager.get("/staff/partners?q=partner").text)
    assert len(first.rows("rows")) == 50
    (following,) = first.all("a", rel="next")
    assert names(manager, following.attributes["href"]) == [f"Partner {n:03}" for n in range(50, 60)]


def test_awkward_names_do_not_break_the_pages(manager: Browser) -> None:
    for name in AWKWARD:
        advertiser = create(manager, "advertisers", name=name)
        assert Page(manager.get(f"/staff/advertisers/{advertiser}").text).one("h1").text == name
        create(manager, "offers", name=name, advertiser=advertiser, os="")
    assert "<b>" not in manager.get("/staff/offers").text
    lines = manager.get("/staff/offers/export").text.splitlines()
    assert any('\'=HYPERLINK(""http' in line for line in lines)


def test_pausing_an_advertiser_shows_its_keys_and_resuming_makes_them_work(sandbox: Sandbox, manager: Browser) -> None:
    preview = set_status(manager, "advertisers", "paused", sandbox.owner, sandbox.rival)
    assert "2 API keys stop working within a second: requests fail with 403. Singular gets errors" in preview
    assert wait_for_value(lambda: sandbox.get(JSON, **MAY).status_code, 403)
    assert "is paused already" in set_status(manager, "advertisers", "paused", sandbox.owner)
    assert "1 API key works again" in set_status(manager, "advertisers", "active", sandbox.owner)
    assert wait_for_value(lambda: sandbox.get(JSON, **MAY).status_code, 200)
    assert [entry["action"] for entry in audit(sandbox) if entry["subject"] == "advertiser"][-3:] == ["changed"] * 3


@pytest.mark.parametrize("status", ["paused", "archived"])
def test_a_paused_or_archived_offer_is_counted_and_reported(sandbox: Sandbox, manager: Browser, status: str) -> None:
    offer, partner = offer_record(sandbox, name="Chess"), {"id": str(uuid4()), "name": "P"}
    sandbox.send("offers", [offer])
    sandbox.send("partners", [partner])
    etag = sandbox.get(JSON, **MAY).headers["etag"]
    assert "counted as before" in set_status(manager, "offers", status, offer["id"])
    set_status(manager, "partners", "archived", partner["id"])
    assert sandbox.get(JSON, **MAY).headers["etag"] == etag
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], partnerId=partner["id"], partnerName="P")])
    sandbox.send("events", [event_record(offer["id"], partnerId=partner["id"])])
    (row,) = sandbox.report()
    assert (row["totalConversions"], row["totalClicks"], row["publisherName"]) == (1, 1, "P")
    sandbox.send("offers", [offer | {"name": "Chess 2"}])
    sandbox.send("partners", [partner | {"name": "Q"}])
    assert stored(sandbox, "offer", offer["id"])["status"] == status
    assert stored(sandbox, "partner", partner["id"])["status"] == "archived"
    assert names(manager, "/staff/partners") == [sandbox.tenant.name]
    assert names(manager, "/staff/partners?status=all") == sorted(["Q", sandbox.tenant.name], key=str.lower)


def test_renaming_an_offer_shows_its_effects_first(sandbox: Sandbox, manager: Browser) -> None:
    offer = offer_record(sandbox, name="Chess", campaignName="C")
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"])])
    before = sandbox.get(JSON, **MAY)
    preview = Page(edit(manager, "offers", offer["id"], name="Chess & Co").text)
    assert preview.rows("changes") == [["Name", "Chess", "Chess & Co"]]
    assert "Singular reads the name as the campaign's name" in preview.text
    assert sandbox.report() == before.json()["data"]
    confirmed(manager, "offers", offer["id"], name="Chess & Co")
    after = sandbox.get(JSON, **MAY)
    assert [row["offerName"] for row in after.json()["data"]] == ["Chess & Co"]
    assert after.headers["etag"] != before.headers["etag"]
    items = sandbox.get(SINGULAR, **MAY).json()["data"]["items"]
    assert [item["offer_name"] for item in items] == ["Chess & Co"]


def test_fields_without_effects_elsewhere_are_saved_at_once(sandbox: Sandbox, manager: Browser) -> None:
    assert edit(manager, "advertisers", sandbox.owner, contact_name="Anna").status_code == 303
    assert stored(sandbox, "advertiser", sandbox.owner)["contact_name"] == "Anna"
    response = edit(manager, "advertisers", sandbox.owner)
    assert response.headers["location"].endswith("?done=unchanged")


def test_a_preview_is_shown_again_if_the_row_has_changed(sandbox: Sandbox, manager: Browser) -> None:
    page = Page(edit(manager, "advertisers", sandbox.owner, name="New").text)
    form = {each.attributes["name"]: each.attributes.get("value", "") for each in page.all("input", type="hidden")}
    confirmed(manager, "advertisers", sandbox.owner, name="Meanwhile")
    again = manager.post(f"/staff/advertisers/{sandbox.owner}/edit", data=form)
    assert Page(again.text).rows("changes") == [["Name", "Meanwhile", "New"]]
    assert stored(sandbox, "advertiser", sandbox.owner)["name"] == "Meanwhile"


def test_the_currency_of_amounts_cannot_be_edited(sandbox: Sandbox, manager: Browser) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"])])
    page = Page(edit(manager, "advertisers", sandbox.owner, currency="EUR").text)
    form = {each.attributes["name"]: each.attributes.get("value", "") for each in page.all("input", type="hidden")}
    response = manager.post(f"/staff/advertisers/{sandbox.owner}/edit", data=form)
    assert response.status_code == 400
    assert "The currency cannot be changed: the advertiser has amounts in USD." in response.text


def test_what_only_the_database_refuses_is_shown_at_its_field(sandbox: Sandbox, manager: Browser) -> None:
    for constraint in (
        "known_tax_ids CHECK (tax_id <> 'X')",
        "pairs CHECK (tax_id IS NULL OR contact_name IS NULL)",
        "in_use CHECK (status <> 'archived' OR name <> 'Owner')",
    ):
        execute(f"ALTER TABLE {{s}}.advertiser ADD CONSTRAINT {constraint}", schema=sandbox.tenant.schema)
    new = new_form(manager, "/staff/advertisers/new") | {"name": "New", "currency": "USD", "time_zone": "UTC"}
    for form, says in (
        ({"tax_id": "X"}, "The constraint known_tax_ids of the database refuses this value."),
        (
            {"tax_id": "Y", "contact_name": "Z"},
            "The constraint pairs of the database refuses these values of contact_name, tax_id.",
        ),
    ):
        created = manager.post("/staff/advertisers/new", data=new | form)
        changed = edit(manager, "advertisers", sandbox.owner, currency="USD", time_zone="UTC", **form)
        for response in created, changed:
            assert response.status_code == 400
            assert says in Page(response.text).text
            at_field = [each for each in Page(response.text).all("input") if "aria-invalid" in each.attributes]
            assert [each.attributes["name"] for each in at_field] == (["tax_id"] if len(form) == 1 else [])
    archive = {"to": "archived", "id": str(sandbox.owner)}
    response = manager.post("/staff/advertisers/status", data=archive)
    assert response.status_code == 400
    assert "The constraint in_use of the database refuses these values of name, status." in Page(response.text).text


def test_only_rows_without_figures_are_deleted(sandbox: Sandbox, manager: Browser) -> None:
    used, unused = offer_record(sandbox), offer_record(sandbox)
    partner = {"id": str(uuid4()), "name": "P"}
    sandbox.send("offers", [used, unused])
    sandbox.send("partners", [partner])
    sandbox.send("events", [event_record(used["id"], partnerId=partner["id"])])
    for kind, id_ in ("offers", used["id"]), ("partners", partner["id"]), ("advertisers", sandbox.owner):
        response = manager.post(f"/staff/{kind}/{id_}/delete")
        assert response.status_code == 409
        assert "Archive it instead." in response.text
    assert manager.post(f"/staff/partners/{sandbox.tenant.id}/delete").status_code == 409
    assert manager.post(f"/staff/offers/{unused['id']}/delete").status_code == 303
    assert manager.get(f"/staff/offers/{unused['id']}").status_code == 404


def test_a_key_is_created_for_the_advertiser_of_the_page(sandbox: Sandbox, manager: Browser) -> None:
    twin = create(manager, "advertisers", name="Owner")
    page = Page(manager.get(f"/staff/keys/new?advertiser={twin}").text)
    chosen = [each.attributes["value"] for each in page.all("option") if "selected" in each.attributes]
    assert twin in chosen
    form = {"name": "Import", "scopes": "cost-report", "expiry": "never"}
    response = manager.post(f"/staff/keys/new?advertiser={twin}", data=form | {"advertiser": twin})
    assert response.status_code == 201
    shown = Page(response.text)
    assert f"Owner {twin}" in shown.text
    assert shown.all("a", href=f"/staff/advertisers/{twin}")
    (key,) = execute("SELECT advertiser FROM {s}.api_token WHERE name = 'Import'", schema=sandbox.tenant.schema)
    assert str(key["advertiser"]) == twin
    assert f"Owner {twin[:8]}" in Page(manager.get("/staff/keys").text).text


def test_many_advertisers_are_searched_and_not_listed(sandbox: Sandbox, manager: Browser) -> None:
    execute(
        """
        INSERT INTO {s}.advertiser (id, name)
        SELECT gen_random_uuid(), 'Advertiser ' || n FROM generate_series(1, 100) n
        """,
        schema=sandbox.tenant.schema,
    )
    for path in ("/staff/keys", "/staff/keys/new", "/staff/people/logins/new", "/staff/offers", "/staff/offers/new"):
        page = Page(manager.get(f"{path}?advertiser={sandbox.owner}").text)
        field = page.one("input", name="advertiser", type="text")
        assert field.attributes["value"] == f"Owner ({sandbox.owner})", path
    options = Page(manager.get("/staff/advertisers/options?advertiser=riv").text)
    assert [option.attributes["value"] for option in options.all("option")] == [f"Rival ({sandbox.rival})"]
    form = {"name": "Import", "scopes": "cost-report", "expiry": "never"}
    unclear = manager.post("/staff/keys/new", data=form | {"advertiser": "riv"})
    assert unclear.status_code == 400
    assert "no advertiser has this name or ID" in unclear.text
    assert f"Rival ({sandbox.rival})" in unclear.text
    chosen = manager.post("/staff/keys/new", data=form | {"advertiser": f"Rival ({sandbox.rival})"})
    assert chosen.status_code == 201
    (key,) = execute("SELECT advertiser FROM {s}.api_token WHERE name = 'Import'", schema=sandbox.tenant.schema)
    assert key["advertiser"] == sandbox.rival


def test_a_search_for_a_very_long_word_finds_nothing(sandbox: Sandbox, manager: Browser) -> None:
    execute(
        "INSERT INTO {s}.advertiser (id, name) SELECT gen_random_uuid(), 'A ' || n FROM generate_series(1, 100) n",
        schema=sandbox.tenant.schema,
    )
    word = "\N{GRINNING FACE}" * 600
    assert "<option" not in manager.get("/staff/advertisers/options", params={"advertiser": word}).text
    assert manager.get("/staff/keys/new", params={"advertiser": "x" * 3_000}).status_code == 200
    form = {"name": "Import", "scopes": "cost-report", "expiry": "never", "advertiser": "x " * 10_000}
    assert manager.post("/staff/keys/new", data=form).status_code == 400


def test_archived_advertisers_are_not_offered(sandbox: Sandbox, manager: Browser) -> None:
    set_status(manager, "advertisers", "archived", sandbox.rival)
    page = Page(manager.get("/staff/keys/new").text)
    values = [option.attributes["value"] for option in page.all("option")]
    assert str(sandbox.owner) in values
    assert str(sandbox.rival) not in values
    assert names(manager, "/staff/advertisers") == ["Owner"]
    assert names(manager, "/staff/advertisers?status=archived") == ["Rival"]


def test_invalid_changes_of_the_status_are_refused(sandbox: Sandbox, manager: Browser) -> None:
    for fields in ({"to": "paused"}, {"to": "gone", "id": str(sandbox.owner)}, {"to": "paused", "id": "x"}):
        assert manager.post("/staff/advertisers/status", data=fields).status_code == 400
        assert manager.get("/staff/advertisers/status", params=fields).status_code == 400
    assert manager.post("/staff/partners/status", data={"to": "paused", "id": str(uuid4())}).status_code == 400


def test_a_moved_offer_shows_its_moves(sandbox: Sandbox, manager: Browser) -> None:
    offer = offer_record(sandbox, name="Chess")
    sandbox.send("offers", [offer])
    manager.post(f"/staff/offers/{offer['id']}/move", data={"owner": str(sandbox.owner), "to": str(sandbox.rival)})
    ((_, old, new),) = Page(manager.get(f"/staff/offers/{offer['id']}").text).rows("moves")
    assert (old, new) == (f"Owner {str(sandbox.owner)[:8]}", f"Rival {str(sandbox.rival)[:8]}")


@pytest.mark.parametrize("os", ["IOS", "ANDROID", "WEB", None])
def test_the_filter_of_offers_that_are_not_ready_for_singular_agrees_with_their_pages(
    module_sandbox: Sandbox, os: str | None
) -> None:
    client = staff_browser(module_sandbox, "viewer")
    stores = [None, " ", "12345", "1" * 21, "com.test", "com", "com.test.", "x-y.z"]
    offers = {
        f"{os} {n}{m}": offer_record(module_sandbox, os=os, storeId=store, campaignName=campaign)
        for n, store in enumerate(stores)
        for m, campaign in enumerate(["C", None])
    }
    module_sandbox.send("offers", [offer | {"name": name} for name, offer in offers.items()])
    expected = [
        name for name, offer in offers.items() if flaws_of(offer["os"], offer["storeId"], offer["campaignName"])
    ]
    found = names(client, "/staff/offers?missing=singular&q=" + str(os))
    assert sorted(found) == sorted(expected)
