"""The OpenAPI description of GET /api/v1/reports/query: parameters, response and examples."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from reporting.changes.snapshot_token import MAX_AS_OF
from reporting.query.columns import ApiGroup, Metric
from reporting.query.parameters import MAX_LIMIT, PERIODS
from web.operations import CSV, JSON, NDJSON, PARQUET, XLSX, Amount, Count, Instant, Operation

TAG = "Reports"
DAY_OR_INSTANT = {"anyOf": [{"format": "date"}, {"format": "date-time"}]}
UNIQUE = {"uniqueItems": True}
TEXT = r'^[^\s",]([^",\u0000-\u001f\u007f]*[^\s",])?$'
OR = "Repeat it or separate values by commas: rows of any of them count. Different filters are combined by AND."
QUOTED = 'A value that contains a comma is put in double quotes, as in CSV: `"Chess, the game"`.'

DayOrInstant = Annotated[str, Meta(max_length=40, extra_json_schema=DAY_OR_INSTANT)]
Period = Annotated[
    str, Meta(pattern=r"^(today|yesterday|last_[1-9]\d{0,3}_days|this_month|last_month)$", max_length=20)
]
ZoneName = Annotated[str, Meta(max_length=64)]
Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT, extra_json_schema={"format": "int32"})]
Name = Annotated[str, Meta(max_length=500)]
Text = Annotated[str, Meta(pattern=TEXT, max_length=500)]
Ratio = Amount | None
System = Literal["IOS", "ANDROID", "WEB"]


class QueryParameters(msgspec.Struct):
    """The parameters. Names and listed values are not case-sensitive."""

    date_from: Annotated[
        DayOrInstant | None,
        Meta(
            description="First day or date-time of the report, in its time zone; required unless `period` is given. A "
            "date-time means the quarter of an hour that contains it. Without an offset it is local; of a local time "
            "that is repeated when clocks are put back, the first is meant; one that is skipped is an error.",
            examples=["2025-05-01"],
        ),
    ] = None
    date_to: Annotated[
        DayOrInstant | None,
        Meta(
            description="Last day or date-time, **inclusive**; required unless `period` is given. A date, or a "
            "date-time at midnight, includes that whole day. Of a repeated local time, the second is meant.",
            examples=["2025-05-31"],
        ),
    ] = None
    period: Annotated[
        Period | None,
        Meta(
            description=f"Instead of `date_from` and `date_to`: {', '.join(f'`{each}`' for each in PERIODS)}. The last "
            "N days include today.",
        ),
    ] = None
    time_zone: Annotated[
        ZoneName | None,
        Meta(
            description="The IANA name of the time zone, such as `America/New_York`, in which hours, days, weeks and "
            "months begin and end. Default: the advertiser's.",
        ),
    ] = None
    group_by: Annotated[
        list[ApiGroup],
        Meta(
            description="What a row is: a time bucket (a week begins on Monday), an offer, … Repeat it or separate "
            "values by commas. Default: one row of totals.",
            max_length=9,
            extra_json_schema=UNIQUE,
        ),
    ] = []
    metrics: Annotated[
        list[Metric],
        Meta(
            description="The figures of a row. Default: the first four. Ratios have six places; they are null if the "
            "denominator is 0.",
            max_length=8,
            extra_json_schema=UNIQUE,
        ),
    ] = []
    offer_id: Annotated[list[UUID], Meta(description=f"Only these offers. {OR}", max_length=100)] = []
    partner_id: Annotated[list[UUID], Meta(description=f"Only these partners. {OR}", max_length=100)] = []
    os: Annotated[list[System], Meta(description=f"Only offers for these operating systems. {OR}", max_length=3)] = []
    app: Annotated[
        list[Text],
        Meta(description=f"Only offers of apps with one of these names or store ids. {OR} {QUOTED}", max_length=100),
    ] = []
    campaign: Annotated[
        list[Text],
        Meta(description=f"Only offers with one of these campaign names. {OR} {QUOTED}", max_length=100),
    ] = []
    zeros: Annotated[
        bool,
        Meta(
            description="Whether each time bucket without data that has begun has a row, with null for groups other "
            "than time. Requires a time group."
        ),
    ] = False
    sort: Annotated[
        list[Annotated[str, Meta(max_length=20)]],
        Meta(
            description="Groups of `group_by` and any metrics, separated by commas; `-` before a name sorts in "
            "descending order. Null comes last. Default: the order of `group_by`.",
            max_length=17,
            examples=[["-cost"]],
        ),
    ] = []
    limit: Annotated[
        Limit | None,
        Meta(description="At most so many rows. `totals` cover all rows."),
    ] = None
    as_of: Annotated[
        Annotated[str, Meta(max_length=MAX_AS_OF)] | None,
        Meta(
            description="As of an earlier time: the `snapshot` of a response reproduces its figures exactly, and a "
            "date-time (in UTC if it has no offset) those recorded until then. All days of the range must have ended "
            "by then, in UTC or in the advertiser's time zone. Names are the present ones."
        ),
    ] = None
    decimals: Annotated[
        Literal["number", "string"],
        Meta(description="Whether JSON has decimals as numbers, or as strings for clients that would lose digits."),
    ] = "number"
    format: Annotated[
        Literal["json", "ndjson", "csv", "xlsx", "parquet"] | None,
        Meta(description="The format of the response. Default: by the header Accept, else `json`."),
    ] = None


class QueryRow(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A row has the fields of its groups and metrics."""

    id: Annotated[
        str,
        Meta(
            description="Identifies the row: the same for the same query, whatever its figures.",
            pattern="^[0-9a-f]{32}$",
            max_length=32,
        ),
    ]
    hour: Annotated[Instant | UnsetType, Meta(description="The start of the local hour, with its offset.")] = UNSET
    day: Annotated[date | UnsetType, Meta(description="The local day.")] = UNSET
    week: Annotated[date | UnsetType, Meta(description="The Monday of the local week.")] = UNSET
    month: Annotated[date | UnsetType, Meta(description="The first day of the local month.")] = UNSET
    offer_id: Annotated[UUID | UnsetType | None, Meta(description="The offer.")] = UNSET
    offer_name: Annotated[Name | UnsetType | None, Meta(description="Its name as users see it.")] = UNSET
    partner_id: Annotated[UUID | UnsetType | None, Meta(description="The partner that showed the offer.")] = UNSET
    partner_name: Annotated[Name | UnsetType | None, Meta(description="Its name.")] = UNSET
    app: Annotated[Name | UnsetType | None, Meta(description="The app's name.")] = UNSET
    store_id: Annotated[Name | UnsetType | None, Meta(description="Its id in the store.")] = UNSET
    os: Annotated[System | UnsetType | None, Meta(description="The operating system.")] = UNSET
    campaign: Annotated[Name | UnsetType | None, Meta(description="The advertiser's own name for the offer.")] = UNSET
    cost: Annotated[Amount | UnsetType, Meta(description="Of conversions of status `Success`.")] = UNSET
    conversions: Annotated[Count | UnsetType, Meta(description="Those of status `Success`.")] = UNSET
    clicks: Annotated[Count | UnsetType, Meta(description="Users sent on to the advertiser.")] = UNSET
    views: Annotated[Count | UnsetType, Meta(description="How often the offer's page was opened.")] = UNSET
    cost_per_conversion: Annotated[Ratio | UnsetType, Meta(description="cost / conversions.")] = UNSET
    cost_per_click: Annotated[Ratio | UnsetType, Meta(description="cost / clicks.")] = UNSET
    conversion_rate: Annotated[Ratio | UnsetType, Meta(description="conversions / clicks.")] = UNSET
    click_rate: Annotated[Ratio | UnsetType, Meta(description="clicks / views.")] = UNSET
    state: Annotated[
        Literal["open", "provisional", "final"] | UnsetType,
        Meta(description="With a time group: the state of its last day that is in the range."),
    ] = UNSET


