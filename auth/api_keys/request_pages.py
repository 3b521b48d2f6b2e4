"""The request log as pages show it: filters, pages, and how each request ended."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from asyncpg import Record
from litestar import Response

from auth.api_keys.listing import LARGEST_ID
from auth.api_keys.request_log import CLIENT_GONE
from database.pool import connection
from settings import settings
from tenants.tenant import current_tenant
from web.pages.forms import parse_number
from web.pages.lists import Conditions, Sort, read_days, read_list_page, read_list_request
from web.pages.rendering import PageLayout, render_page
from web.requests import AnyRequest

ROOT = "/api/v1"
REPORT_ENDPOINTS = (
    f"{ROOT}/integrations/cost-report/json",
    f"{ROOT}/integrations/cost-report/csv",
    f"{ROOT}/integrations/cost-report/singular/json",
    f"{ROOT}/integrations/cost-report/singular/csv",
    f"{ROOT}/costReporting/GoKart/json",
    f"{ROOT}/costReporting/GoKart/csv",
    f"{ROOT}/reports/query",
    f"{ROOT}/reports/changes",
    f"{ROOT}/reports/changes/explain",
    f"{ROOT}/reports/status",
    f"{ROOT}/conversions",
    f"{ROOT}/offers",
    f"{ROOT}/partners",
)
INGEST_ENDPOINTS = tuple(f"{ROOT}/ingest/{kind}" for kind in ("conversions", "events", "offers", "partners"))
STATUSES = {
    "": ("All", ""),
    "ok": ("Successful", "r.status < 400"),
    "failed": ("Failed (4xx and 5xx)", "r.status >= 400"),
    "4xx": ("Client errors (4xx)", "r.status >= 400 AND r.status < 500"),
    "5xx": ("Server errors (5xx)", "r.status >= 500"),
}
OUTCOMES = {
    304: "Unchanged",
    400: "Invalid parameters",
    401: "Unknown API key",
    403: "Access denied",
    404: "Not found",
    406: "Format not available",
    413: "Too large",
    415: "Unsupported body",
    422: "Cannot be counted",
    429: "Too many requests",
    CLIENT_GONE: "Client disconnected",
    503: "Unavailable",
}
SORTS = {"time": Sort("r.at", "timestamptz", descending=True)}
FILTERS = ("key", "advertiser", "endpoint", "status", "from", "to")
COLUMNS = """r.id, r.at, r.token, t.name AS key_name, t.hint AS key_hint, r.advertiser, a.name AS advertiser_name,
    r.endpoint, r.starts_at, r.ends_at, r.status, r.rows, r.accepted, r.rejected, r.sent, r.milliseconds, r.address"""
MOST_MATCHES = 1_000  # keys or advertisers with a name that contains the text of a filter


async def request_log_page(
    request: AnyRequest, layout: PageLayout, template: str, advertiser: UUID | None = None
) -> Response[Any]:
    """With `advertiser`, only this advertiser's requests."""
    list_ = read_list_request(request, SORTS, FILTERS)
    start, end, errors = read_days(list_)
    search = Conditions()
    if advertiser:
        search.add("r.advertiser = {}", advertiser)
    if start:
        search.add("r.at >= {}", start)
    if end:
        search.add("r.at < {}", end)
    add_filters(search, list_.filters, of_staff=advertiser is None)
    s = current_tenant().schema
    async with connection() as db:
        page = await read_list_page(
            db,
            list_,
            COLUMNS,
            f"{s}.request_log r JOIN {s}.api_token t ON t.id = r.token "
            f"LEFT JOIN {s}.advertiser a ON a.id = r.advertiser",
            search.args,
            where=search.where,
            id_="r.id",
            id_type="bigint",
        )
    endpoints = REPORT_ENDPOINTS if advertiser else REPORT_ENDPOINTS + INGEST_ENDPOINTS
    return render_page(
        template,
        layout,
        list=list_,
        errors=errors,
        page=page,
        describe=describe_outcome,
        endpoints=[("", "All"), *((endpoint, endpoint.removeprefix(ROOT)) for endpoint in endpoints)],
        statuses=[(name, label) for name, (label, _) in STATUSES.items()],
        days=settings.request_retention_days,
        root=ROOT,
    )


def add_filters(search: Conditions, filters: Mapping[str, str], *, of_staff: bool) -> None:
    """Ignores unknown values. An advertiser's page has no filter by advertiser."""
    s = current_tenant().schema
    key = filters.get("key", "")
    if (id_ := parse_number(key, LARGEST_ID)) is not None:
        search.add("r.token = {}", id_)
    elif key:
        search.add(
            f"r.token = ANY(ARRAY(SELECT id FROM {s}.api_token WHERE strpos(lower(name), lower({{0}})) > 0 "
            f"OR hint = {{0}} ORDER BY id DESC LIMIT {MOST_MATCHES}))",
            key,
        )
    owner = filters.get("advertiser", "") if of_staff else ""
    if owner:
        try:
            search.add("r.advertiser = {}", UUID(owner))
        except ValueError:
            search.add(
                f"r.advertiser = ANY(ARRAY(SELECT id FROM {s}.advertiser WHERE strpos(lower(name), lower({{}})) > 0 "
                f"LIMIT {MOST_MATCHES}))",
                owner,
            )
    if filters.get("endpoint") in REPORT_ENDPOINTS + INGEST_ENDPOINTS:
        search.add("r.endpoint = {}", filters["endpoint"])
    condition = STATUSES.get(filters.get("status", ""), ("", ""))[1]
    if condition:
        search.add(condition)


def describe_outcome(row: Record) -> tuple[str, str]:
    """The kind of its badge, and what the status means."""
    status = row["status"]
    kind = "success" if status < 400 else "warning" if status in (429, CLIENT_GONE, 503) else "danger"
    return kind, OUTCOMES.get(status, "" if status < 400 else "Internal error" if status >= 500 else "Refused")
