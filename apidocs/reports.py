"""The reports' part of the document: two reports, each as JSON and CSV, one under two spellings, by GET and HEAD."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from apidocs.errors import failures, without_body
from apidocs.parts import RATE_LIMITS, Json, headers, ref, schema, schemas_of
from reporting.api import OLD_ROOT, ROOT
from reporting.changes.snapshot_token import MAX_AS_OF
from web.operations import Count

DATE_FROM = (
    "First day or date-time of the report. A date is a whole UTC day. A date-time (in UTC if it has no offset) means "
    "the quarter of an hour that contains it, or the whole day if that is long ago (`GoKart-Notice`). At most "
    "9999-12-30."
)
DATE_TO = (
    "Last day or date-time of the report, **inclusive**, not before `date_from`. A date, or a date-time at exactly "
    "midnight, includes that whole UTC day; any other date-time includes the quarter of an hour that contains it."
)
OFFER = "Only this offer. If it does not exist or belongs to another advertiser, the report has no rows."
IN_EITHER = "Required, here or in the body. The name is not case-sensitive."

AS_OF = (
    "As of an earlier time: a `snapshot` token from a response reproduces its figures exactly, and a date-time (in UTC "
    "if it has no offset) those recorded until then. All days of the range must have ended by then. Names are the "
    "present ones."
)
AS_OF_SCHEMA = {"type": "string", "pattern": "^[ -~]*$", "maxLength": MAX_AS_OF}

DAY_OR_INSTANT = {"type": "string", "maxLength": 40, "anyOf": [{"format": "date"}, {"format": "date-time"}]}
UUID_SCHEMA = {"type": "string", "format": "uuid"}

FILTER_EXAMPLE = {"date_from": "2024-01-22", "date_to": "2025-01-22"}
OFFER_EXAMPLE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

ON_EVERY_REPORT = (
    *("GoKart-Range", "GoKart-Notice", "GoKart-Data-Through", "ETag", "Cache-Control", "Vary", "X-Request-Id"),
    *RATE_LIMITS,
)


def query_parameter(name: str, description: str, schema: Json, **more: object) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def header_parameter(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


PARAMETERS: Json = {
    "date_from": query_parameter(
        "date_from",
        f"{DATE_FROM} {IN_EITHER}",
        DAY_OR_INSTANT,
        required=True,
        example=FILTER_EXAMPLE["date_from"],
    ),
    "date_to": query_parameter(
        "date_to", f"{DATE_TO} {IN_EITHER}", DAY_OR_INSTANT, required=True, example=FILTER_EXAMPLE["date_to"]
    ),
    "offerId": query_parameter(
        "offerId",
        f"{OFFER} Here or in the body. The name is not case-sensitive.",
        UUID_SCHEMA | {"examples": [OFFER_EXAMPLE]},
    ),
    "as_of": query_parameter("as_of", f"{AS_OF} Here or in the body.", AS_OF_SCHEMA),
    "If-None-Match": header_parameter(
        "If-None-Match", "The `ETag` of an earlier response. The response is 304 if the report has not changed."
    ),
    "X-Request-Id": header_parameter(
        "X-Request-Id", "Your own id for this request; it consists of 1 to 100 of `A-Z a-z 0-9 . _ -`."
    ),
}


def filter_schema(description: str, **more: Json) -> Json:
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": {
            "date_from": nullable(DAY_OR_INSTANT, DATE_FROM),
            "date_to": nullable(DAY_OR_INSTANT, DATE_TO),
            "as_of": nullable(AS_OF_SCHEMA, AS_OF),
            **more,
        },
    }


def nullable(schema: Json, description: str) -> Json:
    return {"anyOf": [schema, {"type": "null"}], "description": f"{description} Null means absent."}


Text = Annotated[str, Meta(max_length=500)]
Cost = Annotated[float, Meta(extra_json_schema={"minimum": 0})]


class CostReportRow(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """One offer and partner with at least one number other than zero in the range."""

    offer_id: Annotated[UUID, Meta(description="The offer.")]
    offer_name: Annotated[Text, Meta(description="The name of the offer as users see it.")]
    total_conversions: Annotated[
        Count,
        Meta(
            description="Conversions of status `Success`, each counted at the time it was completed (UTC).",
        ),
    ]
    total_clicks: Annotated[Count, Meta(description="The number of times a user was sent on to the advertiser.")]
    total_views: Annotated[Count, Meta(description="The number of times the offer's page was opened.")]
    revenue: Annotated[
        Cost,
        Meta(
            description="What the advertiser owes for these conversions: the network's revenue, your cost. An exact "
            "decimal with up to six places; parse it as a decimal, not as a binary float."
        ),
    ]
    publisher_name: Annotated[Text, Meta(description="The partner that showed the offer.")]


class CostReport(msgspec.Struct, forbid_unknown_fields=True):
    """Ordered by offerName, publisherName (by code point), offerId, partner."""

    data: list[CostReportRow]


class SingularItem(msgspec.Struct, forbid_unknown_fields=True):
    """One offer and partner on one UTC day with a cost or clicks other than zero."""

    date: Annotated[date, Meta(description="The UTC day.")]
    offer_name: Annotated[Text, Meta(description="The name of the offer as users see it. Singular's campaign name.")]
    partner_id: Annotated[UUID, Meta(description="The partner. Singular's publisher site.")]
    app: Annotated[Text | None, Meta(description="The name of the app; null if the offer has none.")]
    store_id: Annotated[
        Text | None, Meta(description="`com.test`, or an App Store number; null if the offer has none.")
    ]
    os: Annotated[Literal["IOS", "ANDROID", "WEB"] | None, Meta(description="Null if the offer has none.")]
    campaign_name: Annotated[
        Text | None, Meta(description="The advertiser's own name for the offer; null if it has none.")
    ]
    campaign_id: Annotated[UUID, Meta(description="The offer. Singular's campaign id.")]
    cost: Annotated[
        Cost,
        Meta(
            description="What the advertiser owes for the day's `Success` conversions: an exact decimal with up to six "
            "places. The sum over all days equals the cost report's `revenue`. Singular's original cost."
        ),
    ]
    clicks: Annotated[Count, Meta(description="The number of times a user was sent on to the advertiser.")]


class SingularData(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """When the report was generated, and its items."""

    generated_at: Annotated[str, Meta(description="UTC.", extra_json_schema={"format": "date-time"})]
    items: Annotated[list[SingularItem], Meta(description="Ordered by date, campaign_id, partner_id.")]


class SingularReport(msgspec.Struct, forbid_unknown_fields=True):
    """The report."""

    data: SingularData


SCHEMAS: Json = {
    "CostReportFilter": filter_schema(
        "The filter as the body of a GET request. A field in both the body and the query must have the same value.",
        offerId=nullable(UUID_SCHEMA, OFFER),
    ),
    "SingularFilter": filter_schema(
        "The filter as the body of a GET request. A field in both the body and the query must have the same value."
    ),
} | schemas_of(CostReport, SingularReport)


class DocumentedReport(msgspec.Struct, frozen=True):
    """`scope` is what an API key needs; `schema` and `filter` name components; `rows` are an example."""

    tag: str
    name: str
    scope: str
    parameters: tuple[str, ...]
    filter: str
    schema: str
    summary: str
    description: str
    rows: tuple[Json, ...]
    document: Json


COST_ROWS = (
    {
        "offerId": "7df30136-ff83-4551-b877-fa0f0d8b8f72",
        "offerName": "Advertised Test",
        "totalConversions": 3,
        "totalClicks": 5,
        "totalViews": 5,
        "revenue": 69,
        "publisherName": "Limestone Digital",
    },
    {
        "offerId": "4bbd29ab-c88e-432f-94c8-610790333d32",
        "offerName": "Spin Royale",
        "totalConversions": 0,
        "totalClicks": 3,
        "totalViews": 27,
        "revenue": 0,
        "publisherName": "Limestone Digital",
    },
)
SINGULAR_ITEMS = (
    {
        "date": "2025-05-28",
        "offer_name": "Test",
        "partner_id": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
        "app": "Test App",
        "store_id": "com.test",
        "os": "ANDROID",
        "campaign_name": "AOS_TEST_2025",
        "campaign_id": "7df30136-ff83-4551-b877-fa0f0d8b8f72",
        "cost": 69.5,
        "clicks": 100,
    },
)

COST_REPORT = DocumentedReport(
    tag="Cost report",
    name="cost report",
    scope="cost-report",
    parameters=("date_from", "date_to", "offerId", "as_of", "If-None-Match", "X-Request-Id"),
    filter="CostReportFilter",
    schema="CostReport",
    summary="Conversions, clicks, views and cost of each offer and partner",
    description="One row per offer and partner with at least one number other than zero in the range. Only "
    "conversions with the status `Success` count and cost. The numbers of past days change as conversions are "
    "completed or rejected. Requires an API key with the scope `cost-report`.",
    rows=COST_ROWS,
    document={"data": list(COST_ROWS)},
)
SINGULAR = DocumentedReport(
    tag="Singular",
    name="Singular report",
    scope="singular",
    parameters=("date_from", "date_to", "as_of", "If-None-Match", "X-Request-Id"),
    filter="SingularFilter",
    schema="SingularReport",
    summary="Cost and clicks of each UTC day, offer and partner",
    description="One item per UTC day, offer and partner with a cost or clicks other than zero. If the range starts "
    "or ends with a date-time, only that part of the day is included. Requires an API key with the scope `singular` "
    "and an advertiser for which Singular is enabled; otherwise the response is 403, never an empty 200.",
    rows=SINGULAR_ITEMS,
    document={"data": {"generatedAt": "2025-05-28T03:06:28.565Z", "items": list(SINGULAR_ITEMS)}},
)


def report_paths() -> Json:
    return {
        f"{ROOT}/json": path(COST_REPORT, "json", "CostReportJson"),
        f"{ROOT}/csv": path(COST_REPORT, "csv", "CostReportCsv"),
        f"{OLD_ROOT}/json": path(COST_REPORT, "json", "CostReportingGoKartJson"),
        f"{OLD_ROOT}/csv": path(COST_REPORT, "csv", "CostReportingGoKartCsv"),
        f"{ROOT}/singular/json": path(SINGULAR, "json", "SingularJson"),
        f"{ROOT}/singular/csv": path(SINGULAR, "csv", "SingularCsv"),
    }


def path(report: DocumentedReport, form: str, operation: str) -> Json:
    """GET and HEAD of a report as `form`, "json" or "csv"."""
    return {
        "get": {
            "operationId": f"get{operation}",
            "summary": f"{report.summary} ({form.upper()})",
            "description": report.description,
            **common(report),
            "responses": responses(report, form),
        },
        "head": {
            "operationId": f"head{operation}",
            "summary": f"Only the headers of the {report.name} ({form.upper()})",
            "description": "As GET, without the body.",
            **common(report),
            "responses": without_body(responses(report, form)),
        },
    }


def common(report: DocumentedReport) -> Json:
    example = FILTER_EXAMPLE | ({"offerId": OFFER_EXAMPLE} if report is COST_REPORT else {})
    return {
        "tags": [report.tag],
        "security": [{"ApiToken": []}],
        "parameters": [ref("parameters", name) for name in report.parameters],
        "requestBody": {
            "description": "The filter, for clients that send a body with GET requests. The query works too.",
            "required": False,
            "content": {"application/json": {"schema": schema(report.filter), "example": example}},
        },
    }


def responses(report: DocumentedReport, form: str) -> Json:
    of_form = {
        "json": {"headers": headers(*ON_EVERY_REPORT, "GoKart-Rows"), "content": json_content(report)},
        "csv": {"headers": headers(*ON_EVERY_REPORT, "Content-Disposition"), "content": csv_content(report)},
    }
    return {
        "200": {"description": "The report.", **of_form[form]},
        "304": {
            "description": "The report has not changed since the `ETag` in If-None-Match.",
            "headers": headers(*ON_EVERY_REPORT),
        },
        **{str(status): ref("responses", name) for status, name in failures("InvalidFilter").items()},
    }


def json_content(report: DocumentedReport) -> Json:
    return {"application/json": {"schema": schema(report.schema), "example": report.document}}


def csv_content(report: DocumentedReport) -> Json:
    lines = [",".join(report.rows[0]), *(",".join(str(value) for value in row.values()) for row in report.rows)]
    return {
        "text/csv": {
            "schema": {
                "type": "string",
                "contentMediaType": "text/csv",
                "description": "UTF-8, quoted as in RFC 4180, with a header row. The columns are the fields of the "
                "JSON rows in the same order. Null is an empty field. If an error occurs while the report is being "
                "sent, the connection is aborted, which HTTP clients report as an error. Discard such a report.",
            },
            "example": "\n".join([*lines, ""]),
        }
    }
