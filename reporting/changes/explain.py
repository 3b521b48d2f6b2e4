"""What GET /api/v1/reports/changes/explain says: what changed a past day, and which conversions did."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from asyncpg import Record
from msgspec import Meta

from core.timestamps import iso, midnight
from database.pool import PooledConnection
from database.sql import SqlFile
from database.transactions import primary_snapshot
from reporting.changes.status import UtcTime
from reporting.context import ReportContext, read_context
from reporting.conversions.document import Status
from reporting.filters import DATE, LAST_DAY
from reporting.list_parameters import ParameterReader, read_uuids
from reporting.ranges import DAY
from settings import settings
from tenants.tenant import Tenant
from web.operations import Amount
from web.problems import FieldError, invalid_parameters

SQL = Path(__file__).parent / "sql" / "explain.sql"
CHANGES = SqlFile(SQL, "changes")
CONVERSIONS = SqlFile(SQL, "conversions")
MAX_ENTRIES = 10_000  # of each list
LISTS = ("offer_id", "partner_id")
NAMES = ("date", *LISTS, "decimals")

Uuid = Annotated[str, Meta(max_length=36, extra_json_schema={"format": "uuid"})]
Difference = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Cause = Literal["callback", "import", "correction", "move"]


class ExplainParameters(msgspec.Struct):
    date: Annotated[
        str,
        Meta(
            description="A UTC day that has ended.",
            max_length=10,
            examples=["2025-05-19"],
            extra_json_schema={"format": "date"},
        ),
    ]
    offer_id: Annotated[list[Uuid], Meta(description="Only these offers: repeat it, or separate by commas.")] = []
    partner_id: Annotated[list[Uuid], Meta(description="Only these partners: repeat it, or separate by commas.")] = []
    decimals: Annotated[Literal["number", "string"], Meta(description="`string`: amounts are strings.")] = "number"


class DayChange(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """How one transaction changed the day's figures of an offer and partner."""

    changed_at: Annotated[UtcTime, Meta(description="When it was recorded (UTC).")]
    offer_id: Annotated[UUID, Meta(description="The offer.")]
    partner_id: Annotated[UUID, Meta(description="The partner.")]
    cost: Annotated[Amount, Meta(description="The difference: negative if the cost fell.")]
    conversions: Annotated[Difference, Meta(description="The difference.")]
    clicks: Annotated[Difference, Meta(description="The difference.")]
    views: Annotated[Difference, Meta(description="The difference.")]
    late: Annotated[bool, Meta(description="Whether the day was final.")]
    cause: Annotated[
        Cause,
        Meta(
            description="What the tenant's systems sent; an import of history or a correction by staff; or `move`: the "
            "offer moved to this advertiser or from it, with its figures."
        ),
    ]


