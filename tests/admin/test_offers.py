"""The staff's pages for offers: moving one to another advertiser with its past figures."""

from uuid import uuid4

import asyncpg
import pytest

from database.pool import DatabaseUnavailable
from tests.support.database import execute, uncommitted
from tests.support.html_page import Page
from tests.support.people import Browser, audit, browser, create_staff_user, staff_browser
from tests.support.piccolo_admin import change, piccolo_admin_browser
from tests.support.sandbox import JSON, MAY, SINGULAR, Sandbox, conversion_callback, event_record, offer_record


@pytest.fixture
def offer(sandbox: Sandbox) -> str:
    """An offer of the owner, with a cost of 60.5 in May and of 60 in June 2025."""
    offer = offer_record(sandbox, name="Chess")
    sandbox.send("offers", [offer])
    june = conversion_callback(sandbox, offer["id"], userCompletedAt="2025-06-01T00:00:00Z")
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], revenue="60.5"), june])
    sandbox.send("events", [event_record(offer["id"])])
    return str(offer["id"])


def etags(sandbox: Sandbox) -> list[str]:
    return [
        sandbox.get(path, token=token, **MAY).headers["ETag"]
        for path in (JSON, SINGULAR)
        for token in (sandbox.owner_key, sandbox.rival_key)
    ]


def move(client: Browser, sandbox: Sandbox, offer: str, **fields: str) -> int:
    form = {"owner": str(sandbox.owner), "to": str(sandbox.rival)} | fields
    return client.post(f"/staff/offers/{offer}/move", data=form).status_code


def test_the_preview_shows_by_month_what_leaves_whom_and_changes_nothing(sandbox: Sandbox, offer: str) -> None:
    before = etags(sandbox)
    client = staff_browser(sandbox, "manager")
    page = Page(client.get(f"/staff/offers/{offer}/move?to={sandbox.rival}").text)
    assert "What leaves Owner for Rival" in page.text
    assert "Cost in USD" in page.text
    assert "All 120.50 2 1 0 June 2025 60.00 1 0 0 May 2025 60.50 1 1 0" in page.text
    assert etags(sandbox) == before


def test_a_moved_offer_takes_its_history_to_the_other_advertiser(sandbox: Sandbox, offer: str) -> None:
    before, mine = etags(sandbox), sandbox.get(JSON, **MAY).json()
    client, email = browser(sandbox), create_staff_user(sandbox, "manager")
    client.sign_in(email, root="/staff")
    response = client.post(f"/staff/offers/{offer}/move", data={"owner": str(sandbox.owner), "to": str(sandbox.rival)})
    assert response.status_code == 303
    assert "Chess belongs to Rival now" in client.get(response.headers["location"]).text
    assert sandbox.get(JSON, **MAY).json() == {"data": []}
    assert sandbox.get(JSON, token=sandbox.rival_key, **MAY).json() == mine
    assert all(old != new for old, new in zip(before, etags(sandbox), strict=True))
    last = audit(sandbox)[-1]
    assert (last["actor"], last["subject"], last["key"]) == (f"staff:{email}", "offer", offer)
    assert str(sandbox.owner) in last["before"]
    assert str(sandbox.rival) in last["after"]


def test_after_a_move_the_sender_has_to_name_the_new_advertiser(sandbox: Sandbox, offer: str) -> None:
    assert move(staff_browser(sandbox, "manager"), sandbox, offer) == 303
    old, new = (
        conversion_callback(sandbox, offer, offerAdvertiserId=str(advertiser))
        for advertiser in (sandbox.owner, sandbox.rival)
    )
    result = sandbox.send("conversions", [old, new])
    assert (result["accepted"], [r["index"] for r in result["rejected"]]) == (1, [0])


def test_a_form_from_before_another_move_is_refused(sandbox: Sandbox, offer: str) -> None:
    client = staff_browser(sandbox, "manager")
    assert move(client, sandbox, offer) == 303
    before = etags(sandbox)
    assert move(client, sandbox, offer) == 409
    assert move(client, sandbox, offer, owner=str(sandbox.rival), to=str(sandbox.rival)) == 409
    assert move(client, sandbox, offer, owner=str(sandbox.rival), to=str(uuid4())) == 409
    assert move(client, sandbox, offer, to="x") == 400
    assert move(client, sandbox, str(uuid4())) == 404
    assert etags(sandbox) == before


def test_past_amounts_keep_their_currency(sandbox: Sandbox, offer: str) -> None:
    sandbox.set_advertiser(sandbox.rival, currency="JPY")
    client = staff_browser(sandbox, "manager")
    page = client.get(f"/staff/offers/{offer}/move?to={sandbox.rival}")
    assert page.status_code == 400
    assert "The amounts of this offer are in USD, and Rival is billed in JPY." in page.text
    assert move(client, sandbox, offer) == 409
    empty = offer_record(sandbox)
    sandbox.send("offers", [empty])
    assert move(client, sandbox, empty["id"]) == 303


