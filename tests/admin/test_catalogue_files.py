"""Import and export of advertisers, offers and partners as CSV."""

import csv
import io
import time
from uuid import UUID, uuid4

import httpx
import pytest

from tenants.cache import TRUST_SECONDS
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, audit, staff_browser
from tests.support.sandbox import Sandbox, conversion_callback, offer_record
from web.pages.formatting import NOTHING


@pytest.fixture
def manager(sandbox: Sandbox) -> Browser:
    return staff_browser(sandbox, "manager")


def preview(client: Browser, kind: str, text: str | bytes) -> httpx.Response:
    content = text if isinstance(text, bytes) else text.encode()
    return client.post(f"/staff/{kind}/import", files={"file": ("rows.csv", content, "text/csv")})


def form_of(response: httpx.Response) -> dict[str, str]:
    page = Page(response.text)
    return {each.attributes["name"]: each.attributes["value"] for each in page.all("input", type="hidden")}


def apply(client: Browser, kind: str, response: httpx.Response) -> httpx.Response:
    return client.post(f"/staff/{kind}/import/apply", data=form_of(response))


def exported(client: Browser, kind: str, query: str = "") -> list[dict[str, str]]:
    response = client.get(f"/staff/{kind}/export{query}")
    assert response.status_code == 200
    assert response.content.startswith(b"\xef\xbb\xbf")
    assert response.headers["content-disposition"].startswith(f'attachment; filename="{kind}-20')
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"), newline="")))


def count(sandbox: Sandbox, table: str) -> int:
    (row,) = execute(f"SELECT count(*) AS n FROM {{s}}.{table}", schema=sandbox.tenant.schema)
    return int(row["n"])


def test_a_file_creates_and_changes_rows_after_a_preview(sandbox: Sandbox, manager: Browser) -> None:
    text = f"id;name;contact_email;status\n;New;a@b.example;\n{sandbox.owner};Owner;o@b.example;paused\n"
    shown = preview(manager, "advertisers", text)
    page = Page(shown.text)
    assert "1 to create, 1 to change" in page.text
    assert [row[0] for row in page.rows("changes")] == ["2", "3"]
    assert f"contact_email {NOTHING} → o@b.example" in page.rows("changes")[1][2]
    assert count(sandbox, "advertiser") == 2
    done = apply(manager, "advertisers", shown)
    assert "1 created, 1 changed." in done.text
    found = {row["name"]: row for row in exported(manager, "advertisers")}
    assert found["New"]["contact_email"] == "a@b.example"
    assert (found["Owner"]["status"], found["Rival"]["status"]) == ("paused", "active")
    assert {entry["actor"].partition(":")[0] for entry in audit(sandbox)[-2:]} == {"staff"}


def test_a_file_that_is_applied_twice_creates_no_duplicates(sandbox: Sandbox, manager: Browser) -> None:
    shown = preview(manager, "partners", "name\nA\nA\n")
    assert apply(manager, "partners", shown).status_code == 200
    again = apply(manager, "partners", shown)
    assert again.status_code == 409
    assert "2 rows are unchanged." in Page(again.text).text
    assert count(sandbox, "partner") == 3


