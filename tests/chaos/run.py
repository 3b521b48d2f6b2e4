"""A run: rounds of random faults among the traffic, then a comparison of all reports with the model.

The seed determines the records, and the faults with their durations; when the faults meet the records depends on the
machine.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

from tests.chaos.deployment import App, Deployment
from tests.chaos.faults import FAULTS, NEEDS_CLUSTER, Fault
from tests.chaos.traffic import DAYS, Advertiser, Tenant, Traffic, headers_of, new_client, report_rows
from tests.support.oracle import Oracle, floor_day, plain
from tests.support.sandbox import CSV, JSON, SINGULAR
from tests.support.wait import wait_until

LONGEST_FAULT = 6.0  # seconds
RECOVERY = 30.0  # seconds in which the deployment must be healthy after the last fault
SINGULAR_KEYS = ("date", "campaign_id", "partner_id", "cost", "clicks")


class Result(msgspec.Struct):
    """`recoveries` are the seconds from the end of each round's faults until everything worked. `outcomes` counts the
    responses by status, and the requests without one by error.
    """

    skipped: dict[str, str]
    outcomes: Counter[str]
    violations: list[str]
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    recoveries: list[float] = msgspec.field(default_factory=list)
    records: int = 0
    reports: int = 0


def run(
    deployment: Deployment,
    traffic: Traffic,
    *,
    minutes: float = 0,
    rounds: int = 0,
    recovery: float = RECOVERY,
    tell: Callable[[str], None] = lambda _: None,
) -> Result:
    """Injects faults for `minutes`, and in at least so many `rounds`, until something is wrong.

    `tell` gets a line for each round.
    """
    rng = random.Random(traffic.seed)
    missing = {each.name: why for each in FAULTS if (why := each.missing(deployment))}
    faults = [each for each in FAULTS if each.name not in missing]
    skipped = {**missing, NEEDS_CLUSTER: "needs a Citus cluster"}
    result = Result(skipped=skipped, outcomes=traffic.outcomes, violations=traffic.violations)
    traffic.start()
    try:
        until = time.monotonic() + minutes * 60
        while not traffic.violations and (time.monotonic() < until or len(result.recoveries) < rounds):
            chosen = rng.sample(faults, rng.choice([1, 1, 2]))
            result.faults.update(each.name for each in chosen)
            inject(deployment, chosen, rng)
            names = " and ".join(each.name for each in chosen)
            seconds = recover(deployment, traffic, names, within=recovery)
            result.recoveries.append(seconds)
            tell(f"{names}: healthy after {seconds:.1f} s")
    finally:
        wait_until(lambda: not what_fails(deployment, traffic))
        traffic.stop()
    result.records = traffic.records
    result.reports = verify(deployment, traffic)
    return result


def inject(deployment: Deployment, faults: list[Fault], rng: random.Random) -> None:
    """Injects the faults at once, and returns when they are lifted."""
    time.sleep(rng.uniform(0, 1))
    with ThreadPoolExecutor(len(faults)) as threads:
        injected = [
            threads.submit(each.inject, deployment, random.Random(rng.random()), rng.uniform(1, LONGEST_FAULT))
            for each in faults
        ]
        for each in injected:
            each.result()


def recover(deployment: Deployment, traffic: Traffic, faults: str, *, within: float) -> float:
    """The seconds until everything works again. If that takes too long, it is a violation."""
    lifted = time.monotonic()
    while failing := what_fails(deployment, traffic):
        if time.monotonic() - lifted > within:
            traffic.violation(f"{within:.0f} s after faults ({faults}): {failing}")
            break
        time.sleep(0.1)
    deployment.suspended.clear()
    return time.monotonic() - lifted


def what_fails(deployment: Deployment, traffic: Traffic) -> str:
    """The first part of the deployment that does not work, or nothing."""
    with new_client() as client:
        for app in deployment.apps:
            if not app.is_ready():
                return f"{app.log.stem} is not ready"
            for tenant in traffic.tenants:
                if not takes_records(client, app, tenant):
                    return f"{app.log.stem} takes no records of {tenant.access.slug}"
                if not all(gives_reports(client, app, each, traffic.whole_range()) for each in tenant.advertisers):
                    return f"{app.log.stem} gives no reports of {tenant.access.slug}"
    return ""


def takes_records(client: httpx.Client, app: App, tenant: Tenant) -> bool:
    headers = headers_of(tenant.access, tenant.access.ingest_key)
    try:
        return client.put(f"{app.url}/api/v1/ingest/partners", headers=headers, json=tenant.partners).is_success
    except httpx.HTTPError:
        return False


def gives_reports(client: httpx.Client, app: App, advertiser: Advertiser, params: dict[str, str]) -> bool:
    headers = headers_of(advertiser.tenant, advertiser.key)
    try:
        return client.get(app.url + JSON, headers=headers, params=params).is_success
    except httpx.HTTPError:
        return False


# The comparison with the model


def verify(deployment: Deployment, traffic: Traffic) -> int:
    """Compares all reports of all advertisers, at both servers. Returns their number."""
    compared = 0
    ago = [traffic.started - timedelta(days=n) for n in range(DAYS + 2)]
    ranges = [(ago[-1], ago[0]), (ago[1], ago[0]), (ago[30], ago[3])]
    with new_client() as client:
        for tenant in traffic.tenants:
            for advertiser in tenant.advertisers:
                for days in ranges:
                    expected = expected_reports(advertiser.oracle, *days)
                    for app in deployment.apps:
                        for path, rows in expected.items():
                            seen = report(client, app, advertiser, path, days)
                            if seen != rows:
                                traffic.violation(difference(f"{path} at {app.log.stem}", advertiser, rows, seen))
                            compared += 1
            count_events(deployment, traffic, tenant)
    return compared


def expected_reports(oracle: Oracle, first: datetime, last: datetime) -> dict[str, list[Any]]:
    start, end = floor_day(first), floor_day(last) + timedelta(days=1)
    rows = oracle.cost_report(start, end, None)
    return {
        JSON: rows,
        CSV: [{name: plain(value) for name, value in row.items()} for row in rows],
        SINGULAR: [dict(zip(SINGULAR_KEYS, item, strict=True)) for item in oracle.singular(start, end)],
    }


def report(
    client: httpx.Client, app: App, advertiser: Advertiser, path: str, days: tuple[datetime, datetime]
) -> list[Any]:
    response = client.get(
        app.url + path,
        params={"date_from": f"{days[0]:%Y-%m-%d}", "date_to": f"{days[1]:%Y-%m-%d}"},
        headers=headers_of(advertiser.tenant, advertiser.key),
    )
    response.raise_for_status()
    rows = report_rows(path, response)
    return [{key: row[key] for key in SINGULAR_KEYS} for row in rows] if path == SINGULAR else rows


def count_events(deployment: Deployment, traffic: Traffic, tenant: Tenant) -> None:
    (row,) = deployment.fetch(f"SELECT count(*) FROM t_{tenant.access.slug}.event")
    sent = sum(len(each.oracle.events) for each in tenant.advertisers)
    if row["count"] != sent:
        traffic.violation(f"{tenant.access.slug} has {row['count']} events, but {sent} were acknowledged")


def difference(what: str, advertiser: Advertiser, expected: list[Any], seen: list[Any]) -> str:
    missing = [row for row in expected if row not in seen][:3]
    surplus = [row for row in seen if row not in expected][:3]
    return f"{what} of {advertiser.tenant.slug}: expected {missing}, not {surplus}"
