"""GET /api/v1/reports/status and …/changes: how current the figures are, and what has changed."""

import json
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Response
from msgspec import Meta

from auth.api_keys.authenticate import current_advertiser, requires_api_key
from core.timestamps import iso
from reporting.changes.explain import ExplainParameters, Explanation, explain, parse_explain
from reporting.changes.pages import PageEnd, page_stream
from reporting.changes.parameters import DEFAULT_LIMIT, MAX_LIMIT, read_changes_request
from reporting.changes.status import ReportStatus, UtcTime, read_status
from reporting.filters import collect
from reporting.list_parameters import MAX_BODY_BYTES, read_query
from reporting.read import matches_etag, report_slots
from reporting.responses import requested_etags, row_logger, streaming_response, vary_by_encoding
from reporting.rows import MEDIA_TYPES
from tenants.tenant import current_tenant
from web.operations import JSON, NDJSON, Amount, Count, Operation, documented
from web.requests import READ_METHODS, AnyRequest
from web.routing import route

PATH = "/api/v1/reports"
HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
TAG = "Changes"


class NoParameters(msgspec.Struct):
    """The status has none."""


STATUS = Operation(
    id="getStatus",
    tag=TAG,
    summary="How current the figures are, and until when they can change",
    scopes=("cost-report", "singular"),
    parameters=NoParameters,
    responses={JSON: ReportStatus},
    examples={
        JSON: {
            "dataThrough": "2025-05-28T03:06:28.565123Z",
            "earliestDay": "2024-11-02",
            "finalThrough": "2025-04-27",
            "provisionalFrom": "2025-04-28",
            "recommendedLookbackDays": 12,
            "timeZone": "UTC",
            "currency": "USD",
            "changes": {
                "cursor": "cF3DsKkPiAAAAAAAAAAAAAAAAAAAALwAAAAAAAAAAAAAAAA",
                "changedAt": "2025-05-28T03:06:28.560481Z",
            },
            "received": {
                "conversions": "2025-05-28T03:06:28.565123Z",
                "events": "2025-05-28T03:06:27.101337Z",
                "catalogue": "2025-05-27T21:15:03.442100Z",
            },
        }
    },
    headers=("GoKart-Data-Through", "ETag", "Cache-Control", "Vary"),
)


class ChangesParameters(msgspec.Struct):
    """Of the changes."""

    since: Annotated[
        Annotated[str, Meta(max_length=200)] | None,
        Meta(
            description="The `cursor` of the page before, or of the status. Without it, the changes start from the "
            "beginning: with all rows."
        ),
    ] = None
    limit: Annotated[int, Meta(description="At most so many rows.", ge=1, le=MAX_LIMIT, examples=[1_000])] = (
        DEFAULT_LIMIT
    )
    format: Annotated[
        Literal["json", "ndjson"], Meta(description="Without it, the header `Accept` decides; else JSON.")
    ] = "json"
    decimals: Annotated[
        Literal["number", "string"],
        Meta(description="`string`: amounts are strings, for clients that read numbers as binary floats."),
    ] = "number"