def test_errors_are_shown_by_line_and_nothing_is_applied(sandbox: Sandbox, manager: Browser) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    id_ = uuid4()
    text = "\n".join([
        "id,advertiser_id,name,os,status",
        f",{sandbox.owner},Good,IOS,",
        f",{sandbox.owner},,PALM,gone",
        f",{uuid4()},No owner,,",
        ",,Nobody,,",
        f"{offer['id']},{sandbox.rival},Moved,,",
        f"{id_},{sandbox.owner},Twice,,",
        f"{id_},{sandbox.owner},Twice,,",
        f"x,{sandbox.owner},Bad,,",
    ])  # fmt: skip
    response = preview(manager, "offers", text)
    assert response.status_code == 400
    errors = {int(row[0]): row[2] for row in Page(response.text).rows("errors")}
    assert sorted(errors) == [3, 4, 5, 6, 8, 9]
    assert all(word in errors[3] for word in ("name: Enter a name", "os: Enter IOS", "status: “gone”"))
    assert "there is no advertiser" in errors[4]
    assert "is required" in errors[5]
    assert "a file cannot move an offer" in errors[6]
    assert "line 7" in errors[8]
    assert "is not an ID" in errors[9]
    assert "digest" not in form_of(response)
    assert count(sandbox, "offer") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Choose a file."),
        (b"\xff\xfe", "not CSV in UTF-8"),
        (b"name,colour\nA,B\n", "Unknown: “colour”"),
        (b"name,name\nA,B\n", "repeats a column: name"),
        (b"name\n", "no rows below its header"),
        (b"name\nA,B\n", "Row 2 has 2 cells"),
        (b'name\n"A\n', "not valid CSV"),
        (b"name\nA\0\n", "NUL"),
    ],
)
def test_an_invalid_file_is_rejected(manager: Browser, content: bytes, message: str) -> None:
    response = preview(manager, "partners", content)
    assert response.status_code == 400
    assert message in response.text


def test_an_exported_file_changes_nothing(sandbox: Sandbox, manager: Browser) -> None:
    offers = [
        offer_record(sandbox, name="=1+1", campaignName="'-x", appName='a"b', storeId="com.x", os="IOS"),
        offer_record(sandbox, name="'Quoted", campaignName="@x"),
    ]
    sandbox.send("offers", offers)
    for kind in ("offers", "advertisers", "partners"):
        content = manager.get(f"/staff/{kind}/export?status=all").content
        page = Page(preview(manager, kind, content).text)
        assert "0 to create, 0 to change" in page.text
    names = {row["id"]: row["name"] for row in exported(manager, "offers")}
    assert names == {offers[0]["id"]: "'=1+1", offers[1]["id"]: "'Quoted"}


def test_an_export_has_the_rows_of_the_filter(sandbox: Sandbox, manager: Browser) -> None:
    sandbox.send("offers", [offer_record(sandbox, name="One"), offer_record(sandbox, sandbox.rival, name="Two")])
    (row,) = exported(manager, "offers", f"?advertiser={sandbox.rival}")
    assert (row["name"], row["advertiser_name"], UUID(row["advertiser_id"])) == ("Two", "Rival", sandbox.rival)
    assert exported(manager, "offers", "?q=nothing") == []
    assert len(exported(staff_browser(sandbox, "viewer"), "offers")) == 2


def test_the_currency_of_amounts_is_not_imported(sandbox: Sandbox, manager: Browser) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"])])
    response = preview(manager, "advertisers", f"id,currency\n{sandbox.owner},EUR\n{sandbox.rival},EUR\n")
    (row,) = Page(response.text).rows("errors")
    assert row[0] == "2"
    assert "there are amounts in USD" in row[2]


def test_a_preview_shows_how_many_api_keys_stop_working(sandbox: Sandbox, manager: Browser) -> None:
    for scope in "cost-report", "singular":
        sandbox.create_api_key(scope)
    keys = execute(
        "SELECT count(*) AS n FROM {s}.api_token WHERE advertiser = $1", sandbox.owner, schema=sandbox.tenant.schema
    )[0]["n"]
    text = f"id,status,tax_id\n{sandbox.owner},paused,1\n{sandbox.rival},active,2\n"
    shown = preview(manager, "advertisers", text)
    page = Page(shown.text)
    assert [each.text for each in page.all("h3")] == ["1 advertiser becomes paused"]
    assert f"{keys} API keys stop working within a second" in page.text
    assert "Singular gets errors instead of costs" in page.text
    assert apply(manager, "advertisers", shown).status_code == 200
    text = f"id,status\n{sandbox.owner},active\n{sandbox.rival},archived\n"
    page = Page(preview(manager, "advertisers", text).text)
    assert [each.text for each in page.all("h3")] == ["1 advertiser becomes active", "1 advertiser becomes archived"]
    assert f"{keys} API keys work again within a second" in page.text
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    page = Page(preview(manager, "offers", f"id,status\n{offer['id']},paused\n").text)
    assert "API keys and Singular are not affected" in page.text


