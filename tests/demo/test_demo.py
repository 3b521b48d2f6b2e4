"""The demo: its data is deterministic, plausible and ingested once, and the commands that it prints work."""

import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from catalog.tables import Offer
from core.errors import GokartError
from database.pool import connection
from demo import filling, history
from demo.cast import ACME, DEMO, Cast
from demo.changes import make_changes
from demo.history import day_of
from reporting.context import read_context
from reporting.dashboard.choices import read_choices
from reporting.dashboard.spend import SpendScope, SpendSummary, read_spend
from settings import PROJECT
from singular.requirements import flawed_offers
from tenants.commands import run_command, run_for_tenant
from tenants.tenant import current_tenant
from tests.support.database import execute
from tests.support.sandbox import Sandbox
from tests.support.servers import free_port

CLI = [sys.executable, str(PROJECT / "cli.py"), "demo"]
MONDAY = date(2026, 3, 2)
WEEKS = [MONDAY + timedelta(days=n) for n in range(56)]
A_DAY = timedelta(days=1)

# --- the history ---


@pytest.fixture(scope="module")
def weeks() -> dict[date, history.Day]:
    return {day: day_of(DEMO, day) for day in WEEKS}


def callbacks_of(weeks: dict[date, history.Day]) -> dict[str, list[dict[str, Any]]]:
    """The callbacks by conversion, in the order in which they are sent."""
    found = defaultdict(list)
    for at, record in sorted(sent for day in weeks.values() for sent in day.callbacks):
        callback = msgspec.json.decode(record)
        found[callback["conversion"]["conversionId"]].append(callback | {"at": at})
    return found


def test_a_day_is_the_same_in_every_process() -> None:
    script = "from demo.history import *; from demo.cast import ACME; print(day_of(ACME, date(2026, 3, 2)).records())"
    for seed in "1", "2":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        result = subprocess.run(
            [sys.executable, "-c", script], env=environment, cwd=PROJECT, capture_output=True, text=True, check=True
        )
        assert result.stdout == f"{day_of(ACME, MONDAY).records()}\n"


def test_weekends_are_busier(weeks: dict[date, history.Day]) -> None:
    by_weekday = Counter[int]()
    for day, made in weeks.items():
        by_weekday[day.weekday()] += len(made.events)
    assert min(by_weekday[5], by_weekday[6]) > 1.1 * max(by_weekday[n] for n in range(5))


def test_it_grows_from_year_to_year() -> None:
    assert len(day_of(DEMO, MONDAY + timedelta(days=364)).events) > 1.05 * len(day_of(DEMO, MONDAY).events)


def test_clicks_follow_views_and_conversions_follow_clicks(weeks: dict[date, history.Day]) -> None:
    events = [msgspec.json.decode(sent.record) for day in weeks.values() for sent in day.records()]
    kinds = Counter(event["type"] for event in events)
    assert 0.1 < kinds["click"] / kinds["view"] < 0.3
    clicks = {event["id"] for event in events if event["type"] == "click"}
    conversions = callbacks_of(weeks)
    assert 0.05 < len(conversions) / len(clicks) < 0.25
    assert {callbacks[0]["conversion"]["clickId"] for callbacks in conversions.values()} <= clicks
    assert len({event["id"] for event in events}) == len(events)


def test_conversions_are_late_corrected_and_rejected_weeks_later(weeks: dict[date, history.Day]) -> None:
    stories = callbacks_of(weeks).values()
    late = [s for s in stories if s[0]["at"] - datetime.fromisoformat(s[0]["conversion"]["userCompletedAt"]) > A_DAY]
    held_back = [s for s in stories if s[0]["conversion"]["status"] == "Pending"]
    corrected = [s for s in stories if len({callback["conversion"]["revenue"] for callback in s}) > 1]
    rejected = [
        after["at"] - before["at"]
        for s in stories
        for before, after in pairwise(s)
        if (before["conversion"]["status"], after["conversion"]["status"]) == ("Success", "Rejected")
    ]
    for share, found in (0.02, late), (0.1, held_back), (0.01, corrected), (0.02, rejected):
        assert share < len(found) / len(stories) < 6 * share
    assert min(rejected) >= timedelta(days=7)
    assert max(s[-1]["at"] - s[0]["at"] for s in stories) < history.LONGEST_STORY


# --- ingesting it ---


@pytest.fixture
def cast(sandbox: Sandbox) -> Cast:
    """A small demo in the sandbox's tenant."""
    return msgspec.structs.replace(ACME, slug=sandbox.tenant.slug, name=sandbox.tenant.name, views=40)