class QueryTotals(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The metrics of all rows together."""

    cost: Annotated[Amount | UnsetType, Meta(description="The sum.")] = UNSET
    conversions: Annotated[Count | UnsetType, Meta(description="The sum.")] = UNSET
    clicks: Annotated[Count | UnsetType, Meta(description="The sum.")] = UNSET
    views: Annotated[Count | UnsetType, Meta(description="The sum.")] = UNSET
    cost_per_conversion: Annotated[Ratio | UnsetType, Meta(description="Of the sums.")] = UNSET
    cost_per_click: Annotated[Ratio | UnsetType, Meta(description="Of the sums.")] = UNSET
    conversion_rate: Annotated[Ratio | UnsetType, Meta(description="Of the sums.")] = UNSET
    click_rate: Annotated[Ratio | UnsetType, Meta(description="Of the sums.")] = UNSET


class QueryMeta(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """About the response."""

    range: Annotated[str, Meta(description="The resolved range, half-open, in UTC.", max_length=50)]
    time_zone: Annotated[str, Meta(description="IANA name.", max_length=64)]
    currency: Annotated[str, Meta(description="Of all amounts (ISO 4217).", pattern="^[A-Z]{3}$", max_length=3)]
    rows: Annotated[Count, Meta(description="The number of rows of the response.")]
    data_through: Annotated[Instant, Meta(description="Until when data had been received.")]
    final_through: Annotated[date, Meta(description="The last final day.")]
    provisional_from: Annotated[date, Meta(description="The day after it.")]
    complete: Annotated[bool, Meta(description="Always true: an incomplete response ends without `meta`.")]
    snapshot: Annotated[str, Meta(description="Identifies the figures that were read.", max_length=MAX_AS_OF)]


class QueryReport(msgspec.Struct, forbid_unknown_fields=True):
    """The rows, their totals, and about them."""

    data: list[QueryRow]
    totals: QueryTotals
    meta: QueryMeta


META = {
    "range": "2025-05-01T04:00:00Z/2025-06-01T04:00:00Z",
    "timeZone": "America/New_York",
    "currency": "USD",
    "rows": 1,
    "dataThrough": "2025-06-02T06:12:40Z",
    "finalThrough": "2025-05-02",
    "provisionalFrom": "2025-05-03",
    "complete": True,
    "snapshot": "sRG9jdW1lbnRhdGlvbg",
}
ROW = {
    "id": "0f343b0931126a20f133d67c2b018a3b",
    "day": "2025-05-19",
    "offerId": "7df30136-ff83-4551-b877-fa0f0d8b8f72",
    "offerName": "Advertised Test",
    "cost": 69.5,
    "conversions": 3,
    "clicks": 5,
    "views": 5,
    "state": "provisional",
}
TOTALS = {"cost": 69.5, "conversions": 3, "clicks": 5, "views": 5}

QUERY = Operation(
    id="getQuery",
    tag=TAG,
    summary="Figures by time, offer, partner, app, operating system or campaign",
    scopes=("cost-report",),
    parameters=QueryParameters,
    responses={JSON: QueryReport, NDJSON: QueryRow, CSV: None, XLSX: None, PARQUET: None},
    examples={
        JSON: {"data": [ROW], "totals": TOTALS, "meta": META},
        NDJSON: f"{msgspec.json.encode(ROW).decode()}\n",
        CSV: ",".join(ROW) + "\n" + ",".join(map(str, ROW.values())) + "\n",
    },
    headers=(
        *("GoKart-Range", "GoKart-Data-Through", "ETag", "Cache-Control", "Vary"),
        *("GoKart-Rows?", "Content-Disposition?"),
    ),
)
