"""The figures of queries equal a naive model of every record, in any time zone, and add up to the cost report."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import product
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from tests.support.oracle import Oracle, Sums, add
from tests.support.sandbox import Sandbox, conversion_callback, create_sandbox, event_record, offer_record

PATH = "/api/v1/reports/query"
YEAR = {"date_from": "2025-01-01", "date_to": "2025-12-31"}
TIMES = ("hour", "day", "week", "month")
# Around changes of clocks in several zones, and the ends of months.
BUSY = [datetime(2025, month, day, tzinfo=UTC) for month, day in [(3, 9), (3, 30), (4, 6), (10, 5), (10, 26), (11, 2)]]
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
]
exactly = msgspec.json.Decoder(float_hook=Decimal)


class Market(msgspec.Struct):
    """A sandbox with random records of 2025, and the model of its owner's figures."""

    sandbox: Sandbox
    oracle: Oracle
    offers: dict[str, dict[str, Any]]

    def query(self, **params: str) -> dict[str, Any]:
        response = self.sandbox.get(PATH, **(YEAR | params))
        assert response.status_code == 200, response.text
        result: dict[str, Any] = exactly.decode(response.content)
        return result


@pytest.fixture(scope="module")
def market(http: httpx.Client) -> Market:
    sandbox, random = create_sandbox(http), Random(12)
    offers = [
        offer_record(
            sandbox, name="Zebra", appName="Chess, the game", storeId="com.chess", os="IOS", campaignName="C1"
        ),
        offer_record(sandbox, name="alpha", appName="Chess, the game", storeId="com.chess", os="ANDROID"),
        offer_record(sandbox, name='Alpha "quoted"', appName="Go", os="WEB", campaignName="C1"),
        offer_record(sandbox, name="Äpfel"),
    ]
    partners = {str(UUID(int=n + 1, version=4)): name for n, name in enumerate(["North", "south"])}
    sandbox.send("offers", offers)
    sandbox.send("partners", [{"id": id_, "name": name} for id_, name in partners.items()])
    names = partners | {str(sandbox.tenant.id): sandbox.tenant.name}
    oracle = Oracle({offer["id"]: offer["name"] for offer in offers}, names, str(sandbox.tenant.id))
    events = [
        event_record(
            random.choice(offers)["id"],
            random.choice(["click", "click", "view"]),
            partnerId=random.choice([*partners, None]),
            occurredAt=stamp(random),
        )
        for _ in range(400)
    ]
    callbacks = [
        conversion_callback(
            sandbox,
            random.choice(offers)["id"],
            revenue=str(Decimal(random.randrange(1, 9_000_000)).scaleb(-6)),
            userCompletedAt=stamp(random),
            partnerId=random.choice([*partners, None]),
            partnerName="ignored",
            status=random.choice(["Success", "Success", "Rejected"]),
        )
        for _ in range(120)
    ]
    assert sandbox.send("events", events)["accepted"] == len(events)
    assert sandbox.send("conversions", callbacks)["accepted"] == len(callbacks)
    for event in events:
        oracle.happen(event)
    for callback in callbacks:
        oracle.send(callback)
    return Market(sandbox, oracle, {offer["id"]: offer for offer in offers})


def stamp(random: Random) -> str:
    """A time in 2025, most often within a day of a change of clocks."""
    near = random.choice(BUSY) + timedelta(minutes=random.randrange(-1_440, 2_880))
    anywhere = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(364 * 1_440))
    return (near if random.random() < 0.7 else anywhere).isoformat()


def local_groups(at: datetime, zone: ZoneInfo, groups: Iterable[str]) -> tuple[str, ...]:
    """The values of the time groups, as in the response."""
    local = at.astimezone(zone)
    values: dict[str, object] = {
        "hour": hour_name(at, zone),
        "day": local.date(),
        "week": local.date() - timedelta(days=local.weekday()),
        "month": local.date().replace(day=1),
    }
    return tuple(str(values[group]) for group in groups)


def hour_name(at: datetime, zone: ZoneInfo) -> str:
    """The first minute before that shows the same hour with the same offset."""
    at = at.replace(second=0, microsecond=0)
    local = at.astimezone(zone)
    while True:
        before = (at - timedelta(minutes=1)).astimezone(zone)
        if (before.hour, before.utcoffset()) != (local.hour, local.utcoffset()):
            return at.astimezone(zone).isoformat()
        at -= timedelta(minutes=1)


