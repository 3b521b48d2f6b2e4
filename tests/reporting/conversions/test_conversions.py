"""GET /api/v1/conversions: fields, histories, filters and formats."""

import asyncio
import csv
import io
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from database import transactions
from database.engine import database_url
from tests.support.app_calls import run
from tests.support.database import execute
from tests.support.sandbox import JSON, MAY, Sandbox, conversion_callback, offer_record

CONVERSIONS = "/api/v1/conversions"
exactly = msgspec.json.Decoder(float_hook=Decimal)


def rows(sandbox: Sandbox, **params: Any) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = document(sandbox, **params)["data"]
    return data


def document(sandbox: Sandbox, *, token: str | None = None, **params: Any) -> dict[str, Any]:
    response = sandbox.get(CONVERSIONS, token=token, **params)
    assert response.status_code == 200, response.text
    result: dict[str, Any] = exactly.decode(response.content)
    assert result["meta"]["rows"] == len(result["data"])
    return result


def offer(sandbox: Sandbox, **fields: Any) -> str:
    record = offer_record(sandbox, **fields)
    sandbox.send("offers", [record])
    return str(record["id"])


def send(sandbox: Sandbox, offer_id: str, *, number: int = 0, **fields: Any) -> str:
    """Sends the callback of a conversion, later than those with a lower `number`. Returns the conversion's id."""
    fields = {"offerAdvertiserId": None, **fields}
    callback = conversion_callback(sandbox, offer_id, sent_at=f"2025-05-20T00:00:{number:02}Z", **fields)
    result = sandbox.send("conversions", [callback])
    assert (result["accepted"], result["rejected"]) == (1, []), result
    return str(callback["conversion"]["conversionId"])


def states(row: dict[str, Any], *names: str) -> list[Any]:
    return [tuple(state[name] for name in names) for state in row["history"]]


def test_a_conversion_has_all_that_is_known_of_it(sandbox: Sandbox) -> None:
    partner, click = str(uuid4()), str(uuid4())
    offer_id = offer(sandbox, name="Test “1”")
    conversion = send(
        sandbox,
        offer_id,
        revenue="69.000001",
        partnerId=partner,
        partnerName="Limestone, Digital",
        clickId=click,
        offerCountryCode2="DE",
        eventName="Level 10",
        pubDevice="iPhone",
        pubClickId="pub-1",
    )
    (row,) = rows(sandbox)
    times = {name: row.pop(name) for name in ("receivedAt", "changedAt")}
    assert times["receivedAt"] == times["changedAt"]
    assert abs(datetime.fromisoformat(times["receivedAt"]) - datetime.now(UTC)) < timedelta(hours=1)
    state = {
        "status": "Success",
        "cost": Decimal("69.000001"),
        "occurredAt": "2025-05-19T15:36:19.756249Z",
        "rejectionReason": None,
        "cause": "callback",
        "offerId": offer_id,
        "partnerId": partner,
    }
    assert row.pop("history") == [state | {"since": times["changedAt"], "until": None}]
    assert row == state | {
        "deleted": False,
        "id": conversion,
        "offerName": "Test “1”",
        "partnerName": "Limestone, Digital",
        "clickId": click,
        "details": {"country": "DE", "event": "Level 10", "device": "iPhone", "publisherClickId": "pub-1"},
    }


def test_a_conversion_without_a_partner_click_or_details_has_nulls_and_the_tenants_name(sandbox: Sandbox) -> None:
    send(sandbox, offer(sandbox))
    (row,) = rows(sandbox)
    assert (row["clickId"], row["details"], row["rejectionReason"]) == (None, None, None)
    assert (row["partnerId"], row["partnerName"]) == (str(sandbox.tenant.id), sandbox.tenant.name)