def test_an_offer_of_another_tenant_is_not_found(sandbox: Sandbox, other_sandbox: Sandbox, offer: str) -> None:
    client = staff_browser(other_sandbox, "manager")
    assert move(client, other_sandbox, offer) == 404
    assert move(staff_browser(sandbox, "manager"), sandbox, offer, to=str(other_sandbox.owner)) == 409


def test_piccolo_admin_moves_no_offer(sandbox: Sandbox, offer: str) -> None:
    before = etags(sandbox)
    response = change(piccolo_admin_browser(sandbox), "offer", offer, advertiser=str(sandbox.rival))
    assert response.status_code == 422
    assert "Move it in Admin, under Offers" in response.text
    assert etags(sandbox) == before


def test_the_audit_log_has_changes_of_the_catalogue_by_intake(sandbox: Sandbox) -> None:
    offer, partner = offer_record(sandbox, name="A"), {"id": str(uuid4()), "name": "P"}
    for _ in range(2):  # the repetition changes nothing
        sandbox.send("offers", [offer])
        sandbox.send("partners", [partner])
    sandbox.send("offers", [offer | {"name": "B"}])
    sandbox.send("partners", [partner | {"name": "Q"}])
    (key,) = execute("SELECT id FROM {s}.api_token WHERE 'ingest' = ANY (scopes)", schema=sandbox.tenant.schema)
    entries = [entry for entry in audit(sandbox) if entry["subject"] in {"offer", "partner"}]
    entries = [entry for entry in entries if entry["key"] != str(sandbox.tenant.id)]
    assert {entry["actor"] for entry in entries} == {f"intake:token {key['id']}"}
    assert [(entry["action"], entry["label"]) for entry in entries] == [
        ("created", "A"),
        ("created", "P"),
        ("changed", "B"),
        ("changed", "Q"),
    ]


@pytest.mark.usefixtures("offer")
def test_the_currency_of_an_advertiser_with_figures_stays(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox)
    assert change(admin, "advertiser", sandbox.rival, currency="JPY").status_code == 200
    response = change(admin, "advertiser", sandbox.owner, currency="JPY")
    assert response.status_code == 422
    assert "The currency cannot be changed: the advertiser has amounts in USD." in response.text
    assert change(admin, "advertiser", sandbox.owner, currency="USD", name="Renamed").status_code == 200


def test_the_database_keeps_the_currency_of_past_amounts(sandbox: Sandbox, offer: str) -> None:
    for statement in (
        "UPDATE {s}.advertiser SET currency = 'EUR'",
        "WITH a AS (UPDATE {s}.advertiser SET currency = 'EUR' WHERE name = 'Owner') SELECT",
    ):
        with pytest.raises(asyncpg.CheckViolationError, match="amounts in USD"):
            execute(statement, schema=sandbox.tenant.schema)
    sandbox.set_advertiser(sandbox.rival, currency="JPY")
    with pytest.raises(asyncpg.CheckViolationError, match="different currencies"):
        sandbox.move_offer(offer, sandbox.rival)


def test_a_pending_conversion_fixes_the_currency(sandbox: Sandbox) -> None:
    pending = offer_record(sandbox, name="Pending")
    sandbox.send("offers", [pending])
    sandbox.set_advertiser(sandbox.rival, currency="JPY")
    sandbox.send("conversions", [conversion_callback(sandbox, pending["id"], status="Pending")])
    with pytest.raises(asyncpg.CheckViolationError, match="amounts in USD"):
        execute("UPDATE {s}.advertiser SET currency = 'EUR' WHERE name = 'Owner'", schema=sandbox.tenant.schema)
    with pytest.raises(asyncpg.CheckViolationError, match="different currencies"):
        sandbox.move_offer(pending["id"], sandbox.rival)
    page = staff_browser(sandbox, "manager").get(f"/staff/offers/{pending['id']}/move?to={sandbox.rival}").text
    assert "would change the currency of past amounts" in page


@pytest.mark.parametrize("known", [True, False])
def test_the_currency_is_not_changed_while_the_first_conversion_is_stored(sandbox: Sandbox, *, known: bool) -> None:
    """Its transaction is still open; the offer exists already, or is created by it."""
    schema, offer = sandbox.tenant.schema, uuid4()
    create = f"INSERT INTO {schema}.offer (id, advertiser, name) VALUES ('{offer}', '{sandbox.owner}', 'New')"
    if known:
        execute(create)
        create = "SELECT"
    conversion = f"""
        {create};
        INSERT INTO {schema}.conversion (id, sent_ticks, callback, occurred_at, cost, offer, partner, status)
        SELECT gen_random_uuid(), 1, gen_random_uuid(), now(), 1, o.key, p.key, 'Pending'
        FROM {schema}.offer o, {schema}.partner p WHERE o.id = '{offer}' LIMIT 1
    """
    with uncommitted(conversion), pytest.raises(DatabaseUnavailable, match="timeout"):
        execute(
            """
            WITH limited AS MATERIALIZED (SELECT set_config('lock_timeout', '200ms', true))
            UPDATE {s}.advertiser SET currency = 'EUR' FROM limited WHERE id = $1
            """,
            sandbox.owner,
            schema=schema,
        )