LENGTH = timedelta(days=300)


def fill(cast: Cast, now: datetime, *, days: int | None = None) -> None:
    """Fills the tenant up to `now`, or stops after this number of days."""

    async def work() -> None:
        tenant = await filling.make_tenant(cast)
        steps = filling.fill_tenant(tenant, cast, now, LENGTH)
        number = 0
        async for _ in steps:
            number += 1
            if number == days:
                await steps.aclose()

    run_command(work)


def expected(sandbox: Sandbox, cast: Cast, now: datetime) -> dict[str, tuple[int, int, int, Decimal]]:
    """(conversions, clicks, views, cost) up to `now`, by offer of the first advertiser."""
    days = [(sandbox.tenant.created_at - LENGTH).date() + n * A_DAY for n in range(LENGTH.days + 1)]
    made = {day: day_of(cast, day) for day in days}
    counts = Counter[tuple[str, str]]()
    for day, of_day in made.items():
        records = of_day.records() if day < now.date() else of_day.records()[:-1]
        for event in [msgspec.json.decode(sent.record) for sent in records if sent.at <= now]:
            counts[event["offerId"], event["type"]] += 1
    conversions, cost = Counter[str](), defaultdict[str, Decimal](Decimal)
    for story in callbacks_of(made).values():
        sent = [callback["conversion"] for callback in story if callback["at"] <= now]
        if sent and sent[-1]["status"] == "Success":
            conversions[sent[-1]["offerId"]] += 1
            cost[sent[-1]["offerId"]] += Decimal(str(sent[-1]["revenue"]))
    return {
        str(offer.id): (
            conversions[str(offer.id)],
            counts[str(offer.id), "click"],
            counts[str(offer.id), "view"],
            cost[str(offer.id)],
        )
        for offer in cast.offers
        if offer.advertiser == cast.advertisers[0]
    }


def report(sandbox: Sandbox, cast: Cast) -> httpx.Response:
    token = sandbox.create_api_key("cost-report", advertiser=cast.advertisers[0].id)
    return sandbox.get(token=token, date_from="2020-01-01", date_to=f"{datetime.now(UTC).date()}")


def totals(response: httpx.Response) -> dict[str, tuple[int, int, int, Decimal]]:
    """(conversions, clicks, views, cost) of the report, by offer."""
    found: dict[str, tuple[int, int, int, Decimal]] = defaultdict(lambda: (0, 0, 0, Decimal()))
    for row in response.json(parse_float=Decimal)["data"]:
        conversions, clicks, views, cost = found[row["offerId"]]
        found[row["offerId"]] = (
            conversions + row["totalConversions"],
            clicks + row["totalClicks"],
            views + row["totalViews"],
            cost + row["revenue"],
        )
    return dict(found)


def test_an_interrupted_run_continues_without_duplicates(sandbox: Sandbox, cast: Cast) -> None:
    now = datetime.now(UTC)
    fill(cast, now - timedelta(days=40), days=1)
    assert totals(report(sandbox, cast)) != expected(sandbox, cast, now - timedelta(days=40))
    fill(cast, now - timedelta(days=9, hours=7))
    assert totals(report(sandbox, cast)) == expected(sandbox, cast, now - timedelta(days=9, hours=7))
    fill(cast, now)
    complete = report(sandbox, cast)
    assert totals(complete) == expected(sandbox, cast, now)
    fill(cast, now)
    assert report(sandbox, cast).headers["etag"] == complete.headers["etag"]


def restatements(cast: Cast, days: list[date], now: datetime) -> set[date]:
    """The days of the first advertiser whose cost or conversions changed two days later or more, up to `now`."""
    offers = {str(offer.id) for offer in cast.offers if offer.advertiser == cast.advertisers[0]}
    found = set()
    for story in callbacks_of({day: day_of(cast, day) for day in days}).values():
        counted = None  # the cost that the report has counted so far
        for callback in story:
            conversion = callback["conversion"]
            day = datetime.fromisoformat(conversion["userCompletedAt"]).date()
            cost = conversion["revenue"] if conversion["status"] == "Success" else None
            if cost != counted and callback["at"] <= now and conversion["offerId"] in offers:
                counted = cost
                if callback["at"].date() - day >= 2 * A_DAY:
                    found.add(day)
    return found