def test_the_history_has_every_state_with_what_changed_it(sandbox: Sandbox) -> None:
    first, second = offer(sandbox), offer(sandbox)
    id_ = send(sandbox, first, status="Pending", revenue=1)
    send(sandbox, first, number=1, conversionId=id_, status="Success", revenue=2)
    send(sandbox, second, number=2, conversionId=id_, status="Rejected", revenue=2, rejectionReason="Fraud")
    correct(sandbox, id_, "Success")
    (row,) = rows(sandbox)
    assert states(row, "status", "cost", "offerId", "rejectionReason", "cause") == [
        ("Pending", 1, first, None, "callback"),
        ("Success", 2, first, None, "callback"),
        ("Rejected", 2, second, "Fraud", "callback"),
        ("Success", 2, second, None, "correction"),
    ]
    since, until = ([state[end] for state in row["history"]] for end in ("since", "until"))
    assert since == sorted(since)
    assert until == [*since[1:], None]
    assert (row["changedAt"], row["cause"]) == (since[-1], "correction")


def correct(sandbox: Sandbox, conversion: str, status: str) -> None:
    """As staff do."""

    async def work() -> None:
        async with transactions.transaction() as db:
            await db.execute(
                f"UPDATE {sandbox.tenant.schema}.conversion SET status = $2, rejection_reason = NULL WHERE id = $1",
                *(conversion, status),
            )

    run(work)


def test_a_callback_that_changes_no_state_adds_no_history(sandbox: Sandbox) -> None:
    offer_id = offer(sandbox)
    id_ = send(sandbox, offer_id)
    (before,) = rows(sandbox)
    send(sandbox, offer_id, number=1, conversionId=id_, offerCountryCode2="FR")
    (after,) = rows(sandbox, changed_since=before["receivedAt"])
    assert after["history"] == before["history"]
    assert after["receivedAt"] > before["receivedAt"]
    assert after["details"] == {"country": "FR"}


def test_conversions_of_before_histories_were_recorded_say_so(sandbox: Sandbox) -> None:
    send(sandbox, offer(sandbox))
    execute("UPDATE {s}.conversion SET changed_at = NULL, cause = NULL", schema=sandbox.tenant.schema)
    result = document(sandbox)
    (row,) = result["data"]
    assert row["changedAt"] == row["receivedAt"]
    assert row["cause"] is None
    assert states(row, "status", "cause") == [("Success", None)]
    (recorded,) = execute("SELECT recorded_since FROM {s}.record_state", schema=sandbox.tenant.schema)
    assert datetime.fromisoformat(result["meta"]["recordedSince"]) == recorded["recorded_since"]


# --- whose they are ---


def test_a_moved_offer_takes_its_conversions_along_without_their_history(sandbox: Sandbox) -> None:
    offer_id = offer(sandbox)
    id_ = send(sandbox, offer_id, status="Pending")
    send(sandbox, offer_id, number=1, conversionId=id_)
    since = document(sandbox, token=sandbox.rival_key)["meta"]["nextChangedSince"]
    sandbox.move_offer(offer_id, sandbox.rival)
    assert rows(sandbox) == []
    (row,) = rows(sandbox, token=sandbox.rival_key, changed_since=since)
    assert row["cause"] == "move"
    assert states(row, "status", "since", "cause") == [("Success", row["changedAt"], "move")]
    send(sandbox, offer_id, number=2, conversionId=id_, status="Rejected")
    (row,) = rows(sandbox, token=sandbox.rival_key)
    assert states(row, "status", "cause") == [("Success", "move"), ("Rejected", "callback")]


def test_states_that_were_of_another_advertisers_offer_are_left_out(sandbox: Sandbox) -> None:
    theirs, mine = offer(sandbox, advertiser=sandbox.rival), offer(sandbox)
    id_ = send(sandbox, theirs, revenue=99)
    send(sandbox, mine, number=1, conversionId=id_, revenue=1)
    (row,) = rows(sandbox)
    assert states(row, "offerId", "cost") == [(mine, 1)]
    assert rows(sandbox, token=sandbox.rival_key) == []


