"""Conversions on pages: how their statements are planned."""

from uuid import uuid4

from database.pool import connection, open_pool
from reporting.conversions.listing import SORTS, find_conversion, read_conversion_page
from tests.support.sandbox import Sandbox, conversion_callback, offer_record
from web.pages.lists import ListRequest

FILTERS = dict.fromkeys(("start", "end", "offers", "partners", "statuses", "ids", "clicks"))
PLANS = """
SELECT sum(generic_plans)::int AS generic, sum(custom_plans)::int AS custom FROM pg_prepared_statements
WHERE statement LIKE '%conversion c%' AND statement NOT LIKE '%generic_plans%'
"""


async def test_statements_are_always_planned_for_their_filters(sandbox: Sandbox) -> None:
    """One plan for all of them would read every conversion of the advertiser."""
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"]) for _ in range(20)])
    newest_first = ListRequest("/conversions", SORTS, {}, "occurred", descending=True)
    async with open_pool():
        for _ in range(10):
            await read_conversion_page(sandbox.tenant, sandbox.owner, newest_first, FILTERS)
            await find_conversion(sandbox.tenant, sandbox.owner, uuid4())
        async with connection() as db:
            (plans,) = await db.fetch(PLANS)
    assert dict(plans) == {"generic": 0, "custom": 30}