class ConversionChange(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A change of a conversion that counts on the day, or counted on it before."""

    changed_at: Annotated[UtcTime, Meta(description="When it was recorded (UTC).")]
    conversion_id: Annotated[UUID, Meta(description="The conversion.")]
    offer_id: Annotated[UUID, Meta(description="Its offer after the change; before it, if it left the advertiser.")]
    partner_id: Annotated[UUID, Meta(description="Its partner after the change; before it, if it left the advertiser.")]
    old_status: Annotated[Status | None, Meta(description="Null: it was not known, or was not this advertiser's.")]
    new_status: Annotated[
        Status | None, Meta(description="Only `Success` counts and costs. Null: it left the advertiser.")
    ]
    old_cost: Annotated[Amount | None, Meta(description="Null: it was not known, or was not this advertiser's.")]
    new_cost: Annotated[Amount | None, Meta(description="What it costs as a `Success`. Null: it left the advertiser.")]
    cause: Annotated[
        Cause | None,
        Meta(
            description="`move`: it went to this advertiser's offer from another advertiser's, or from it. Null: from "
            "before causes were recorded."
        ),
    ]


class Explanation(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Changes to a past day since it ended, each list in order of time."""

    changes: list[DayChange]
    conversions: list[ConversionChange]
    date: Annotated[date, Meta(description="The UTC day.")]
    currency: Annotated[str, Meta(max_length=3, description="Of all amounts (ISO 4217).")]
    recorded_since: Annotated[UtcTime, Meta(description="Earlier changes were not recorded, or are not kept (UTC).")]
    complete: Annotated[bool, Meta(description=f"False: there are more than {MAX_ENTRIES} entries; use the filters.")]


class ExplainRequest(msgspec.Struct, frozen=True):
    day: date
    offers: list[str] | None
    partners: list[str] | None
    decimals_as_text: bool


def parse_explain(pairs: Sequence[tuple[str, str]]) -> ExplainRequest:
    """Raises Problem 400, which names each invalid parameter."""
    parameters = ParameterReader(pairs, NAMES, LISTS)
    if "date" not in parameters.given and not parameters.errors:
        parameters.errors.append(FieldError("date", "is required, such as 2025-05-19"))
    read = parameters.read
    request = ExplainRequest(
        day=read("date", lambda values: read_day(values[0])),
        offers=read("offer_id", lambda values: list(read_uuids(values))),
        partners=read("partner_id", lambda values: list(read_uuids(values))),
        decimals_as_text=parameters.one_of("decimals", ("number", "string")) == "string",
    )
    parameters.check()
    return request


def read_day(text: str) -> date:
    with suppress(ValueError):
        day = date.fromisoformat(text)
        if DATE.fullmatch(text) and day <= LAST_DAY:
            return day
    raise ValueError(f"{text!r} is not an ISO 8601 date (2025-05-19) that exists, up to {LAST_DAY}")


class ExplainedDay(msgspec.Struct, frozen=True):
    """The rows of `sql/explain.sql`, with costs in millionths: MAX_ENTRIES of each list at most. `complete`: there are
    no more.
    """

    context: ReportContext
    changes: Sequence[Record]
    conversions: Sequence[Record]
    complete: bool


async def read_explained_day(
    db: PooledConnection, tenant: Tenant, advertiser: UUID, request: ExplainRequest
) -> ExplainedDay:
    """In the connection's snapshot. Raises Problem 400 for a day that has not ended."""
    context = await read_context(db, tenant, advertiser)
    start = midnight(request.day)
    if context.now < start + DAY:
        today = context.now.date()
        raise invalid_parameters(FieldError("date", f"{request.day} has not ended: today is {today} in UTC"))
    parameters = {
        **owned(advertiser, request),
        "start": start,
        "end": start + DAY,
        "limit": MAX_ENTRIES,
    }
    past = {"recorded_since": context.recorded_since, "final_after_days": context.final_after_days}
    changes, conversions = [
        await db.fetch(query.sql, *query.args, timeout=settings.report_timeout)
        for query in (
            CHANGES.bind(tenant.schema, **parameters, **past),
            CONVERSIONS.bind(tenant.schema, **parameters),
        )
    ]
    complete = max(len(changes), len(conversions)) <= MAX_ENTRIES
    return ExplainedDay(context, changes[:MAX_ENTRIES], conversions[:MAX_ENTRIES], complete)


def owned(advertiser: UUID, request: ExplainRequest) -> dict[str, object]:
    """The parameters that all statements of `sql/explain.sql` have."""
    return {"advertiser": advertiser, "offers": request.offers, "partners": request.partners}


async def explain(tenant: Tenant, advertiser: UUID, request: ExplainRequest) -> dict[str, Any]:
    """An Explanation, with amounts as JSON texts. Raises Problem 400 for a day that has not ended."""
    async with primary_snapshot() as db:
        day = await read_explained_day(db, tenant, advertiser, request)

    def amount(millionths: int | None) -> msgspec.Raw | str | None:
        if millionths is None:
            return None
        text = amount_text(int(millionths))
        return text if request.decimals_as_text else msgspec.Raw(text.encode())

    return {
        "changes": [
            {
                "changedAt": iso(row["changed_at"], "microseconds"),
                "offerId": row["offer"],
                "partnerId": row["partner"],
                "cost": amount(row["cost"]),
                "conversions": row["conversions"],
                "clicks": row["clicks"],
                "views": row["views"],
                "late": row["late"],
                "cause": row["cause"],
            }
            for row in day.changes
        ],
        "conversions": [
            {
                "changedAt": iso(row["changed_at"], "microseconds"),
                "conversionId": row["id"],
                "offerId": row["offer"],
                "partnerId": row["partner"],
                "oldStatus": row["old_status"],
                "newStatus": row["status"],
                "oldCost": amount(row["old_cost"]),
                "newCost": amount(row["cost"]),
                "cause": row["cause"],
            }
            for row in day.conversions
        ],
        "date": request.day,
        "currency": day.context.currency,
        "recordedSince": iso(day.context.recorded_since, "microseconds"),
        "complete": day.complete,
    }


def amount_text(millionths: int) -> str:
    """An exact decimal without trailing zeros."""
    units, rest = divmod(abs(millionths), 1_000_000)
    text = f"{units}.{rest:06}".rstrip("0").rstrip(".")
    return f"-{text}" if millionths < 0 else text