NO_KYIV = """
    CREATE OR REPLACE FUNCTION {s}.check_time_zone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is not the IANA name of a time zone, such as Europe/Berlin.', NEW.time_zone
            USING ERRCODE = 'check_violation';
    END $$
"""
ADD = "ALTER TABLE {s}.advertiser ADD CONSTRAINT"
NO_X = f"{ADD} known_tax_ids CHECK (tax_id <> 'Europe/Kyiv')"
NO_PAIR = f"{ADD} pairs CHECK (name <> 'Renamed' OR tax_id IS NULL)"
ONE_EACH = f"{ADD} one_each UNIQUE (tax_id)"


@pytest.mark.parametrize(
    ("refusal", "column", "says"),
    [
        (NO_KYIV, "time_zone", ", time_zone: Europe/Kyiv is not the IANA name of a time zone, such as Europe/Berlin."),
        (NO_X, "tax_id", ", tax_id: The constraint known_tax_ids of the database refuses this value."),
        (NO_PAIR, "tax_id", ": The constraint pairs of the database refuses these values of name, tax_id."),
        (ONE_EACH, "tax_id", ", tax_id: The constraint one_each of the database refuses this value."),
    ],
)
def test_a_value_that_only_the_database_refuses_is_reported_with_its_line_and_column(
    sandbox: Sandbox, manager: Browser, refusal: str, column: str, says: str
) -> None:
    execute(refusal, schema=sandbox.tenant.schema)
    if refusal == ONE_EACH:
        execute("UPDATE {s}.advertiser SET tax_id = 'Europe/Kyiv' WHERE name = 'Rival'", schema=sandbox.tenant.schema)
    text = f"id,name,{column}\n,New,\n{sandbox.owner},Renamed,Europe/Kyiv\n"
    response = apply(manager, "advertisers", preview(manager, "advertisers", text))
    assert response.status_code == 400
    assert f"Line 3{says} Nothing was changed." in Page(response.text).text
    assert sorted(row["name"] for row in exported(manager, "advertisers")) == ["Owner", "Rival"]


def test_new_advertisers_have_the_time_zone_of_the_tenant_unless_another_is_given(
    sandbox: Sandbox, manager: Browser
) -> None:
    assert staff_browser(sandbox, "owner").post("/staff/settings", data={"time_zone": "Asia/Tokyo"}).status_code == 303
    time.sleep(TRUST_SECONDS)  # every process of the server then knows it
    for text in "name\nA\n", f"id,name,time_zone\n,B,\n,C,utc\n{sandbox.owner},Owner,\n":
        assert apply(manager, "advertisers", preview(manager, "advertisers", text)).status_code == 200
    zones = {row["name"]: row["time_zone"] for row in exported(manager, "advertisers")}
    assert zones == {"A": "Asia/Tokyo", "B": "Asia/Tokyo", "C": "UTC", "Owner": "UTC", "Rival": "UTC"}


def test_a_file_is_previewed_again_if_a_row_has_changed(sandbox: Sandbox, manager: Browser) -> None:
    shown = preview(manager, "advertisers", f"id,name\n{sandbox.owner},Imported\n")
    execute("UPDATE {s}.advertiser SET name = 'Changed' WHERE id = $1", sandbox.owner, schema=sandbox.tenant.schema)
    again = apply(manager, "advertisers", shown)
    assert again.status_code == 409
    assert "Changed → Imported" in Page(again.text).text
    assert apply(manager, "advertisers", again).status_code == 200
