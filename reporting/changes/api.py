"""GET /api/v1/reports/status and …/changes: how current the figures are, and what has changed."""

from typing import Any

import msgspec
from litestar import Controller, Response, route

from auth.api_keys.authenticate import current_caller, requires_api_key
from reporting.changes.status import ReportStatus, read_status
from reporting.filters import collect, query_pairs
from tenants.tenant import current_tenant
from web.operations import JSON, Operation, documented
from web.requests import READ_METHODS, AnyRequest

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
    headers=("Cache-Control", "Vary"),
)


class StatusController(Controller):
    guards = [requires_api_key("cost-report", "singular")]

    @route(f"{PATH}/status", http_method=READ_METHODS, opt=documented(STATUS))
    async def status(self, request: AnyRequest) -> Response[Any]:
        """Until when data has been received, which days are final, and how many days back a client should read again
        that does not follow the changes.
        """
        collect(query_pairs(request.scope["query_string"]), ())
        tenant, advertiser = current_tenant(), current_caller(request).advertiser
        assert advertiser is not None, "the scopes of reports belong to advertisers' keys"
        status = await read_status(tenant, advertiser)
        return Response(msgspec.json.encode(status), media_type=JSON, headers=HEADERS)
