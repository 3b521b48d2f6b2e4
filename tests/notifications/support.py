"""What the tests of notifications share."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from notifications.job import notify_tenant
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.sandbox import Sandbox, offer_record


def run_job(sandbox: Sandbox, now: datetime) -> Mapping[str, int]:
    return run_in_tenant(sandbox.tenant.slug, lambda: notify_tenant(sandbox.tenant, now))


def told(sandbox: Sandbox, email: str | None = None) -> list[dict[str, Any]]:
    """The notifications of a user, or of all, in the order of their creation."""
    return execute(
        """
        SELECT n.* FROM {s}.notification n JOIN {s}.advertiser_login u ON u.id = n.login
        WHERE $1::text IS NULL OR u.email = $1 ORDER BY n.id
        """,
        email,
        schema=sandbox.tenant.schema,
    )


def new_offer(sandbox: Sandbox, advertiser: UUID | None = None) -> str:
    record = offer_record(sandbox, advertiser)
    sandbox.send("offers", [record])
    return str(record["id"])