def test_only_days_corrected_later_by_callbacks_are_restated(sandbox: Sandbox, cast: Cast) -> None:
    """The demo imports its history, which restates no day. The same records as callbacks would have."""
    now = datetime.now(UTC)
    fill(cast, now - timedelta(days=3))
    fill(cast, now)
    days = [(sandbox.tenant.created_at - LENGTH).date() + n * A_DAY for n in range(LENGTH.days + 1)]

    def shown() -> SpendSummary:
        return run_for_tenant(sandbox.tenant.slug, lambda: read_dashboard(cast.advertisers[0].id, days[0], days[-1]))

    assert shown().restated == 0
    execute("UPDATE {s}.restatement SET cause = 'callback'", schema=sandbox.tenant.schema)
    summary = shown()
    restated = {bucket.first for bucket in summary.buckets if bucket.restated}
    assert restated == restatements(cast, days, now)
    assert 0.02 < len(restated) / len(days) < 0.5
    assert summary.buckets[-1].state == "open"
    assert not summary.buckets[-1].restated


async def read_dashboard(advertiser: UUID, first: date, last: date) -> SpendSummary:
    """What the advertiser's dashboard shows, by UTC days."""
    tenant = current_tenant()
    async with connection() as db:
        context = await read_context(db, tenant, advertiser)
    scope = SpendScope(tenant, advertiser, msgspec.structs.replace(context, time_zone="UTC"))
    query = {"date_from": str(first), "date_to": str(last), "group": "day", "compare": "none"}
    return await read_spend(scope, read_choices(query.items(), scope.today))


