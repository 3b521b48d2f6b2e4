"""POST and PUT /api/v1/ingest/…: the endpoints that receive batches of records."""

from asyncio import to_thread
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from litestar import Controller, HttpMethod

from auth.api_keys.authenticate import current_caller, requires_api_key
from core.metrics import Kind, count_records
from database.pool import ConcurrencyLimit
from ingest.batches import BatchResult
from ingest.bodies import read_request, split_records
from ingest.catalogue import ingest_offers, ingest_partners
from ingest.conversions import ingest_conversions
from ingest.events import ingest_events
from ingest.rollups import CostOverflowError
from settings import settings
from tenants.tenant import Tenant, current_tenant
from web.problems import Problem
from web.requests import AnyRequest, request_state
from web.routing import route

# Batches that wait for a lock hold a connection each. Reports, and other tenants, keep the rest of the pool.
_batches = ConcurrencyLimit("intake", max(1, settings.database_pool // 2))
_batches_of_tenant = ConcurrencyLimit("intake of one tenant", max(1, settings.database_pool // 3))


class IngestController(Controller):
    path = "/api/v1/ingest"
    guards = [requires_api_key("ingest")]
    tags = ["Ingest"]

    @route("/conversions", http_method=HttpMethod.POST, status_code=200)
    async def conversions(self, request: AnyRequest) -> BatchResult:
        """Conversion callbacks, schema v1. The latest `sentAt` of a conversion wins, in any order of arrival."""
        return await ingest(
            request,
            "conversions",
            lambda tenant, records, api_key: ingest_conversions(tenant, records, utc_now(), api_key),
        )

    @route("/events", http_method=HttpMethod.POST, status_code=200)
    async def events(self, request: AnyRequest) -> BatchResult:
        """Views and clicks, each counted once by its id."""
        return await ingest(
            request, "events", lambda tenant, records, api_key: ingest_events(tenant, records, utc_now(), api_key)
        )

    @route("/offers", http_method=HttpMethod.PUT)
    async def offers(self, request: AnyRequest) -> BatchResult:
        """The catalogue's offers. Each replaces the whole offer: a missing field becomes null."""
        return await ingest(request, "offers", ingest_offers)

    @route("/partners", http_method=HttpMethod.PUT)
    async def partners(self, request: AnyRequest) -> BatchResult:
        """The catalogue's partners."""
        return await ingest(request, "partners", ingest_partners)


async def ingest(
    request: AnyRequest, kind: Kind, ingest_batch: Callable[[Tenant, Sequence[bytes], int], Awaitable[BatchResult]]
) -> BatchResult:
    body, encoding = await read_request(request)
    tenant = current_tenant()
    async with _batches_of_tenant.slot(tenant.id), _batches.slot():
        records = await to_thread(split_records, body, encoding)
        try:
            result = await ingest_batch(tenant, records, current_caller(request).api_key)
        except CostOverflowError as error:
            raise Problem(422, str(error)) from error
    count_records(kind, result.accepted, result.duplicates, len(result.rejected))
    request_state(request.scope)["log"].update(
        rows=len(records), accepted=result.accepted, duplicates=result.duplicates, rejected=len(result.rejected)
    )
    return result


def utc_now() -> datetime:
    return datetime.now(UTC)
