"""Rejected records: staff see them by reason and sender, fix one and replay it, or replay all of a reason."""

from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, audit, staff_browser
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

ROOT = "/staff/intake/rejected"
HOSTILE = '<script>alert("1")</script>\u202e=1+1'


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    return staff_browser(sandbox, "manager")


def rows(sandbox: Sandbox) -> list[dict[str, Any]]:
    found = execute("SELECT * FROM {s}.rejected_record ORDER BY id", schema=sandbox.tenant.schema)
    return [dict(row) for row in found]


def unknown_offer(sandbox: Sandbox, count: int = 1) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An offer, and events of it that are rejected, because the offer is not sent yet."""
    offer = offer_record(sandbox)
    events = [event_record(offer["id"]) for _ in range(count)]
    sandbox.send("events", events)
    return offer, events


def clicks(sandbox: Sandbox) -> int:
    return sum(row["totalClicks"] for row in sandbox.report())


def text_of(client: Browser, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return Page(response.text).text


def test_records_are_listed_by_reason_and_sender(sandbox: Sandbox, client: Browser) -> None:
    assert "No open rejected records" in text_of(client, ROOT)
    unknown_offer(sandbox, 3)
    sandbox.send("conversions", [conversion_callback(sandbox, str(uuid4()), revenue=-1)])
    page = client.get(ROOT).text
    of_conversion, of_events = Page(page).rows("causes")
    assert "conversion.revenue" in of_conversion[0]
    assert "offerId … is not a known offer" in of_events[0]
    assert of_events[2:5] == ["events", "3", "3"]
    for query, count in [
        ("kind=events", 1),
        ("kind=offers", 0),
        ("reason=REVENUE", 1),
        ("period=1", 2),
        ("state=replayed", 0),
        ("sender=999999", 0),
        ("kind=nonsense&sender=x&period=5", 2),
        ("sort=-records", 2),
    ]:
        found = client.get(f"{ROOT}?{query}")
        assert found.status_code == 200, query
        assert ("No rejected records match" in found.text) is (count == 0), query
        assert count == 0 or len(Page(found.text).rows("causes")) == count, query


def test_a_record_is_fixed_and_replayed(sandbox: Sandbox, client: Browser) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    wrong = event_record(offer["id"]) | {"type": "tap"}
    sandbox.send("events", [wrong])
    (row,) = rows(sandbox)
    page = Page(client.get(f"{ROOT}/{row['id']}").text)
    assert "'tap' is not one of view, click" in page.text
    assert msgspec.json.decode(page.one("textarea").text) == wrong
    again = client.post(f"{ROOT}/{row['id']}/replay", data={"payload": row["payload"]})
    assert again.status_code == 400
    assert "'tap' is not one of view, click" in Page(again.text).one("small", id="payload-error").text
    fixed = row["payload"].replace("tap", "click")
    done = client.post(f"{ROOT}/{row['id']}/replay", data={"payload": fixed})
    assert (done.status_code, done.headers["location"]) == (303, f"{ROOT}/{row['id']}?done=accepted")
    assert "Accepted." in text_of(client, done.headers["location"])
    assert clicks(sandbox) == 1
    (row,) = rows(sandbox)
    assert (row["resolution"], row["fixed"], row["times"]) == ("replayed", fixed, 1)
    assert row["resolved_by"].startswith("staff:")
    assert "No open rejected records" in text_of(client, ROOT)


def test_replaying_twice_counts_once(sandbox: Sandbox, client: Browser) -> None:
    offer, (event,) = unknown_offer(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event])  # the sender has retried
    (row,) = rows(sandbox)
    for _ in range(2):
        done = client.post(f"{ROOT}/{row['id']}/replay", data={"payload": row["payload"]})
        assert done.headers["location"].endswith("?done=duplicate")
    assert clicks(sandbox) == 1
    assert rows(sandbox)[0]["fixed"] is None


def test_all_of_a_reason_are_replayed_once_the_offer_exists(sandbox: Sandbox, client: Browser) -> None:
    offer, _ = unknown_offer(sandbox, 3)
    unknown_offer(sandbox, 2)
    cause = rows(sandbox)[0]["cause"]
    sandbox.send("offers", [offer])
    done = client.post(f"{ROOT}/causes/{cause}/replay")
    assert done.status_code == 303
    text = text_of(client, done.headers["location"])
    assert "3 accepted, 0 duplicates, 2 rejected again" in text
    assert clicks(sandbox) == 3
    assert [row["resolution"] for row in rows(sandbox)].count("replayed") == 3
    again = client.post(f"{ROOT}/causes/{cause}/replay")
    assert "0 accepted, 0 duplicates, 2 rejected again" in text_of(client, again.headers["location"])
    assert clicks(sandbox) == 3
    assert len(Page(client.get(f"{ROOT}/causes/{cause}?state=replayed").text).rows("records")) == 3


def test_a_record_with_another_reason_than_before_moves_to_it(sandbox: Sandbox, client: Browser) -> None:
    offer = offer_record(sandbox)
    partner = str(uuid4())
    sandbox.send("events", [event_record(offer["id"], partnerId=partner)])
    (before,) = rows(sandbox)
    sandbox.send("offers", [offer])
    done = client.post(f"{ROOT}/causes/{before['cause']}/replay")
    (row,) = rows(sandbox)
    assert (row["field"], row["resolution"]) == ("partnerId", None)
    shown = text_of(client, done.headers["Location"])  # the page of all reasons: the former one has no records any more
    assert "0 accepted, 0 duplicates, 1 rejected again" in shown
    assert row["cause"] != before["cause"]


def test_a_replay_is_not_a_batch_of_the_sender_but_has_its_cause(sandbox: Sandbox, client: Browser) -> None:
    callback = conversion_callback(sandbox, str(uuid4()), offerAdvertiserId=None)
    sandbox.send("conversions", [callback])
    (row,) = rows(sandbox)
    callback["conversion"]["offerAdvertiserId"] = str(sandbox.owner)
    text = msgspec.json.encode(callback).decode()
    assert client.post(f"{ROOT}/{row['id']}/replay", data={"payload": text}).status_code == 303
    batches = execute("SELECT token, accepted, rejected FROM {s}.intake ORDER BY id", schema=sandbox.tenant.schema)
    assert [(b["token"] is None, b["accepted"], b["rejected"]) for b in batches] == [(False, 0, 1), (True, 1, 0)]
    (conversion,) = execute("SELECT cause FROM {s}.conversion", schema=sandbox.tenant.schema)
    assert conversion["cause"] == "callback"
    assert sandbox.report()[0]["revenue"] == 60


def test_a_record_that_is_rejected_once_more_after_its_replay_is_open_again(sandbox: Sandbox, client: Browser) -> None:
    offer = offer_record(sandbox)
    wrong = event_record(offer["id"]) | {"type": "tap"}
    sandbox.send("offers", [offer])
    sandbox.send("events", [wrong])
    (row,) = rows(sandbox)
    client.post(f"{ROOT}/{row['id']}/replay", data={"payload": row["payload"].replace("tap", "view")})
    sandbox.send("events", [wrong])
    (row,) = rows(sandbox)
    assert (row["resolution"], row["fixed"], row["times"]) == (None, None, 2)


def test_replays_and_dismissals_are_in_the_audit_log_without_the_text(sandbox: Sandbox, client: Browser) -> None:
    _, events = unknown_offer(sandbox, 2)
    first, second = rows(sandbox)
    client.post(f"{ROOT}/{first['id']}/dismiss")
    client.post(f"{ROOT}/causes/{second['cause']}/dismiss")
    entries = [entry for entry in audit(sandbox) if entry["subject"] == "rejected_record"]
    assert [entry["key"] for entry in entries] == [str(first["id"]), str(second["id"])]
    assert all(entry["actor"].startswith("staff:") for entry in entries)
    assert all(event["id"] not in f"{entry['before']}{entry['after']}" for entry in entries for event in events)
    assert [(row["resolution"], row["payload"]) for row in rows(sandbox)] == [("dismissed", None)] * 2
    assert "dismissed by staff:" in text_of(client, f"{ROOT}/{first['id']}")


def test_a_viewer_reads_only(sandbox: Sandbox) -> None:
    unknown_offer(sandbox)
    (row,) = rows(sandbox)
    viewer = staff_browser(sandbox, "viewer")
    for path in ROOT, f"{ROOT}/causes/{row['cause']}", f"{ROOT}/{row['id']}":
        page = viewer.get(path).text
        assert "<textarea" not in page
        assert "Replay all" not in page
    for path in f"{row['id']}/replay", f"{row['id']}/dismiss", f"causes/{row['cause']}/replay":
        assert viewer.post(f"{ROOT}/{path}", data={"payload": row["payload"]}).status_code == 403
    assert rows(sandbox)[0]["resolution"] is None


def test_hostile_text_does_not_break_a_page(sandbox: Sandbox, client: Browser) -> None:
    sandbox.send("events", [event_record(HOSTILE) | {"id": HOSTILE, "x": "</textarea>"}, {"id": "x" * 500}])
    for row in rows(sandbox):
        for path in ROOT, f"{ROOT}/causes/{row['cause']}", f"{ROOT}/{row['id']}":
            page = client.get(path).text
            assert "<script>alert" not in page
            assert "x</textarea>" not in page


@pytest.mark.parametrize("text", ["", " ", "{", "[]", "7", "x" * 20_000], ids=lambda text: text[:5])
def test_a_wrong_text_is_reported_at_the_field(sandbox: Sandbox, client: Browser, text: str) -> None:
    unknown_offer(sandbox)
    (row,) = rows(sandbox)
    response = client.post(f"{ROOT}/{row['id']}/replay", data={"payload": text})
    assert response.status_code == 400
    assert Page(response.text).one("small", id="payload-error").text
    assert rows(sandbox)[0]["message"] == row["message"]


def test_what_does_not_exist_is_not_found(client: Browser) -> None:
    for path in "999", f"{2**63}", f"causes/{uuid4()}":
        assert client.get(f"{ROOT}/{path}").status_code == 404


def test_another_tenants_records_are_not_found(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    unknown_offer(sandbox)
    (row,) = rows(sandbox)
    outsider = staff_browser(other_sandbox, "owner")
    assert outsider.get(f"{ROOT}/{row['id']}").status_code == 404
    assert outsider.get(f"{ROOT}/causes/{UUID(str(row['cause']))}").status_code == 404
    assert outsider.post(f"{ROOT}/causes/{row['cause']}/replay").headers["location"].startswith(ROOT)
    assert rows(sandbox)[0]["resolution"] is None