def model(market: Market, zone: str, times: tuple[str, ...], offer: bool, partner: bool) -> dict[tuple[str, ...], Sums]:
    sums: dict[tuple[str, ...], Sums] = defaultdict(Sums)
    for offer_id, partner_id, at, one in market.oracle.contributions():
        if at.astimezone(ZoneInfo(zone)).year != 2025:
            continue
        key = local_groups(at, ZoneInfo(zone), times)
        add(sums[(*key, *([offer_id] if offer else []), *([partner_id] if partner else []))], one)
    return sums


@pytest.mark.parametrize(
    ("zone", "times"),
    [
        *product(ZONES, [("hour",), ("day",), ("week",), ("month",)]),
        ("Europe/Berlin", TIMES),
        ("Asia/Kathmandu", ("month", "week")),
    ],
    ids=str,
)
@pytest.mark.parametrize(("offer", "partner"), [(True, True), (False, False)], ids=["pairs", "sums"])
def test_time_groups_equal_the_model(
    market: Market, zone: str, times: tuple[str, ...], *, offer: bool, partner: bool
) -> None:
    others = ["offer", "partner"] if offer else []
    result = market.query(time_zone=zone, group_by=",".join([*times, *others]))
    found = {}
    for row in result["data"]:
        names = [*times, *(["offerId", "partnerId"] if offer else [])]
        found[tuple(row[name] for name in names)] = Sums(
            row["conversions"], row["clicks"], row["views"], Decimal(row["cost"])
        )
    assert found == model(market, zone, times, offer, partner)
    assert len({row["id"] for row in result["data"]}) == len(result["data"]) == result["meta"]["rows"]
    for metric in ("cost", "conversions", "clicks", "views"):
        assert sum(Decimal(row[metric]) for row in result["data"]) == result["totals"][metric]


@pytest.mark.parametrize(
    "group_by", ["", "offer", "partner", "app", "os", "campaign", "os,partner,app", "month,campaign"]
)
def test_every_breakdown_adds_up_to_the_cost_report(market: Market, group_by: str) -> None:
    result = market.query(**({"group_by": group_by} if group_by else {}))
    frozen = exactly.decode(market.sandbox.get(**YEAR).content)["data"]
    names = {"cost": "revenue", "conversions": "totalConversions", "clicks": "totalClicks", "views": "totalViews"}
    for metric, name in names.items():
        total = sum(Decimal(row[name]) for row in frozen)
        assert result["totals"][metric] == total
        assert sum(Decimal(row[metric]) for row in result["data"]) == total


def test_offer_and_partner_are_the_rows_of_the_cost_report(market: Market) -> None:
    rows = market.query(group_by="offer,partner")["data"]
    frozen = exactly.decode(market.sandbox.get(**YEAR).content)["data"]
    assert [(row["offerId"], row["offerName"], row["partnerName"], row["cost"], row["clicks"]) for row in rows] == [
        (row["offerId"], row["offerName"], row["publisherName"], row["revenue"], row["totalClicks"]) for row in frozen
    ]


def test_the_same_range_in_another_zone_equals_the_cost_report_of_its_instants(market: Market) -> None:
    for zone, start, end in [
        ("America/New_York", "2025-03-01T00:00-05:00", "2025-03-31T23:59-04:00"),
        ("Asia/Kathmandu", "2025-03-01T00:00+05:45", "2025-03-31T23:59+05:45"),
    ]:
        result = market.query(time_zone=zone, date_from="2025-03-01", date_to="2025-03-31", group_by="day,offer")
        frozen = market.sandbox.get(date_from=start, date_to=end)
        total = sum(Decimal(row["revenue"]) for row in exactly.decode(frozen.content)["data"])
        assert result["totals"]["cost"] == total > 0
        assert result["meta"]["range"] == frozen.headers["gokart-range"]


def test_ratios_are_rounded_half_even_to_six_places(market: Market) -> None:
    metrics = "cost,conversions,clicks,views,costPerConversion,costPerClick,conversionRate,clickRate"
    rows = market.query(group_by="day,offer,partner", metrics=metrics)["data"]
    checked = 0
    for row in [*rows, market.query(metrics=metrics)["totals"]]:
        for ratio, numerator, denominator in [
            ("costPerConversion", "cost", "conversions"),
            ("costPerClick", "cost", "clicks"),
            ("conversionRate", "conversions", "clicks"),
            ("clickRate", "clicks", "views"),
        ]:
            expected = None
            if row[denominator]:
                exact = Decimal(row[numerator]) / row[denominator]
                expected = exact.quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
                checked += 1
            assert row[ratio] == expected
    assert checked > 300