def test_another_advertisers_ids_give_an_empty_list(sandbox: Sandbox) -> None:
    theirs = offer(sandbox, advertiser=sandbox.rival)
    click = str(uuid4())
    id_ = send(sandbox, theirs, clickId=click)
    for params in {"conversion_id": id_}, {"offer_id": theirs}, {"click_id": click}, {"conversion_id": str(uuid4())}:
        assert rows(sandbox, **params) == []


# --- filters ---


@pytest.fixture(scope="module")
def filled(module_sandbox: Sandbox) -> Sandbox:
    """200 conversions of May 2025 of 3 offers and 3 partners, many of which have changed."""
    dice = random.Random(11)
    offers = [offer(module_sandbox, name=f'Offer {n}, "quoted"') for n in range(3)]
    partners = [str(uuid4()) for _ in range(3)]
    conversions = [str(uuid4()) for _ in range(200)]
    callbacks = []
    for second in range(3):
        for conversion in conversions if second == 0 else dice.sample(conversions, 60):
            partner = dice.choice(partners)
            callbacks.append(
                conversion_callback(
                    module_sandbox,
                    dice.choice(offers),
                    sent_at=f"2025-06-01T00:00:0{second}Z",
                    conversionId=conversion,
                    status=dice.choice(["Pending", "Success", "Success", "Rejected"]),
                    userCompletedAt=(datetime(2025, 5, 1, tzinfo=UTC) + dice.random() * timedelta(days=31)).isoformat(),
                    revenue=str(Decimal(dice.randint(0, 10**9)).scaleb(-6)),
                    partnerId=partner,
                    partnerName=f"Partner {partner[:4]}",
                    clickId=str(uuid4()) if dice.random() < 0.5 else None,
                    rejectionReason="Line\nbreak, and “more”" if dice.random() < 0.3 else None,
                )
            )
    for start in range(0, len(callbacks), 40):  # in several transactions
        module_sandbox.send("conversions", callbacks[start : start + 40])
    return module_sandbox


def total(data: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(row["cost"]) for row in data if row["status"] == "Success"), Decimal())


RANGES = [
    ("2025-05-01", "2025-05-31"),
    ("2025-05-19", "2025-05-19"),
    ("2025-05-10T12:20", "2025-05-12T03:00"),
    ("2025-05-10T00:00:00-05:00", "2025-05-20"),
]


@pytest.mark.parametrize(("first", "last"), RANGES)
def test_successes_add_up_to_the_cost_report(filled: Sandbox, first: str, last: str) -> None:
    range_ = {"date_from": first, "date_to": last}
    data = rows(filled, **range_)
    report = exactly.decode(filled.get(JSON, **range_).content)["data"]
    assert data
    assert total(data) == sum(Decimal(row["revenue"]) for row in report)
    for offer_id in {row["offerId"] for row in data}:
        of_offer = rows(filled, **range_, offer_id=offer_id, status="Success")
        cost = sum(Decimal(row["revenue"]) for row in report if row["offerId"] == offer_id)
        assert sum(Decimal(row["cost"]) for row in of_offer) == cost


def test_rows_are_in_order_of_the_time_at_which_they_count(filled: Sandbox) -> None:
    keys = [(row["occurredAt"], row["id"]) for row in rows(filled)]
    assert len(keys) == 200
    assert keys == sorted(keys)


def test_filters_combine_with_and_and_their_values_with_or(filled: Sandbox) -> None:
    data = rows(filled)
    offers, partners = (sorted({row[name] for row in data}) for name in ("offerId", "partnerId"))
    wanted = [
        row["id"]
        for row in data
        if row["offerId"] in offers[:2] and row["partnerId"] == partners[0] and row["status"] != "Pending"
    ]
    assert wanted
    params = {"Offer_Id": f"{offers[0].upper()}, {offers[1]}", "partner_id": partners[0]}
    assert [row["id"] for row in rows(filled, **params, status=["success", "Rejected"])] == wanted
    clicks = [row["clickId"] for row in data if row["clickId"]][:3]
    assert [row["clickId"] for row in rows(filled, click_id=",".join(clicks))] == clicks
    ids = [row["id"] for row in data[5:9]]
    assert [row["id"] for row in rows(filled, conversion_id=ids)] == ids


