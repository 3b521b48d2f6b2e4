"""The page /changes of one advertiser: what changed a past day, or which days changed lately."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response

from core.timestamps import midnight
from reporting.changes.day_history import (
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
IMPORTS = "imports"  # the parameter with which changes by an import of history are listed, too


class CauseTotal(msgspec.Struct, frozen=True):
    label: str
    changes: int
    difference: SpendMetrics


async def changes_page(request: AnyRequest, layout: PageLayout, site: DrilldownSite) -> Response[Any]:
    """With `date`, a UTC day; without, the days that changed in the last 90 days."""
    tenant, shown = current_tenant(), await read_drilldown(site)
    since = shown.context.now - RECENT
    try:
        pairs = given_pairs(request)
        with_imports = any(name.lower() == IMPORTS for name, _ in pairs)
        pairs = [pair for pair in pairs if pair[0].lower() != IMPORTS]
        shown.given = joined(pairs)
        if "date" in shown.given:
            wanted = parse_explain(pairs)
            history = await read_day_history(tenant, site.advertiser, wanted)
            return day_page(layout, shown, wanted.day, history, with_imports=with_imports)
        wanted = parse_explain([*pairs, ("date", str(since.date()))])
    except Problem as problem:
        if not problem.errors:
            raise
        values = page_values(shown, problem.errors)
        return render_page("drilldown/changed_days.html", layout, status=400, **values, days=None)
    days, complete = await read_changed_days(tenant, site.advertiser, since, wanted.offers, wanted.partners)
    return render_page(
        "drilldown/changed_days.html", layout, **page_values(shown), days=days, complete=complete, since=since.date()
    )


def day_page(
    layout: PageLayout, shown: Drilldown, day: date, history: DayHistory, *, with_imports: bool
) -> Response[Any]:
    """Without imports of history, the figures before the changes are those with what was imported."""
    listed = [change for change in history.changes if with_imports or change.cause != "import"]
    conversions = [each for each in history.explained.conversions if with_imports or each["cause"] != "import"]
    then = None if history.then is None else history.now - add_up(change.difference for change in listed)
    day_of_conversions = {"date_from": day, "date_to": day, "time_zone": "UTC"}
    others = {name: shown.given[name] for name in ("offer_id", "partner_id") if name in shown.given}
    return render_page(
        "drilldown/changes.html",
        layout,
        **page_values(shown),
        day=day,
        history=history,
        then=then,
        changes=listed[: -SHOWN - 1 : -1],
        all_changes=len(listed),
        imported=len(history.changes) - len(listed),
        imports_url=f"{shown.site.root}/changes?{urlencode({**shown.given, IMPORTS: 'show'})}",
        conversions=conversions[: -SHOWN - 1 : -1],
        all_conversions=len(conversions),
        by_cause=totals_by_cause(listed),
        conversions_url=f"{shown.site.root}/conversions?{urlencode(day_of_conversions | others)}",
        recorded=midnight(day) + DAY >= shown.context.recorded_since,
        recorded_since=shown.context.recorded_since,
    )


def page_values(shown: Drilldown, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    money = partial(format_money, currency=shown.context.currency)

    def text(metric: str, value: Any) -> str:
        return money(value) if metric == "cost" else format_count(value)

    return {
        **shown.values(FIELDS, errors),
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
