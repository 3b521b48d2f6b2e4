"""GET /api/v1/reports/changes: pages, cursors and formats. test_following.py has concurrent senders."""

import json
from typing import Any

import pytest

from tests.support.database import execute
from tests.support.follower import CHANGES, Follower
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.wait import wait_for_value

PARTNERS = ["3fa85f64-5717-4562-b3fc-2c963f66afa6", "7df30136-ff83-4551-b877-fa0f0d8b8f72"]


def page(sandbox: Sandbox, **parameters: str) -> dict[str, Any]:
    response = sandbox.get(CHANGES, **parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def changed(sandbox: Sandbox, since: str, rows: int = 1) -> dict[str, Any]:
    """The page after the cursor once it has so many rows: transactions of other tests may hold it up."""
    pages = []

    def count() -> int:
        pages.append(page(sandbox, since=since))
        return len(pages[-1]["data"])

    assert wait_for_value(count, rows), pages[-1]
    return pages[-1]


@pytest.fixture
def offers(sandbox: Sandbox) -> list[str]:
    """Two offers, each with a click from each of two partners on each of two days, and a conversion."""
    records = [offer_record(sandbox) for _ in range(2)]
    sandbox.send("offers", records)
    sandbox.send("partners", [{"id": id_, "name": f"Partner {id_[:4]}"} for id_ in PARTNERS])
    sandbox.send(
        "events",
        [
            event_record(offer["id"], partnerId=partner, occurredAt=f"2025-05-{day}T10:00:00Z")
            for offer in records
            for partner in PARTNERS
            for day in (19, 20)
        ],
    )
    return [record["id"] for record in records]


def test_without_a_cursor_it_starts_with_all_rows(sandbox: Sandbox, offers: list[str]) -> None:
    assert wait_for_value(lambda: len(page(sandbox)["data"]), 8)
    body = page(sandbox)
    assert (body["more"], body["reset"], body["rows"], body["currency"]) == (False, False, 8, "USD")
    keys = {(row["day"], row["offerId"], row["partnerId"]) for row in body["data"]}
    assert keys == {
        (day, offer, partner) for day in ("2025-05-19", "2025-05-20") for offer in offers for partner in PARTNERS
    }
    assert len({row["id"] for row in body["data"]}) == 8
    for row in body["data"]:
        assert (row["clicks"], row["views"], row["conversions"], row["cost"]) == (1, 0, 0, 0)
        assert (row["state"], row["late"], row["deleted"]) == ("final", True, False)


def test_a_cursor_continues_with_what_changed(sandbox: Sandbox, offers: list[str]) -> None:
    assert wait_for_value(lambda: len(page(sandbox)["data"]), 8)
    first = page(sandbox)
    assert page(sandbox, since=first["cursor"])["data"] == []
    sandbox.send("conversions", [conversion_callback(sandbox, offers[0], partnerId=PARTNERS[0], revenue="69.500001")])
    second = changed(sandbox, first["cursor"], rows=2)
    assert {(row["offerId"], row["day"]) for row in second["data"]} == {(offers[0], "2025-05-19")}
    by_partner = {row["partnerId"]: row for row in second["data"]}
    assert by_partner[PARTNERS[0]]["cost"] == 69.500001
    assert by_partner[PARTNERS[0]]["conversions"] == 1
    ids = {row["id"]: row for row in first["data"]}
    assert all(ids[row["id"]]["partnerId"] == row["partnerId"] for row in second["data"])
    assert page(sandbox, since=second["cursor"])["data"] == []


@pytest.mark.usefixtures("offers")
def test_rows_have_the_ids_of_the_query(sandbox: Sandbox) -> None:
    assert wait_for_value(lambda: len(page(sandbox)["data"]), 8)
    rows = sandbox.get(
        "/api/v1/reports/query",
        date_from="2025-05-01",
        date_to="2025-05-31",
        group_by="day,offer,partner",
        time_zone="UTC",
    ).json()["data"]
    same = ("id", "day", "offerId", "partnerId", "cost", "conversions", "clicks", "views", "state")
    assert sorted([row[name] for name in same] for row in rows) == sorted(
        [row[name] for name in same] for row in page(sandbox)["data"]
    )


@pytest.mark.usefixtures("offers")
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_split_a_transaction_anywhere(sandbox: Sandbox, limit: int) -> None:
    assert wait_for_value(lambda: len(page(sandbox)["data"]), 8)
    whole = page(sandbox)["data"]
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    for number in range(1, 9):
        body = page(sandbox, limit=str(limit), **cursor)
        rows += body["data"]
        cursor = {"since": body["cursor"]}
        assert body["more"] == (number * limit < 8)
        if not body["more"]:
            break
    assert rows == whole


def test_a_row_that_became_zero_is_deleted_for_good(sandbox: Sandbox, offers: list[str]) -> None:
    callback = conversion_callback(sandbox, offers[0], userCompletedAt="2025-05-21T10:00:00Z")
    sandbox.send("conversions", [callback])
    assert wait_for_value(lambda: len(page(sandbox)["data"]), 9)
    rejected = callback | {"sentAt": "2025-06-20T00:00:00Z"}
    rejected["conversion"] = callback["conversion"] | {"status": "Rejected"}
    since = page(sandbox)["cursor"]
    sandbox.send("conversions", [rejected])
    (row,) = changed(sandbox, since)["data"]
    assert (row["deleted"], row["cost"], row["conversions"]) == (True, 0, 0)
    assert [each["deleted"] for each in page(sandbox)["data"]].count(True) == 1


def test_an_offer_that_moves_is_deleted_for_one_and_new_for_the_other(sandbox: Sandbox, offers: list[str]) -> None:
    owner, rival = Follower(sandbox, sandbox.owner_key), Follower(sandbox, sandbox.rival_key)
    assert wait_for_value(lambda: (owner.catch_up(), len(owner.rows))[1], 8)
    rival.catch_up()
    before = owner.figures()
    sandbox.move_offer(offers[0], sandbox.rival)
    assert wait_for_value(lambda: (rival.catch_up(), len(rival.rows))[1], 4)
    owner.catch_up()
    assert owner.figures() == {key: value for key, value in before.items() if key[1] == offers[1]}
    assert rival.figures() == {key: value for key, value in before.items() if key[1] == offers[0]}
    # The other advertiser's later figures are none of the former owner's.
    sandbox.send("events", [event_record(offers[0], partnerId=PARTNERS[0], occurredAt="2025-05-19T11:00:00Z")])
    assert wait_for_value(lambda: (rival.catch_up(), sum(row["clicks"] for row in rival.rows.values()))[1], 5)
    assert owner.page()["data"] == []
    sandbox.move_offer(offers[0], sandbox.owner)
    assert wait_for_value(lambda: (owner.catch_up(), len(owner.rows))[1], 8)
    assert sum(row["clicks"] for row in owner.rows.values()) == 9
    rival.catch_up()
    assert rival.rows == {}
    fresh = Follower(sandbox, sandbox.owner_key)
    fresh.catch_up()
    assert fresh.rows == owner.rows


def test_a_former_owner_does_not_see_when_the_offer_changes_later(sandbox: Sandbox, offers: list[str]) -> None:
    rival = Follower(sandbox, sandbox.rival_key)
    sandbox.move_offer(offers[0], sandbox.rival)
    assert wait_for_value(lambda: sum(row["deleted"] for row in page(sandbox)["data"]), 4)
    before = page(sandbox)["data"]
    sandbox.send("events", [event_record(offers[0], partnerId=PARTNERS[0], occurredAt="2025-05-19T11:00:00Z")])
    assert wait_for_value(lambda: (rival.catch_up(), sum(row["clicks"] for row in rival.rows.values()))[1], 5)
    assert page(sandbox)["data"] == before


def test_the_status_has_the_cursor_of_now(sandbox: Sandbox, offers: list[str]) -> None:
    assert wait_for_value(lambda: len(page(sandbox)["data"]), 8)
    cursor = sandbox.get("/api/v1/reports/status").json()["changes"]["cursor"]
    assert page(sandbox, since=cursor)["data"] == []
    sandbox.send("events", [event_record(offers[0])])
    assert len(changed(sandbox, cursor, rows=3)["data"]) == 3


@pytest.mark.usefixtures("offers")
def test_rows_from_another_server_are_sent(sandbox: Sandbox) -> None:
    """Their transactions may have numbers that this server has not reached."""
    for table in ("changed_day", "changed_month"):
        execute(f"ALTER TABLE {{s}}.{table} DISABLE TRIGGER USER", schema=sandbox.tenant.schema)
        execute(f"UPDATE {{s}}.{table} SET xid = '90000000000000'", schema=sandbox.tenant.schema)
        execute(f"ALTER TABLE {{s}}.{table} ENABLE TRIGGER USER", schema=sandbox.tenant.schema)
    follower = Follower(sandbox, sandbox.owner_key)
    follower.catch_up()
    assert len(follower.rows) == 8
    offer = next(iter(follower.figures()))[1]
    sandbox.send("events", [event_record(offer, partnerId=PARTNERS[0])])
    assert wait_for_value(lambda: (follower.catch_up(), sum(row["clicks"] for row in follower.rows.values()))[1], 9)


@pytest.mark.usefixtures("offers")
def test_lines_end_with_what_follows_the_rows(sandbox: Sandbox) -> None:
    assert wait_for_value(lambda: len(page(sandbox)["data"]), 8)
    body = page(sandbox)
    for query, accept in ("?format=NDJSON", "*/*"), ("", "application/x-ndjson"):
        response = sandbox.request("GET", CHANGES + query, token=sandbox.owner_key, headers={"Accept": accept})
        assert response.headers["content-type"] == "application/x-ndjson"
        *rows, end = [json.loads(line) for line in response.text.splitlines()]
        assert rows == body["data"]
        assert {**end["meta"], "cursor": ""} == {key: value for key, value in body.items() if key != "data"} | {
            "cursor": ""
        }