@pytest.mark.parametrize(("params", "day"), [({}, 19), ({"time_zone": "America/New_York"}, 19)])
def test_dates_are_days_of_the_time_zone(filled: Sandbox, params: dict[str, str], day: int) -> None:
    offset = timedelta(hours=-4) if params else timedelta()
    data = rows(filled, date_from=f"2025-05-{day}", date_to=f"2025-05-{day}", **params)
    local = [datetime.fromisoformat(row["occurredAt"]) + offset for row in rows(filled)]
    assert len(data) == len([time for time in local if time.day == day]) > 0


def test_a_header_has_the_range_if_both_ends_are_given(module_sandbox: Sandbox) -> None:
    days = {"date_from": "2025-05-19", "date_to": "2025-05-20"}
    headers = module_sandbox.get(CONVERSIONS, **days, time_zone="America/New_York").headers
    assert headers["gokart-range"] == "2025-05-19T04:00:00Z/2025-05-21T04:00:00Z"
    for name, day in days.items():
        assert "gokart-range" not in module_sandbox.get(CONVERSIONS, **{name: day}).headers


def test_the_default_time_zone_is_the_advertisers(sandbox: Sandbox) -> None:
    offer_id = offer(sandbox)
    send(sandbox, offer_id, userCompletedAt="2025-05-19T23:00:00Z")
    sandbox.set_advertiser(sandbox.owner, time_zone="Asia/Tokyo")
    result = document(sandbox, date_from="2025-05-20", date_to="2025-05-20")
    assert (len(result["data"]), result["meta"]["timeZone"]) == (1, "Asia/Tokyo")
    assert rows(sandbox, date_from="2025-05-20", time_zone="utc") == []
    assert len(rows(sandbox, date_to="2025-05-19", time_zone="UTC")) == 1


# --- changes ---


def test_the_next_request_gets_what_has_changed(sandbox: Sandbox) -> None:
    offer_id = offer(sandbox)
    ids = [send(sandbox, offer_id, userCompletedAt=f"2025-05-0{n}T00:00:00Z") for n in (1, 2, 3)]
    first = document(sandbox)
    after = datetime.fromisoformat(max(row["changedAt"] for row in first["data"])) + timedelta(microseconds=1)
    assert rows(sandbox, changed_since=after.isoformat()) == []
    send(sandbox, offer_id, number=1, conversionId=ids[1], status="Rejected")
    new = send(sandbox, offer_id)
    correct(sandbox, ids[0], "Pending")
    assert {row["id"] for row in rows(sandbox, changed_since=after.isoformat())} == {ids[0], ids[1], new}
    since = first["meta"]["nextChangedSince"]
    assert {row["id"] for row in rows(sandbox, changed_since=since)} >= {ids[0], ids[1], new}
    assert [row["id"] for row in rows(sandbox, changed_since=since, status="Rejected")] == [ids[1]]


