"""/staff/intake: what each sender sent in the last hours, and which senders stopped."""

from collections.abc import Sequence
from typing import Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from auth.users.guards import requires_login
from ingest.health import SHOWN, SenderHour, read_intake_health
from tenants.tenant import current_tenant
from web.pages.rendering import PageLayout, render_page
from web.problems import Problem
from web.requests import AnyRequest

ROOT = "/staff/intake"
STATES = {  # text, kind of the badge
    "receiving": ("Receiving", "success"),
    "stopped": ("Stopped", "danger"),
    "quiet": ("Quiet", "neutral"),
    "unused": ("Never used", "neutral"),
    "replaced": ("Replaced", "neutral"),
    "inactive": ("Key no longer works", "neutral"),
}
CHART_HEIGHT = 30  # pixels
TALLEST = CHART_HEIGHT - 2  # of a bar: two heights may be rounded up


class IntakeController(Controller):
    path = "/intake"
    guards = [requires_login]

    @get()
    async def health(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """`sender`, the id of an ingest key, shows its hours too. Raises Problem 404."""
        health = await read_intake_health(current_tenant())
        asked = request.query_params.get("sender", "")
        sender = next((one for one in health.senders if str(one.api_key) == asked), None)
        if asked and sender is None:
            raise Problem(404, "This ingest key sent nothing in the last hours.")
        return render_page(
            "admin/intake.html",
            layout,
            root=ROOT,
            health=health,
            sender=sender,
            hours=[hour for hour in reversed(sender.hours) if hour.batches] if sender else [],
            states=STATES,
            shown=SHOWN,
            bars={one.api_key: bars_of(one.hours) for one in health.senders},
            chart_height=CHART_HEIGHT,
        )


def bars_of(hours: Sequence[SenderHour]) -> list[tuple[str, int, int]]:
    """The text of each hour, and the heights of its accepted and rejected records. The busiest hour is the tallest; an
    hour with any records is visible.
    """
    most = max((hour.records for hour in hours), default=0) or 1
    return [to_bar(hour, most) for hour in hours]


def to_bar(hour: SenderHour, most: int) -> tuple[str, int, int]:
    received, rejected = hour.accepted + hour.duplicates, hour.rejected
    text = f"{hour.hour:%a %H:%M}: {hour.accepted:,} accepted, {hour.duplicates:,} duplicates, {rejected:,} rejected"
    return text, height(received, most), height(rejected, most)


def height(count: int, most: int) -> int:
    return max(2, round(TALLEST * count / most)) if count else 0