class ChangedRow(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The present figures of an offer and partner on a UTC day."""

    id: Annotated[
        str,
        Meta(
            description="The key of the row: that of the flexible report by day, offer and partner in UTC.",
            max_length=64,
        ),
    ]
    day: Annotated[date, Meta(description="The UTC day.")]
    offer_id: Annotated[UUID, Meta(description="The offer.")]
    partner_id: Annotated[UUID, Meta(description="The partner.")]
    cost: Annotated[Amount, Meta(description="An exact decimal with up to six places.")]
    conversions: Annotated[Count, Meta(description="Those of status `Success`.")]
    clicks: Annotated[Count, Meta(description="How often users were sent on to the advertiser.")]
    views: Annotated[Count, Meta(description="How often the offer's page was opened.")]
    state: Annotated[Literal["open", "provisional", "final"], Meta(description="Of the day.")]
    late: Annotated[bool, Meta(description="Whether the day has changed after it was final.")]
    deleted: Annotated[
        bool, Meta(description="The row is not in the report any more: all of its figures are zero, for you.")
    ]
    changed_at: Annotated[UtcTime, Meta(description="When the day changed last (UTC).")]


class ChangesPage(PageEnd, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rows in order of change. Save `cursor` once you have stored them."""

    data: list[ChangedRow]


CHANGED_ROW = {
    "id": "0b1c3f8b2f2be8e9f8a7c1f4f0d0c9aa",
    "day": "2025-05-19",
    "offerId": "7df30136-ff83-4551-b877-fa0f0d8b8f72",
    "partnerId": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "cost": 69.5,
    "conversions": 3,
    "clicks": 5,
    "views": 27,
    "state": "provisional",
    "late": False,
    "deleted": False,
    "changedAt": "2025-05-28T03:06:28.560481Z",
}
PAGE_END = {
    "cursor": "cF3DsKkPiAAAAAAAAAAAAAAAAAAAALwAAAAAAAAAAAAAAAA",
    "more": False,
    "reset": False,
    "rows": 1,
    "currency": "USD",
    "dataThrough": "2025-05-28T03:06:28.565123Z",
}
CHANGES = Operation(
    id="getChanges",
    tag=TAG,
    summary="The rows whose figures have changed",
    scopes=("cost-report",),
    parameters=ChangesParameters,
    responses={JSON: ChangesPage, NDJSON: ChangedRow},
    examples={
        JSON: {"data": [CHANGED_ROW], **PAGE_END},
        NDJSON: f"{json.dumps(CHANGED_ROW)}\n{json.dumps({'meta': PAGE_END})}\n",
    },
    headers=("Cache-Control", "Vary"),
)


EXPLAIN = Operation(
    id="explainChanges",
    tag=TAG,
    summary="What changed a past day",
    scopes=("cost-report",),
    parameters=ExplainParameters,
    responses={JSON: Explanation},
    examples={
        JSON: {
            "changes": [
                {
                    "changedAt": "2025-06-20T03:06:28.560481Z",
                    "offerId": "7df30136-ff83-4551-b877-fa0f0d8b8f72",
                    "partnerId": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
                    "cost": -69.5,
                    "conversions": -1,
                    "clicks": 0,
                    "views": 0,
                    "late": True,
                    "cause": "callback",
                }
            ],
            "conversions": [
                {
                    "changedAt": "2025-06-20T03:06:28.559102Z",
                    "conversionId": "9a4ccb0f-3f27-4b1c-8d2f-6f0f7dbb3a61",
                    "offerId": "7df30136-ff83-4551-b877-fa0f0d8b8f72",
                    "partnerId": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
                    "oldStatus": "Success",
                    "newStatus": "Rejected",
                    "oldCost": 69.5,
                    "newCost": 69.5,
                    "cause": "callback",
                }
            ],
            "date": "2025-05-19",
            "currency": "USD",
            "recordedSince": "2025-01-01T00:00:00.000000Z",
            "complete": True,
        }
    },
    headers=("Cache-Control", "Vary"),
)


class StatusController(Controller):
    guards = [requires_api_key("cost-report", "singular")]
    request_max_body_size = MAX_BODY_BYTES

    @route(f"{PATH}/status", http_method=READ_METHODS, opt=documented(STATUS))
    async def status(self, request: AnyRequest) -> Response[Any]:
        """Until when data has been received, which days are final, and how many days back a client should read again
        that does not follow the changes.

        It is a 304 while neither figures nor days have changed. `dataThrough` is then in the header
        `GoKart-Data-Through`; `received` may be later, and the cursor of before is still good.
        """
        collect(await read_query(request), ())
        tenant, advertiser = current_tenant(), current_advertiser(request)
        status, etag = await read_status(tenant, advertiser)
        headers = {**HEADERS, "GoKart-Data-Through": iso(status.data_through), "ETag": etag}
        if matches_etag(etag, requested_etags(request)):
            return Response(None, status_code=304, headers=vary_by_encoding(headers))
        return Response(msgspec.json.encode(status), media_type=JSON, headers=headers)


class ChangesController(Controller):
    guards = [requires_api_key("cost-report")]
    request_max_body_size = MAX_BODY_BYTES

    @route(f"{PATH}/changes", http_method=READ_METHODS, opt=documented(CHANGES))
    async def changes(self, request: AnyRequest) -> Response[Any]:
        """The present figures of each UTC day, offer and partner that changed after the cursor, in order of change.
        Applying all pages by `id` yields the daily report: store each row under its `id`, and remove the row where
        `deleted` is true. Rows that did not change may be included. If `reset` is true, remove all rows first: the
        network's data was restored, and everything is sent again.
        """
        tenant, advertiser = current_tenant(), current_advertiser(request)
        wanted = await read_changes_request(request, tenant, advertiser)
        chunks = page_stream(wanted, row_logger(request))
        return await streaming_response(request, chunks, MEDIA_TYPES[wanted.format], HEADERS)

    @route(f"{PATH}/changes/explain", http_method=READ_METHODS, opt=documented(EXPLAIN))
    async def explain(self, request: AnyRequest) -> Response[Any]:
        """The changes to a past UTC day since it ended: by how much each transaction changed the figures, and which
        conversions changed. For the times at which an offer was the advertiser's: what `changes` adds up to is how the
        advertiser's figures have changed.
        """
        tenant, advertiser = current_tenant(), current_advertiser(request)
        wanted = parse_explain(await read_query(request))
        async with report_slots.slot((tenant.id, advertiser)):
            explanation = await explain(tenant, advertiser, wanted)
        row_logger(request)(len(explanation["changes"]))
        return Response(msgspec.json.encode(explanation), media_type=JSON, headers=HEADERS)