def test_a_tie_is_rounded_to_the_even_digit(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    for day, revenue in (1, "0.000001"), (2, "0.000003"):
        at = f"2025-05-0{day}T12:00:00Z"
        sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], revenue=revenue, userCompletedAt=at)])
        sandbox.send("events", [event_record(offer["id"], occurredAt=at) for _ in range(2)])
    response = sandbox.get(
        PATH, date_from="2025-05-01", date_to="2025-05-02", group_by="day", metrics="costPerClick", decimals="string"
    )
    assert [row["costPerClick"] for row in response.json()["data"]] == ["0.000000", "0.000002"]


def test_rows_have_the_columns_of_their_groups(market: Market) -> None:
    row = market.query(group_by="month,campaign,os,app,partner,offer", metrics="clicks,cost", limit="1")["data"][0]
    assert list(row) == [
        *("id", "month", "campaign", "os", "app", "storeId", "partnerId", "partnerName", "offerId", "offerName"),
        *("clicks", "cost", "state"),
    ]


def test_without_groups_there_is_one_row_of_totals(market: Market, sandbox: Sandbox) -> None:
    result = market.query()
    assert [{key: value for key, value in row.items() if key != "id"} for row in result["data"]] == [result["totals"]]
    empty = sandbox.get(PATH, **YEAR).json()
    assert [row["clicks"] for row in empty["data"]] == [0]


@pytest.mark.parametrize(
    ("filters", "chosen"),
    [
        ({"os": "ios"}, lambda offer: offer.get("os") == "IOS"),
        ({"os": "IOS,WEB"}, lambda offer: offer.get("os") in {"IOS", "WEB"}),
        ({"app": '"Chess, the game",Go'}, lambda offer: offer.get("appName")),
        ({"app": "com.chess"}, lambda offer: offer.get("storeId")),
        ({"campaign": "C1", "os": "WEB"}, lambda offer: offer["name"].startswith("Alpha")),
        ({"app": "' OR true --"}, lambda _: False),
    ],
    ids=range(6),
)
@pytest.mark.parametrize("format_", ["json", "csv"])
def test_filters_by_offer(market: Market, filters: dict[str, str], chosen: Any, format_: str) -> None:
    ids = {offer["id"] for offer in market.offers.values() if chosen(offer)}
    response = market.sandbox.get(PATH, **YEAR, **filters, group_by="offer", format=format_)
    if format_ == "json":
        found = {row["offerId"] for row in response.json()["data"]}
    else:
        found = {line.split(",")[1] for line in response.text.splitlines()[1:]}
    assert found == ids


def test_filters_by_id_may_be_repeated(market: Market) -> None:
    first, second, *_ = market.offers
    partner = str(UUID(int=1, version=4))
    response = market.sandbox.request(
        "GET",
        f"{PATH}?date_from=2025-01-01&date_to=2025-12-31&offer_id={first}&Offer_Id={second},{first}&partner_id={partner}",
        token=market.sandbox.owner_key,
    )
    both = [(offer_id, partner_id) for offer_id, partner_id, *_ in market.oracle.contributions()]
    found = response.json()["totals"]
    sums = Sums()
    for offer_id, partner_id, at, one in market.oracle.contributions():
        if offer_id in {first, second} and partner_id == partner and at.year == 2025:
            add(sums, one)
    assert both
    assert (found["clicks"], found["views"], found["conversions"]) == (sums.clicks, sums.views, sums.conversions)


def test_another_advertisers_offer_has_no_rows(market: Market) -> None:
    offer = next(iter(market.offers))
    response = market.sandbox.get(PATH, token=market.sandbox.rival_key, **YEAR, offer_id=offer, group_by="offer")
    assert response.json()["data"] == []


def test_metrics_sort_and_limit_the_rows(market: Market) -> None:
    everything = market.query(group_by="day,offer")
    top = market.query(group_by="day,offer", sort="-cost", limit="5")
    costs = sorted((Decimal(row["cost"]) for row in everything["data"]), reverse=True)
    assert [Decimal(row["cost"]) for row in top["data"]] == costs[:5]
    assert top["totals"] == everything["totals"]
    assert top["meta"]["rows"] == 5
    ids = {row["id"] for row in everything["data"]}
    assert {row["id"] for row in top["data"]} <= ids