RESTATEMENTS = """
SELECT bucket, conversions, cost, late, cause FROM {s}.restatement WHERE cause <> 'import' ORDER BY changed_at, bucket
"""
STATUSES = """
SELECT c.cause, h.status AS before, c.status, count(*) FROM {s}.conversion_history h
JOIN {s}.conversion c ON c.id = h.conversion AND c.changed_at = h.until
WHERE c.cause <> 'import' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def test_past_days_change_by_callbacks_and_a_correction(sandbox: Sandbox, cast: Cast) -> None:
    """Per advertiser: rejections after 45 and 12 days, and a conversion that is reported 8 days late."""
    schema, now = sandbox.tenant.schema, datetime.now(UTC)
    fill(cast, now)
    assert execute(RESTATEMENTS, schema=schema) == []
    assert execute("SELECT count(*) FROM {s}.changed_day WHERE late", schema=schema) == [{"count": 0}]
    (key,) = execute("SELECT id FROM {s}.api_token WHERE 'ingest' = ANY(scopes)", schema=schema)

    async def work() -> None:
        await make_changes(sandbox.tenant, cast, LENGTH, key["id"], "nora@limestone.example")

    run_command(work)
    changes = execute(RESTATEMENTS, schema=schema)
    callbacks = [row for row in changes if row["cause"] == "callback"]
    assert [(row["conversions"], row["late"]) for row in callbacks] == [(-1, True), (-1, False), (1, False)] * 2
    corrections = [row for row in changes if row["cause"] == "correction"]
    assert 0 < len(corrections) <= 3
    assert all(row["conversions"] < 0 and row["cost"] < 0 and not row["late"] for row in corrections)
    (by_callback, by_correction) = execute(STATUSES, schema=schema)
    assert by_callback == {"cause": "callback", "before": "Success", "status": "Rejected", "count": 4}
    assert by_correction["cause"] == "correction"
    run_command(work)
    assert execute(RESTATEMENTS, schema=schema) == changes


def test_advertisers_have_contacts_and_bills(sandbox: Sandbox, cast: Cast) -> None:
    run_command(lambda: filling.make_tenant(cast))
    rows = execute(
        "SELECT * FROM {s}.advertiser WHERE id = ANY($1)",
        [advertiser.id for advertiser in cast.advertisers],
        schema=sandbox.tenant.schema,
    )
    assert len(rows) == len(cast.advertisers)
    for row in rows:
        assert row["contact_email"].endswith(".example")
        assert all(row[name] for name in ("contact_name", "contact_phone", "billing_name", "billing_address", "tax_id"))
    demos = {advertiser.name: advertiser.company for advertiser in DEMO.advertisers}
    assert {company.currency for company in demos.values()} == {"USD", "EUR", "GBP", "JPY"}
    assert {row["time_zone"] for row in rows} == {"America/Los_Angeles", "Europe/Rome"}
    assert {"America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo"} < {company.time_zone for company in demos.values()}
    assert [name for name, company in demos.items() if company.asks] == ["Northwind Surveys"]


def test_some_offers_have_missing_data(sandbox: Sandbox) -> None:
    run_command(
        lambda: filling.make_tenant(msgspec.structs.replace(DEMO, slug=sandbox.tenant.slug, name=sandbox.tenant.name))
    )

    async def flaws(advertiser: UUID) -> list[str]:
        return [flaw.field for offer in await flawed_offers(current_tenant(), advertiser) for flaw in offer.flaws]

    found = {a.name: run_for_tenant(sandbox.tenant.slug, partial(flaws, a.id)) for a in DEMO.advertisers}
    assert found == {
        "Brown Boots": ["store_id"],
        "Spin Royale": ["store_id"],
        "Fernhill Bank": ["campaign_name"],
        "Paper Lantern": [],
        "Northwind Surveys": [],
        "Hoshi Games": [],
    }


def test_another_tenant_with_the_same_slug_is_not_changed(sandbox: Sandbox, cast: Cast) -> None:
    other = msgspec.structs.replace(cast, name="Not ours")
    with pytest.raises(GokartError, match="not the demo's"):
        fill(other, datetime.now(UTC))
    assert not run_for_tenant(sandbox.tenant.slug, Offer.exists)


# --- the command ---


@contextmanager
def running_server(port: int) -> Iterator[str]:
    """Yields what the demo prints before it serves."""
    with subprocess.Popen([*CLI, "--days", "10", "--port", str(port)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield "".join(iter(process.stdout.readline, "Serving. Ctrl-C stops it; nothing is lost.\n"))
        finally:
            process.terminate()
            process.stdout.read()


def wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz")
            return
        except httpx.TransportError:
            time.sleep(0.02)
    pytest.fail("the demo did not serve")


def commands(text: str) -> list[str]:
    """The printed curl commands, with their continuation lines."""
    return re.findall(r"^  (curl (?:.*\\\n)*.*)$", text, re.MULTILINE)


def paste(command: str) -> str:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout


@pytest.mark.usefixtures("server")
def test_the_printed_commands_work() -> None:
    port = free_port()
    with running_server(port) as printed:
        wait_until_ready(port)
        json, csv, singular, query, changes, explain, conversions, intake = commands(printed)
        before = msgspec.json.decode(paste(json))["data"]
        assert sum(row["totalViews"] for row in before) > 0
        assert paste(csv).splitlines()[0].startswith("offerId,offerName,")
        assert len(paste(csv).splitlines()) == len(before) + 1
        assert {item["os"] for item in msgspec.json.decode(paste(singular))["data"]["items"]} == {"IOS", "ANDROID"}
        assert paste(query).splitlines()[0] == "id,week,partnerId,partnerName,cost,conversions,costPerConversion,state"
        assert len(paste(query).splitlines()) > 1
        page = msgspec.json.decode(paste(changes))
        assert 0 < page["rows"] <= 10
        assert not page["reset"]
        explained = msgspec.json.decode(paste(explain))
        assert {change["cause"] for change in explained["changes"]} >= {"import", "correction"}
        corrected = [change for change in explained["conversions"] if change["cause"] == "correction"]
        assert {(change["oldStatus"], change["newStatus"]) for change in corrected} == {("Success", "Rejected")}
        rejected = msgspec.json.decode(paste(conversions))["data"]
        assert "correction" in {conversion["cause"] for conversion in rejected}
        assert {conversion["history"][-1]["status"] for conversion in rejected} == {"Rejected"}
        assert msgspec.json.decode(paste(intake)) == {"accepted": 1, "duplicates": 0, "rejected": []}
        assert msgspec.json.decode(paste(intake)) == {"accepted": 0, "duplicates": 1, "rejected": []}
        after = msgspec.json.decode(paste(json))["data"]
        assert sum(r["totalConversions"] for r in after) == sum(r["totalConversions"] for r in before) + 1
        docs = httpx.get(f"http://127.0.0.1:{port}/docs", headers={"Host": "api.demo.localhost"}, follow_redirects=True)
        assert docs.status_code == 200

    with running_server(port) as printed_again:
        wait_until_ready(port)
        assert status_of(commands(printed)[0]) == "401"
        assert status_of(commands(printed_again)[0]) == "200"


def status_of(command: str) -> str:
    return paste(f"{command} --silent --output /dev/null --write-out '%{{http_code}}'")


def test_a_port_in_use_is_reported_first() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        result = subprocess.run([*CLI, "--port", str(port)], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: Port {port} of 127.0.0.1 is in use")