def test_a_conversion_that_leaves_the_advertiser_is_a_deleted_row_for_good(sandbox: Sandbox) -> None:
    mine, moving = offer(sandbox), offer(sandbox)
    theirs = offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [theirs])
    stays, goes, returns, moves, later = (send(sandbox, offer_id) for offer_id in (mine, mine, mine, moving, moving))
    since = document(sandbox)["meta"]["nextChangedSince"]
    for conversion in goes, returns:
        send(sandbox, theirs["id"], number=1, conversionId=conversion, partnerId=str(uuid4()))
    send(sandbox, mine, number=2, conversionId=returns)
    sandbox.move_offer(moving, sandbox.rival)
    after_move = send(sandbox, moving, number=3)
    send(sandbox, moving, number=4, conversionId=moves, revenue=8)  # changes while it is the rival's
    send(sandbox, theirs["id"], number=5, conversionId=later)  # leaves the offer while it is the rival's
    query = "SELECT until FROM {s}.conversion_history WHERE conversion = $1"
    left_at = execute(query, UUID(goes), schema=sandbox.tenant.schema)[0]["until"]
    execute(
        "DELETE FROM {s}.conversion_history WHERE offer NOT IN (SELECT key FROM {s}.offer WHERE id = $1)",
        UUID(moving),
        schema=sandbox.tenant.schema,
    )  # its retention

    data = rows(sandbox, changed_since=since)
    deleted = [row for row in data if row["deleted"]]
    assert {row["id"] for row in deleted} == {goes, moves, later}
    assert deleted == data[-3:]
    assert deleted == sorted(deleted, key=lambda row: row["changedAt"])
    assert deleted[0] == {"id": goes, "changedAt": left_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "deleted": True}
    sent = {row["id"] for row in data} - {stays}  # unchanged conversions may be sent again
    assert sent == {goes, returns, moves, later}, "what came after the move is not told"
    assert rows(sandbox, changed_since=since, conversion_id=goes, status="Pending") == [deleted[0]]
    assert [row["id"] for row in rows(sandbox)] == sorted([stays, returns])
    lines = sandbox.get(CONVERSIONS, changed_since=since, format="ndjson").text.splitlines()
    assert [exactly.decode(line) for line in lines[:-1]] == data
    table = csv.DictReader(io.StringIO(sandbox.get(CONVERSIONS, changed_since=since, format="csv").text))
    assert [(row["id"], row["deleted"] == "true") for row in table] == [(row["id"], row["deleted"]) for row in data]
    ours = {row["id"]: row["deleted"] for row in rows(sandbox, token=sandbox.rival_key, changed_since=since)}
    assert ours == {goes: False, returns: True, moves: False, later: False, after_move: False}
    assert rows(sandbox, changed_since="2100-01-01") == []


def test_a_change_that_commits_late_is_not_missed(sandbox: Sandbox) -> None:
    id_ = send(sandbox, offer(sandbox))
    first = document(sandbox)["meta"]["nextChangedSince"]
    with transaction(f"UPDATE {sandbox.tenant.schema}.conversion SET status = 'Rejected'"):
        during = document(sandbox, changed_since=first)
        assert all(row["status"] == "Success" for row in during["data"])
    (row,) = rows(sandbox, changed_since=during["meta"]["nextChangedSince"])
    assert (row["id"], row["status"]) == (id_, "Rejected")


def test_states_are_in_order_if_the_transaction_that_began_first_changes_the_conversion_last(sandbox: Sandbox) -> None:
    offer_id = offer(sandbox)
    id_ = send(sandbox, offer_id, status="Pending")
    with transaction("SELECT now()") as execute_in_it:
        send(sandbox, offer_id, number=1, conversionId=id_)
        execute_in_it(f"UPDATE {sandbox.tenant.schema}.conversion SET status = 'Rejected' WHERE id = '{id_}'")
    (row,) = rows(sandbox, conversion_id=id_)
    assert states(row, "status") == [("Pending",), ("Success",), ("Rejected",)]
    times = [time for state in row["history"] for time in (state["since"], state["until"])][:-1]
    assert times == sorted(times)
    changes = sandbox.get("/api/v1/reports/changes/explain", date="2025-05-19").json()["conversions"]
    of_it = [(change["oldStatus"], change["newStatus"]) for change in changes if change["conversionId"] == id_]
    assert of_it == [(None, "Pending"), ("Pending", "Success"), ("Success", "Rejected")]


@contextmanager
def transaction(sql: str) -> Iterator[Callable[[str], object]]:
    """Runs the SQL in a transaction that is committed at the end of the block, which may run more."""
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(database_url()))
    try:
        loop.run_until_complete(connection.execute("BEGIN"))
        loop.run_until_complete(connection.execute(sql))
        yield lambda more: loop.run_until_complete(connection.execute(more))
        loop.run_until_complete(connection.execute("COMMIT"))
    finally:
        loop.run_until_complete(connection.close())
        loop.close()


