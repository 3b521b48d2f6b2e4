"""The cast of the isolation tests: two active tenants and a suspended one, whose rows have recognizable names."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec

from auth.api_keys import service as api_keys
from auth.api_keys.format import digest, mint_api_key
from auth.api_keys.tables import ApiKey
from catalog.tables import Advertiser
from tenants import lifecycle
from tests.support.app_calls import run, run_in_tenant
from tests.support.database import notify_on_cluster
from tests.support.sandbox import Sandbox, conversion_callback, create_sandbox, event_record, offer_record

NOWHERE = "192.0.2.0/24"
EITHER_REPORT = "cost-report or singular"
OWNERS, RIVALS, OUTSIDERS, SUSPENDED = "Velvet Kettle", "Copper Lantern", "Marble Anchor", "Silent Orchard"


class Cast(msgspec.Struct):
    """`tokens` maps (situation, scope) to a token."""

    sandbox: Sandbox
    outside: Sandbox
    suspended: Sandbox
    tokens: dict[tuple[str, str], str]

    @property
    def secrets(self) -> dict[str, list[str]]:
        """The texts by reader. A response to another reader must not contain them."""
        return {
            "owner": [OWNERS],
            "rival": [RIVALS],
            "outsider": [OUTSIDERS, str(self.outside.owner), str(self.outside.tenant.id), self.outside.tenant.slug],
            "suspended": [SUSPENDED, str(self.suspended.owner), str(self.suspended.tenant.id)],
        }


def create_cast(http: httpx.Client) -> Cast:
    sandbox, outside, suspended = (create_sandbox(http) for _ in range(3))
    fill(sandbox, sandbox.owner, OWNERS)
    fill(sandbox, sandbox.rival, RIVALS)
    fill(outside, outside.owner, OUTSIDERS)
    fill(suspended, suspended.owner, SUSPENDED)
    run(lambda: lifecycle.set_tenant_status(suspended.tenant.slug, "suspended"))
    tokens = {
        (situation, scope): token
        for scope in ("cost-report", "singular", "conversions", "ingest")
        for situation, token in tokens_for(scope, sandbox, outside, suspended).items()
    }
    either = {(who, EITHER_REPORT): token for (who, scope), token in tokens.items() if scope == "cost-report"}
    tokens |= either | {("wrong scope", EITHER_REPORT): sandbox.ingest_key}
    return Cast(sandbox, outside, suspended, tokens)


def fill(sandbox: Sandbox, advertiser: UUID, name: str) -> None:
    offer = offer_record(
        sandbox, advertiser, name=f"{name} Offer", campaignName=f"{name} Campaign", appName=f"{name} App"
    )
    sandbox.send("offers", [offer])
    named = {"partnerId": str(uuid4()), "partnerName": f"{name} Partner", "offerAdvertiserId": str(advertiser)}
    result = sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], **named)])
    assert result["accepted"] == 1, result
    sandbox.send("events", [event_record(offer["id"])])


def tokens_for(scope: str, sandbox: Sandbox, outside: Sandbox, suspended: Sandbox) -> dict[str, str]:
    ingest = scope == "ingest"
    elsewhere = "singular" if scope == "cost-report" else "cost-report"
    advertiser_scope = "cost-report" if ingest else scope
    paused, plain = insert_advertiser(sandbox, status="paused"), insert_advertiser(sandbox, singular_enabled=False)
    expired, revoked = sandbox.create_api_key(scope), sandbox.create_api_key(scope)
    set_columns(sandbox, expired, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    set_columns(sandbox, revoked, revoked_at=datetime.now(UTC))
    return {
        "garbage": "garbage",
        "unknown": mint_api_key().token,
        "other tenant": outside.ingest_key if ingest else outside.owner_key,
        "expired": expired,
        "revoked": revoked,
        "wrong scope": sandbox.create_api_key(elsewhere),
        "wrong network": sandbox.create_api_key(scope, networks=[NOWHERE]),
        "paused": sandbox.create_api_key(advertiser_scope, advertiser=paused),
        "Singular off": sandbox.create_api_key(advertiser_scope, advertiser=plain),
        "suspended": suspended.ingest_key if ingest else suspended.owner_key,
        "own": sandbox.ingest_key if ingest else sandbox.owner_key,
        "rival": sandbox.rival_key,
    }


def insert_advertiser(sandbox: Sandbox, **values: Any) -> UUID:
    async def work() -> UUID:
        defaults: dict[str, Any] = {"name": "Somebody", "singular_enabled": True, "created_at": datetime.now(UTC)}
        row = Advertiser(**defaults | values)
        await Advertiser.insert(row)
        id_: UUID = row.id
        return id_

    return run_in_tenant(sandbox.tenant.slug, work)


def set_columns(sandbox: Sandbox, token: str, **values: Any) -> None:
    """Sets columns of the API key that has this token."""

    async def work() -> None:
        await ApiKey.update({getattr(ApiKey, name): value for name, value in values.items()}).where(
            ApiKey.digest == digest(token)
        )

    run_in_tenant(sandbox.tenant.slug, work)
    notify_on_cluster(sandbox.tenant.schema)


def id_of(sandbox: Sandbox, token: str) -> int:
    async def work() -> int:
        (row,) = await ApiKey.select(ApiKey.id).where(ApiKey.digest == digest(token))
        id_: int = row["id"]
        return id_

    return run_in_tenant(sandbox.tenant.slug, work)


def revoke(sandbox: Sandbox, token: str) -> None:
    id_ = id_of(sandbox, token)
    run_in_tenant(sandbox.tenant.slug, lambda: api_keys.revoke_api_key(id_))
