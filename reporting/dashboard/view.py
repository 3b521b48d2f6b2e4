"""A dashboard's page: what its templates (templates/spend/) show, as text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec

from reporting.dashboard.choices import BREAKDOWNS, BUCKETS, COMPARED, DESCENDING, PERIOD, STAFF_FILTERS, Choices
from reporting.dashboard.figures import SpendMetrics, SpendRow
from reporting.dashboard.options import SHORT_ID, FilterField
from reporting.dashboard.periods import COMPARISONS, CUSTOM, LABELS
from reporting.dashboard.spend import SpendBucket, SpendScope, SpendSummary
from web.pages.formatting import (
    NOTHING,
    format_count,
    format_day_range,
    format_percent,
    long_day,
    os_name,
    plain_decimal,
    round_money,
    with_sign,
)

# The columns of figures: the sort order, the label, and the attribute of SpendMetrics.
COLUMNS = [
    ("cost", "Cost", "cost"),
    ("conversions", "Conversions", "conversions"),
    ("clicks", "Clicks", "clicks"),
    ("views", "Views", "views"),
    ("cpa", "Cost per conversion", "cost_per_conversion"),
    ("rate", "Conversion rate", "conversion_rate"),
]
MONEY = {"cost", "cpa"}


class SpendLinks(msgspec.Struct, frozen=True):
    """Paths: of the page itself and its files; of pages that show details, in which `{advertiser}` stands for an
    advertiser's id; and of the pages of advertisers, offers and partners. None: there are none. `time_zone` is that of
    the days, None if the page of conversions has the same.
    """

    page: str
    export: str
    conversions: str | None = None
    changes: str | None = None
    records: str | None = None
    time_zone: str | None = None


class Figure(msgspec.Struct, frozen=True):
    """`exact` has all digits, if the text has not. `value` is for the chart."""

    text: str
    value: str = ""
    exact: str = ""


class TotalTile(msgspec.Struct, frozen=True):
    """The total of a metric, and how it changed from the days that it is compared with."""

    label: str
    figure: Figure
    change: str
    trend: str
    note: str


class BucketLine(msgspec.Struct, frozen=True):
    """A row of the table of days, weeks or months. `order` is its place in time."""

    order: int
    label: str
    tick: str
    bucket: SpendBucket
    figures: Sequence[Figure]
    previous: Sequence[Figure]
    conversions: str | None
    changes: str | None


class RowName(msgspec.Struct, frozen=True):
    """`query` is the query string that shows only what has this name, or None. `details` tell it apart from others with
    the name. `page` is the path of its own page, or None.
    """

    name: str
    query: str | None
    details: str = ""
    page: str | None = None


class TableLine(msgspec.Struct, frozen=True):
    """A row of the table. `share` is that of the cost in percent, or of the clicks if the cost is 0."""

    names: Sequence[RowName]
    figures: Sequence[Figure]
    share: float
    conversions: str | None


class Heading(msgspec.Struct, frozen=True):
    """A heading that sorts its table. `order` is “ascending”, “descending” or empty."""

    label: str
    query: str
    order: str


def figure(name: str, value: Decimal | int | None, currency: str) -> Figure:
    """`name` is a sort order of COLUMNS."""
    if value is None:
        return Figure(NOTHING)
    if name == "rate":
        return Figure(f"{value * 100:.1f}%", plain_decimal(Decimal(value)), plain_decimal(Decimal(value)))
    if name not in MONEY:
        return Figure(format_count(int(value)), str(value))
    text, exact = round_money(Decimal(value), currency), plain_decimal(Decimal(value))
    rounded = Decimal(exact) != round(Decimal(value), len(text.partition(".")[2]))
    return Figure(text, exact, f"{exact} {currency}" if rounded else "")


def figures(metrics: SpendMetrics, currency: str) -> list[Figure]:
    return [figure(name, getattr(metrics, attribute), currency) for name, _, attribute in COLUMNS]


def column_label(name: str, label: str, currency: str) -> str:
    return f"{label}, {currency}" if name in MONEY else label


def filters_context(
    scope: SpendScope, choices: Choices, fields: Sequence[FilterField], links: SpendLinks
) -> dict[str, Any]:
    """What the filters show."""
    zone = scope.context.time_zone
    return {
        "path": links.page,
        "choices": choices,
        "title": format_day_range(choices.period.first, choices.period.last),
        "zone": "UTC" if zone == "UTC" else zone.replace("_", " "),
        "fields": fields,
        "comparisons": [(name, label) for name, (label, _) in COMPARISONS.items()],
        "choosing_days": choices.comparison == CUSTOM,
        "given": {
            "date_from": str(choices.period.first),
            "date_to": str(choices.period.last),
            "compare_from": str(choices.compared[0]) if choices.compared else "",
            "compare_to": str(choices.compared[1]) if choices.compared else "",
        },
        "presets": [
            (name, label, choices.query(period=name, date_from="", date_to=""), name == choices.period.name)
            for name, label in LABELS.items()
        ],
        "kept": kept(choices),
    }


def kept(choices: Choices) -> dict[str, dict[str, str]]:
    """The choices that each form keeps by hidden fields."""
    forms = {"days": PERIOD, "filters": (*STAFF_FILTERS, *COMPARED)}
    return {
        form: {name: value for name, value in choices.given.items() if name not in own} for form, own in forms.items()
    }


def data_context(scope: SpendScope, choices: Choices, summary: SpendSummary, links: SpendLinks) -> dict[str, Any]:
    """What the totals, the chart and the tables show."""
    currency = scope.context.currency
    return {
        "currency": currency,
        "data_through": scope.context.data_through or scope.tenant.created_at,
        "columns": [(name, column_label(name, label, currency)) for name, label, _ in COLUMNS],
        "metrics": [(name, label) for name, label, _ in COLUMNS],
        "totals": [total_tile(summary, column, currency) for column in COLUMNS],
        "total_figures": figures(summary.totals, currency),
        "compared_with": compared_with(choices, summary),
        "buckets": bucket_lines(choices, summary, currency, links),
        "bucket_name": choices.bucket,
        "bucket_links": [(name, f"By {name}", choices.query(group=name), name == choices.bucket) for name in BUCKETS],
        "bucket_headings": headings(choices, choices.bucket.title(), currency, of_days=True),
        "lines": table_lines(choices, summary, currency, links),
        "table_label": BREAKDOWNS[choices.by][0],
        "breakdowns": [
            (name, label, choices.query(by=name, sort=""), name == choices.by)
            for name, (label, _) in BREAKDOWNS.items()
            if scope.staff or name != "advertiser"
        ],
        "headings": headings(choices, name_label(choices), currency),
        "name_columns": 2 if choices.by == "offer_partner" else 1,
    }


def name_label(choices: Choices) -> str:
    return {"advertiser": "Advertiser", "partner": "Partner", "campaign": "Campaign", "os": "OS"}.get(
        choices.by, "Offer"
    )


def headings(choices: Choices, label: str, currency: str, *, of_days: bool = False) -> list[Heading]:
    """Of the names, then of COLUMNS. A click sorts by that column, and another click reverses the order."""
    parameter = "days_sort" if of_days else "sort"
    descending, sort = choices.days_sort if of_days else (choices.descending, choices.sort)
    made = []
    for name, text in [("name", label), *((name, column_label(name, text, currency)) for name, text, _ in COLUMNS)]:
        here = name == sort
        next_descending = not descending if here else name != "name" or of_days
        order = ("descending" if descending else "ascending") if here else ""
        made.append(Heading(text, choices.query(**{parameter: DESCENDING * next_descending + name}), order))
    return made


def total_tile(summary: SpendSummary, column: tuple[str, str, str], currency: str) -> TotalTile:
    name, label, attribute = column
    now = getattr(summary.totals, attribute)
    shown = figure(name, now, currency)
    label = column_label(name, label, currency)
    if summary.compared is None:
        return TotalTile(label, shown, "", "", "")
    before = getattr(summary.compared, attribute)
    note = f"from {figure(name, before, currency).text}"
    if now is None or before is None:
        return TotalTile(label, shown, "", "", note)
    difference = Decimal(now) - Decimal(before)
    trend = "up" if difference > 0 else "down" if difference < 0 else ""
    if not difference:
        change = "No change"
    elif before:
        change = format_percent((difference / Decimal(before) * 100).quantize(Decimal("0.1")))
    else:
        change = with_sign(figure(name, difference, currency).text)
    return TotalTile(label, shown, change, trend, note)


def compared_with(choices: Choices, summary: SpendSummary) -> str:
    """Such as “Previous 7 days, until the same hour”."""
    comparison = summary.comparison
    if comparison is None:
        return ""
    days = choices.period.days
    if comparison.name == "previous":
        text = "Previous day" if days == 1 else f"Previous {days} days"
    elif comparison.name == CUSTOM:
        text = format_day_range(comparison.first, comparison.last)
    else:
        text = COMPARISONS[comparison.name][0]
        text = text.replace("days", "day") if days == 1 else text
    return f"{text}, until the same hour" if comparison.until else text


def bucket_lines(choices: Choices, summary: SpendSummary, currency: str, links: SpendLinks) -> list[BucketLine]:
    lines = [
        BucketLine(
            order=order,
            label=bucket_label(choices.bucket, bucket),
            tick=f"{bucket.first:%b %Y}" if choices.bucket == "month" else f"{bucket.first.day} {bucket.first:%b}",
            bucket=bucket,
            figures=figures(bucket.metrics, currency),
            previous=figures(bucket.previous, currency) if bucket.previous else (),
            conversions=conversions_url(choices, links, bucket.first, bucket.last),
            changes=changes_url(choices, links, bucket),
        )
        for order, bucket in enumerate(summary.buckets)
    ]
    descending, sort = choices.days_sort
    attribute = next((attribute for name, _, attribute in COLUMNS if name == sort), None)
    if attribute is None:
        return lines[::-1] if descending else lines

    def rank(line: BucketLine) -> tuple[bool, Decimal]:
        """Nothing comes last in both directions."""
        value = getattr(line.bucket.metrics, attribute)
        return (value is None) != descending, Decimal(value or 0)

    return sorted(lines, key=rank, reverse=descending)


def bucket_label(bucket: str, part: SpendBucket) -> str:
    if bucket == "day":
        return long_day(part.first)
    if bucket == "month" and part.first.day == 1:
        return f"{part.first:%B %Y}"
    return format_day_range(part.first, part.last)


def table_lines(choices: Choices, summary: SpendSummary, currency: str, links: SpendLinks) -> list[TableLine]:
    metric = "cost" if summary.totals.cost else "clicks"
    whole = getattr(summary.totals, metric)
    times = Counter(named_values(row) for row in summary.rows)
    return [
        TableLine(
            names=row_names(row, choices, links, ambiguous=times[named_values(row)] > 1),
            figures=figures(row.metrics, currency),
            share=round(float(getattr(row.metrics, metric) / whole * 100), 1) if whole else 0.0,
            conversions=conversions_url(choices, links, choices.period.first, choices.period.last, row.values),
        )
        for row in summary.rows
    ]


def named_values(row: SpendRow) -> tuple[Any, ...]:
    """What the page shows of a row besides its ids."""
    return tuple(row.values.get(name) for name in ("advertiserName", "offerName", "partnerName", "os", "campaign"))


def row_names(row: SpendRow, choices: Choices, links: SpendLinks, *, ambiguous: bool) -> list[RowName]:
    values = row.values
    next_by = {"advertiser": "offer", "offer": "partner", "partner": "offer"}.get(choices.by, "")

    def named(kind: str, *details: str | None) -> RowName:
        parameter, id_ = f"{kind}_id", str(values[f"{kind}Id"])
        only = choices.filters.get(parameter) == id_
        short = id_[:SHORT_ID] if ambiguous else None
        return RowName(
            name=values[f"{kind}Name"],
            query=None if only else choices.query(**{parameter: id_, "by": next_by}),
            details=" · ".join(filter(None, [*details, short])),
            page=f"{links.records}/{kind}s/{id_}" if links.records else None,
        )

    match choices.by:
        case "advertiser" | "partner":
            return [named(choices.by)]
        case "campaign" | "os":
            value = values[choices.by]
            label = (os_name(value) if choices.by == "os" else value) or "None"
            chosen = choices.filters.get(choices.by) == value
            return [
                RowName(label, choices.query(**{choices.by: value, "by": "offer"}) if value and not chosen else None)
            ]
    offer = named("offer", values.get("advertiserName"), os_name(values["os"]), values["campaign"])
    return [offer, named("partner")] if choices.by == "offer_partner" else [offer]


def changes_url(choices: Choices, links: SpendLinks, bucket: SpendBucket) -> str | None:
    """The page with what changed a restated day."""
    path = path_for(links.changes, choices.filters.get("advertiser_id"))
    return f"{path}?{urlencode({'date': bucket.restated_day})}" if path and bucket.restated_day else None


def conversions_url(
    choices: Choices, links: SpendLinks, first: date, last: date, row: Mapping[str, Any] | None = None
) -> str | None:
    """The page with the conversions that a row counts; None if there is none for the filters."""
    row = row or {}
    path = path_for(links.conversions, row.get("advertiserId") or choices.filters.get("advertiser_id"))
    if path is None or not {"os", "campaign"}.isdisjoint(choices.filters) or choices.by in row:
        return None
    query = {"date_from": str(first), "date_to": str(last)}
    if links.time_zone:
        query["time_zone"] = links.time_zone
    for name, column in ("offer_id", "offerId"), ("partner_id", "partnerId"):
        if value := row.get(column) or choices.filters.get(name):
            query[name] = str(value)
    return f"{path}?{urlencode({**query, 'status': 'Success'})}"


def path_for(path: str | None, advertiser: Any) -> str | None:
    """None if the path needs an advertiser and there is none."""
    if path is None or ("{advertiser}" in path and not advertiser):
        return None
    return path.format(advertiser=advertiser)
