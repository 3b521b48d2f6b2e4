"""What each process counts for Prometheus. `docs/metrics.md` describes every metric; `monitoring` serves them.

No label has values from outside, such as paths, tokens or addresses, so the number of series is bounded. Each child is
created in advance where its labels are known, because a counter that appears with its first failure shows no increase.
"""

from functools import cache
from itertools import product
from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

Kind = Literal["conversions", "events", "offers", "partners", "corrections"]
ReportName = Literal["cost-report", "singular", "query", "offers", "partners", "conversions"]
Refusal = Literal["too many connections in all", "too many connections from one address", "incomplete in time"]
Source = Literal["not_modified", "cache", "primary", "replica"]
SignInFailure = Literal["password", "code", "limit"]

NONE: Final = "none"  # label of a request that no route has, of an unknown host, of a response that was never sent

request_duration = Histogram(
    "gokart_http_request_duration_seconds",
    "Requests and how long they took, until the end of the response.",
    ["site", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
cut_responses = Counter(
    "gokart_http_responses_cut",
    "Responses that were not sent to their end: the client disconnected, or the response failed.",
    ["site"],
    registry=REGISTRY,
)
intake_records = Counter(
    "gokart_intake_records", "Records of committed batches.", ["kind", "outcome"], registry=REGISTRY
)
report_reads = Counter(
    "gokart_report_reads", "Where reports with an API key were read from.", ["report", "source"], registry=REGISTRY
)
request_log_entries = Counter(
    "gokart_request_log_entries",
    "Entries of request logs: written, or lost because there were too many or the database refused them.",
    ["outcome"],
    registry=REGISTRY,
)
sign_in_failures = Counter("gokart_sign_in_failures", "Sign-ins that failed.", ["realm", "reason"], registry=REGISTRY)
pool_in_use = Gauge(
    "gokart_pool_in_use",
    "Database connections in use, by pool and share; `tenant` is the tenant that uses most.",
    ["pool", "share"],
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
pool_limit = Gauge(
    "gokart_pool_limit",
    "How many connections may be in use.",
    ["pool", "share"],
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
pool_wait = Histogram(
    "gokart_pool_wait_seconds",
    "Waits for a connection, when all of the share were in use.",
    ["pool", "share"],
    buckets=(0.005, 0.025, 0.1, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)
pool_refusals = Counter(
    "gokart_pool_refusals", "Waits for a connection that ended with a 503.", ["pool", "share"], registry=REGISTRY
)
connections_opened = Counter(
    "gokart_pool_connections_opened", "Database connections that were opened.", ["pool"], registry=REGISTRY
)
work_refusals = Counter(
    "gokart_concurrency_refusals",
    "Requests that ended with a 503 because too much work of that kind was under way.",
    ["work"],
    registry=REGISTRY,
)
connections_open = Gauge(
    "gokart_connections_open",
    "HTTP connections that clients hold open.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
connections_refused = Counter(
    "gokart_connections_refused",
    "HTTP connections that were refused, or closed because a request was not complete in time.",
    ["reason"],
    registry=REGISTRY,
)
processes = Gauge("gokart_processes", "Server processes that run.", multiprocess_mode="livesum", registry=REGISTRY)

for labels in product(get_args(Kind), ("accepted", "duplicate", "rejected")):
    intake_records.labels(*labels)
for labels in product(get_args(ReportName), get_args(Source)):
    report_reads.labels(*labels)
for labels in product(("staff", "advertiser", "platform"), get_args(SignInFailure)):
    sign_in_failures.labels(*labels)
for outcome in "written", "lost":
    request_log_entries.labels(outcome)
for reason in get_args(Refusal):
    connections_refused.labels(reason)
for site_label in ("api", "app", "admin", NONE):
    cut_responses.labels(site_label)


@cache
def duration_of(site: str, route: str, status: int | str) -> Histogram:
    return request_duration.labels(site, route, status)


@cache
def reads_of(report: ReportName, source: Source) -> Counter:
    return report_reads.labels(report, source)


def count_request(site: str | None, route: str | None, status: int | None, seconds: float, *, complete: bool) -> None:
    """`route` is a template, never a path; None if no route matched."""
    duration_of(site or NONE, route or NONE, status or NONE).observe(seconds)
    if not complete:
        cut_responses.labels(site or NONE).inc()


def count_records(kind: Kind, accepted: int, duplicates: int, rejected: int) -> None:
    for outcome, records in ("accepted", accepted), ("duplicate", duplicates), ("rejected", rejected):
        if records:
            intake_records.labels(kind, outcome).inc(records)


def count_report(report: ReportName, source: Source) -> None:
    reads_of(report, source).inc()


def count_sign_in_failure(realm: str, reason: SignInFailure) -> None:
    sign_in_failures.labels(realm, reason).inc()