def test_nulls_come_last_in_both_directions(market: Market) -> None:
    for sort in ("campaign", "-campaign"):
        names = [row["campaign"] for row in market.query(group_by="campaign", sort=sort)["data"]]
        assert names == ["C1", None]


@pytest.mark.parametrize("sort", ["-day,offer", "offer,-day", "-clicks"])
def test_sorted_rows_are_the_same_rows(market: Market, sort: str) -> None:
    plain, by_sort = market.query(group_by="day,offer"), market.query(group_by="day,offer", sort=sort)
    assert sorted(row["id"] for row in plain["data"]) == sorted(row["id"] for row in by_sort["data"])
    days = [row["day"] for row in by_sort["data"]]
    if sort.startswith("-day"):
        assert days == sorted(days, reverse=True)


def test_zeros_are_rows_for_empty_time_buckets(market: Market) -> None:
    plain, filled = [
        market.query(group_by="day,offer", date_from="2025-03-01", date_to="2025-03-31", zeros=zeros)["data"]
        for zeros in ("false", "true")
    ]
    empty = [row for row in filled if row["offerId"] is None]
    assert {row["day"] for row in empty}.isdisjoint(row["day"] for row in plain)
    assert {row["day"] for row in filled} == {f"2025-03-{day:02}" for day in range(1, 32)}
    assert all(row["clicks"] == 0 and row["cost"] == 0 and row["offerName"] is None for row in empty)
    assert [row for row in filled if row["offerId"]] == plain
    assert len({row["id"] for row in filled}) == len(filled)


def test_zeros_end_with_the_current_time_bucket(sandbox: Sandbox) -> None:
    today = datetime.now(UTC).date()
    last = today + timedelta(days=3)
    rows = sandbox.get(
        PATH, date_from=str(today - timedelta(days=2)), date_to=str(last), group_by="day", zeros="true"
    ).json()["data"]
    days = [date.fromisoformat(row["day"]) for row in rows]
    assert days[0] == today - timedelta(days=2)
    assert days[-1] in {today, today + timedelta(days=1)}  # midnight may have passed


def test_ids_do_not_depend_on_figures_or_the_order_of_groups(market: Market) -> None:
    ids = {row["id"] for row in market.query(group_by="day,offer")["data"]}
    assert {row["id"] for row in market.query(group_by="offer,day", metrics="clicks")["data"]} == ids
    for other in ({"time_zone": "Europe/Berlin"}, {"os": "IOS"}):
        assert ids.isdisjoint(row["id"] for row in market.query(group_by="day,offer", **other)["data"])


def test_the_id_of_a_clipped_day_is_not_that_of_the_whole_day(market: Market) -> None:
    clipped = market.query(group_by="day,offer", date_from="2025-03-30T00:15")["data"]
    whole = market.query(group_by="day,offer", date_from="2025-03-30")["data"]
    assert (
        [(a["day"], a["offerId"]) for a, b in zip(clipped, whole, strict=True) if a["id"] != b["id"]]
        == [(row["day"], row["offerId"]) for row in whole if row["day"] == "2025-03-30"]
        != []
    )


def test_the_state_is_that_of_the_day(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    now = datetime.now(UTC)
    times = [now - timedelta(days=days) for days in (60, 5, 0)]
    sandbox.send("events", [event_record(offer["id"], occurredAt=at.isoformat()) for at in times])
    response = sandbox.get(PATH, period="last_90_days", group_by="day")
    assert [row["state"] for row in response.json()["data"]] == ["final", "provisional", "open"]
    assert sandbox.get(PATH, period="last_90_days").json()["data"][0].keys() == {
        *("id", "cost", "conversions", "clicks", "views")
    }


def test_the_default_time_zone_and_currency_are_the_advertisers(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.owner, time_zone="Asia/Kolkata", currency="EUR")
    meta = sandbox.get(PATH, date_from="2025-05-01", date_to="2025-05-01").json()["meta"]
    assert (meta["timeZone"], meta["currency"]) == ("Asia/Kolkata", "EUR")
    assert meta["range"] == "2025-04-30T18:30:00Z/2025-05-01T18:30:00Z"
    assert meta["complete"] is True
