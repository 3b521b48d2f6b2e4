"""POST and PUT /api/v1/ingest/…: the four calls that bring data in."""

from asyncio import to_thread
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from litestar import Controller, post, put

from auth.api_keys.authenticate import current_caller, requires_api_key
from database.pool import ConcurrencyLimit
from ingest.batches import Answer
from ingest.bodies import read_records, records_of
from ingest.catalogue import put_offers, put_partners
from ingest.conversions import take_conversions
from ingest.events import take_events
from ingest.rollups import TooMuchError
from settings import settings
from tenants.tenant import Tenant, current_tenant
from web.problems import Problem
from web.requests import Call, state_of

_calls = ConcurrencyLimit("intake", max(1, settings.database_pool // 2))
_calls_of_tenant = ConcurrencyLimit("intake of one tenant", max(1, settings.database_pool // 3))


class IngestController(Controller):
    path = "/api/v1/ingest"
    guards = [requires_api_key("ingest")]
    tags = ["Data in"]

    @post("/conversions", status_code=200)
    async def conversions(self, request: Call) -> Answer:
        """Conversion callbacks, schema v1. The latest `sentAt` of a conversion holds, in whatever order they arrive."""
        return await answer(request, lambda tenant, records, token: take_conversions(tenant, records, now(), token))

    @post("/events", status_code=200)
    async def events(self, request: Call) -> Answer:
        """Views and clicks, each counted once by its id."""
        return await answer(request, lambda tenant, records, token: take_events(tenant, records, now(), token))

    @put("/offers")
    async def offers(self, request: Call) -> Answer:
        """The catalogue's offers, whole: a field left out becomes null."""
        return await answer(request, put_offers)

    @put("/partners")
    async def partners(self, request: Call) -> Answer:
        """The catalogue's partners."""
        return await answer(request, put_partners)


async def answer(request: Call, take: Callable[[Tenant, Sequence[bytes], int], Awaitable[Answer]]) -> Answer:
    body, encoding = await read_records(request)
    tenant = current_tenant()
    async with _calls_of_tenant.slot(tenant.id), _calls.slot():
        records = await to_thread(records_of, body, encoding)
        try:
            result = await take(tenant, records, current_caller(request).api_key)
        except TooMuchError as error:
            raise Problem(422, str(error)) from error
    state_of(request.scope)["log"].update(
        rows=len(records), accepted=result.accepted, duplicates=result.duplicates, rejected=len(result.rejected)
    )
    return result


def now() -> datetime:
    return datetime.now(UTC)
