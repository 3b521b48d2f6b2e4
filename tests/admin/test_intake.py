"""The page with the health of intake."""

from datetime import timedelta

from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import staff_browser
from tests.support.sandbox import Sandbox, event_record, offer_record

ROOT = "/staff/intake"


def test_it_shows_what_senders_sent(sandbox: Sandbox) -> None:
    client = staff_browser(sandbox, "viewer")
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"]), event_record("x")])
    page = client.get(ROOT)
    assert page.status_code == 200
    ((_, state, _, *counts, _),) = Page(page.text).rows("senders")
    assert (state, counts) == ("Receiving", ["2", "0", "1"])
    (key,) = execute("SELECT id FROM {s}.api_token WHERE advertiser IS NULL", schema=sandbox.tenant.schema)
    assert f'href="{ROOT}/rejected?sender={key["id"]}"' in page.text
    ((_, *numbers),) = Page(client.get(f"{ROOT}?sender={key['id']}").text).rows("of-sender")
    assert numbers == ["2", "2", "0", "1"]
    assert client.get(f"{ROOT}?sender=999999").status_code == 404


def test_a_sender_that_stopped_is_marked(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    for _ in range(6):
        sandbox.send("offers", [offer])
    for n in range(6):
        execute(
            """
            UPDATE {s}.intake SET received_at = now() - $1::interval
            WHERE id = (SELECT min(id) + $2 FROM {s}.intake)
            """,
            timedelta(hours=n + 5),
            n,
            schema=sandbox.tenant.schema,
        )
    execute("UPDATE {s}.api_token SET name = '<b>Feed</b>' WHERE advertiser IS NULL", schema=sandbox.tenant.schema)
    page = staff_browser(sandbox).get(ROOT).text
    assert "<b>Feed</b> has stopped sending" in Page(page).text
    assert "<b>Feed" not in page


def test_without_an_ingest_key_it_offers_to_create_one(sandbox: Sandbox) -> None:
    execute("DELETE FROM {s}.api_token", schema=sandbox.tenant.schema)
    assert "/staff/keys/new-ingest" in staff_browser(sandbox, "manager").get(ROOT).text
    assert "/staff/keys/new-ingest" not in staff_browser(sandbox, "viewer").get(ROOT).text