# --- formats ---


def test_every_format_has_the_same_rows(filled: Sandbox) -> None:
    data = rows(filled, **MAY)
    lines = filled.get(CONVERSIONS, **MAY, format="ndjson")
    *decoded, last = [exactly.decode(line) for line in lines.text.splitlines()]
    assert decoded == data
    assert last["meta"]["rows"] == len(data)
    table = filled.get(CONVERSIONS, **MAY, format="csv")
    read = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert list(read[0]) == list(data[0])
    for row in read:
        row["cost"] = Decimal(row["cost"])
        row["deleted"] = {"true": True, "false": False}[row["deleted"]]
        row["history"] = exactly.decode(row["history"])
        row |= {name: row[name] or None for name in ("clickId", "rejectionReason", "details")}
    assert read == data


def test_costs_can_be_strings(filled: Sandbox) -> None:
    numbers, texts = rows(filled, **MAY), rows(filled, **MAY, decimals="string")
    assert all(isinstance(row["cost"], str) and isinstance(row["history"][0]["cost"], str) for row in texts)
    assert [Decimal(row["cost"]) for row in texts] == [row["cost"] for row in numbers]


@pytest.mark.parametrize(
    ("format_", "text"), [("json", '{"data":[],"meta":{"rows":0,'), ("ndjson", '{"meta":{"rows":0,'), ("csv", "id,")]
)
def test_an_empty_list_is_complete_in_every_format(other_sandbox: Sandbox, format_: str, text: str) -> None:
    assert other_sandbox.get(CONVERSIONS, format=format_).text.startswith(text)


def test_head_has_the_headers_of_get(filled: Sandbox) -> None:
    get, head = (
        filled.request(method, CONVERSIONS, token=filled.owner_key, params=MAY | {"format": "csv"})
        for method in ("GET", "HEAD")
    )
    assert (head.status_code, head.content) == (200, b"")
    varying = {
        "content-length",
        "date",
        "x-request-id",
        "gokart-next-changed-since",
        "content-encoding",
        "ratelimit",
        "transfer-encoding",
    }
    assert set(head.headers) - varying == set(get.headers) - varying
    assert head.headers["content-disposition"] == 'attachment; filename="gokart-conversions.csv"'


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("status=Paid", "status: 'Paid' is not valid; valid values: Pending, Success, Rejected"),
        ("format=xml", "format: 'xml' is not valid; valid values: json, ndjson, csv"),
        ("decimals=float", "decimals: 'float' is not valid; valid values: number, string"),
        ("offer_id=1", "offer_id: '1' is not a UUID"),
        ("partner_id=", "partner_id: is empty"),
        ("date_from=2025-02-30", "date_from: '2025-02-30' is not an ISO 8601 date"),
        ("changed_since=yesterday", "changed_since: 'yesterday' is not an ISO 8601 date"),
        ("changed_since=0001-01-01&time_zone=Asia/Tokyo", "changed_since: '0001-01-01' is not from 0001-01-02"),
        ("date_from=2025-05-02&date_to=2025-05-01", "date_from: is after date_to: 2025-05-02 > 2025-05-01"),
        ("time_zone=Mars/Olympus", "time_zone: 'Mars/Olympus' is not the IANA name of a time zone"),
        ("date_from=2025-03-30T02:30&time_zone=Europe/Berlin", "date_from: 2025-03-30T02:30:00 does not exist"),
        ("limit=5", "limit: is not a parameter of this report; valid parameters: date_from, date_to"),
        ("format=csv&format=json", "format: is given twice"),
    ],
)
def test_invalid_parameters_are_named(module_sandbox: Sandbox, query: str, says: str) -> None:
    response = module_sandbox.request("GET", f"{CONVERSIONS}?{query}", token=module_sandbox.owner_key)
    assert response.status_code == 400, response.text
    assert response.json()["detail"].startswith(says)
    assert response.json()["errors"][0]["field"] == says.partition(":")[0]
