"""The page /changes of one advertiser: what changed a past day, or which days changed lately."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from asyncpg import Record
from litestar import Response

from core.timestamps import midnight
from reporting.changes.day_history import (
    ChangedDay,
    DayHistory,
    FigureChange,
    amount_of,
    read_changed_days,
    read_day_history,
)
from reporting.changes.explain import parse_explain
from reporting.dashboard.figures import SpendMetrics, add_up
from reporting.drilldown.site import CAUSES, MOVED_AWAY, Drilldown, DrilldownSite, given_pairs, joined, read_drilldown
from reporting.ranges import DAY
from tenants.tenant import current_tenant
from web.pages.formatting import format_count, format_money, with_sign
from web.pages.rendering import PageLayout, render_page
from web.problems import FieldError, Problem
from web.requests import AnyRequest

FIELDS = ("date", "offer_id", "partner_id")
METRICS = {"cost": "Cost", "conversions": "Conversions", "clicks": "Clicks", "views": "Views"}
SHOWN = 200  # of each list, the newest
RECENT = timedelta(days=90)
TABLES = ("figures", "conversions")  # of a day
IMPORTS = "imports"  # the parameter with which changes by an import of history are listed, too


class ChangedDays(msgspec.Struct, frozen=True):
    """Newest change first. `complete`: there are no more since then."""

    days: Sequence[ChangedDay]
    complete: bool
    since: date


class ChangesOfDay(msgspec.Struct, frozen=True):
    """Of a UTC day. `changes` of figures and `conversions` are what is listed of the history, in order of time:
    without imports of history, or `with_imports`.
    """

    day: date
    history: DayHistory
    changes: Sequence[FigureChange]
    conversions: Sequence[Record]
    with_imports: bool


class CauseTotal(msgspec.Struct, frozen=True):
    label: str
    changes: int
    difference: SpendMetrics


async def changes_page(request: AnyRequest, layout: PageLayout, site: DrilldownSite) -> Response[Any]:
    """With `date`, a UTC day; without, the days that changed in the last 90 days."""
    shown = await read_drilldown(site)
    try:
        found = await read_changes(given_pairs(request), shown)
    except Problem as problem:
        if not problem.errors:
            raise
        values = await page_values(shown, problem.errors)
        return render_page("drilldown/changed_days.html", layout, status=400, **values, days=None)
    if isinstance(found, ChangesOfDay):
        return await day_page(layout, shown, found)
    return render_page(
        "drilldown/changed_days.html",
        layout,
        **await page_values(shown),
        days=found.days,
        complete=found.complete,
        since=found.since,
        export=export_url(shown),
    )


async def read_changes(
    pairs: Sequence[tuple[str, str]], shown: Drilldown, max_days: int | None = SHOWN
) -> ChangedDays | ChangesOfDay:
    """Of the page's filters; `shown` gets what is given. Raises Problem 400, and DatabaseUnavailable."""
    tenant, advertiser = current_tenant(), shown.site.advertiser
    shown.given = joined(pairs)
    with_imports = shown.given.pop(IMPORTS, None) is not None
    filters = [pair for pair in pairs if pair[0].lower() != IMPORTS]
    if "date" in shown.given:
        wanted = parse_explain(filters)
        history = await read_day_history(tenant, advertiser, wanted)
        return ChangesOfDay(
            wanted.day,
            history,
            [change for change in history.changes if with_imports or change.cause != "import"],
            [each for each in history.explained.conversions if with_imports or each["cause"] != "import"],
            with_imports,
        )
    since = shown.context.now - RECENT
    wanted = parse_explain([*filters, ("date", str(since.date()))])
    days, complete = await read_changed_days(tenant, advertiser, since, wanted.offers, wanted.partners, limit=max_days)
    return ChangedDays(days, complete, since.date())


async def day_page(layout: PageLayout, shown: Drilldown, found: ChangesOfDay) -> Response[Any]:
    """Without imports of history, the figures before the changes are those with what was imported."""
    day, history, listed = found.day, found.history, found.changes
    then = None if history.then is None else history.now - add_up(change.difference for change in listed)
    changes, conversions = listed[: -SHOWN - 1 : -1], found.conversions[: -SHOWN - 1 : -1]
    shown_imports = {IMPORTS: "show"} if found.with_imports else {}
    day_of_conversions = {"date_from": day, "date_to": day, "time_zone": "UTC"}
    others = {name: shown.given[name] for name in ("offer_id", "partner_id") if name in shown.given}
    return render_page(
        "drilldown/changes.html",
        layout,
        **await page_values(
            shown,
            offers=[*(each.offer for each in changes), *(each["offer"] for each in conversions)],
            partners=[*(each.partner for each in changes), *(each["partner"] for each in conversions)],
        ),
        day=day,
        history=history,
        then=then,
        changes=changes,
        all_changes=len(listed),
        imported=len(history.changes) - len(listed),
        imports_url=f"{shown.site.root}/changes?{urlencode({**shown.given, IMPORTS: 'show'})}",
        conversions=conversions,
        all_conversions=len(found.conversions),
        by_cause=totals_by_cause(listed),
        conversions_url=f"{shown.site.root}/conversions?{urlencode(day_of_conversions | others)}",
        recorded=midnight(day) + DAY >= shown.context.recorded_since,
        recorded_since=shown.context.recorded_since,
        exports={table: export_url(shown, **shown_imports, table=table) for table in TABLES},
    )


def export_url(shown: Drilldown, **parameters: str) -> str:
    """Of the CSV file with what the page lists."""
    query = urlencode(shown.given | parameters)
    return f"{shown.site.root}/changes.csv{'?' if query else ''}{query}"


async def page_values(
    shown: Drilldown,
    errors: Sequence[FieldError] = (),
    *,
    offers: Iterable[UUID] = (),
    partners: Iterable[UUID] = (),
) -> dict[str, Any]:
    money = partial(format_money, currency=shown.context.currency)

    def text(metric: str, value: Any) -> str:
        return money(value) if metric == "cost" else format_count(value)

    return {
        **await shown.values(FIELDS, errors, offers=offers, partners=partners),
        "metrics": METRICS,
        "zone": shown.context.time_zone,
        "last_day": shown.context.now.date() - DAY,
        "money": lambda millionths: money(amount_of(millionths)),
        "text": text,
        "signed": lambda metric, value: with_sign(text(metric, value)),
        "day_url": lambda day: f"{shown.site.root}/changes?{urlencode({**shown.given, 'date': day})}",
    }


def totals_by_cause(changes: Sequence[FigureChange]) -> list[CauseTotal]:
    by_cause: dict[str, list[FigureChange]] = {}
    for change in changes:
        by_cause.setdefault(MOVED_AWAY if change.moved_away else CAUSES[change.cause], []).append(change)
    return [
        CauseTotal(label, len(found), add_up(each.difference for each in found)) for label, found in by_cause.items()
    ]
