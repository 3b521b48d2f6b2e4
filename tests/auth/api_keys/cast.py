"""The people of the isolation matrix: two tenants and a suspended one, whose rows have names that betray them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec

from auth.api_keys import service as api_keys
from auth.api_keys.format import digest, mint
from auth.api_keys.tables import ApiToken
from catalog.tables import Advertiser
from tenants import lifecycle
from tests.places import Place, a_callback, an_event, an_offer, make_place
from tests.running import run, run_at

NOWHERE = "192.0.2.0/24"
OWNERS, RIVALS, OUTSIDERS, SUSPENDED = "Velvet Kettle", "Copper Lantern", "Marble Anchor", "Silent Orchard"


class Cast(msgspec.Struct):
    """`tokens` by situation and scope."""

    place: Place
    outside: Place
    suspended: Place
    tokens: dict[tuple[str, str], str]

    @property
    def secrets(self) -> dict[str, list[str]]:
        """What a response must not contain, unless it is for that reader."""
        return {
            "owner": [OWNERS],
            "rival": [RIVALS],
            "outsider": [OUTSIDERS, str(self.outside.owner), str(self.outside.tenant.id), self.outside.tenant.slug],
            "suspended": [SUSPENDED, str(self.suspended.owner), str(self.suspended.tenant.id)],
        }


def make_cast(http: httpx.Client) -> Cast:
    place, outside, suspended = (make_place(http) for _ in range(3))
    fill(place, place.owner, OWNERS)
    fill(place, place.rival, RIVALS)
    fill(outside, outside.owner, OUTSIDERS)
    fill(suspended, suspended.owner, SUSPENDED)
    run(lambda: lifecycle.set_status(suspended.tenant.slug, "suspended"))
    tokens = {
        (situation, scope): token
        for scope in ("cost-report", "singular", "ingest")
        for situation, token in tokens_for(scope, place, outside, suspended).items()
    }
    return Cast(place, outside, suspended, tokens)


def fill(place: Place, advertiser: UUID, name: str) -> None:
    offer = an_offer(place, advertiser, name=f"{name} Offer", campaignName=f"{name} Campaign", appName=f"{name} App")
    place.send("offers", [offer])
    place.send("conversions", [a_callback(place, offer["id"])])
    place.send("events", [an_event(offer["id"])])


def tokens_for(scope: str, place: Place, outside: Place, suspended: Place) -> dict[str, str]:
    ingest = scope == "ingest"
    elsewhere = {"cost-report": "singular", "singular": "cost-report", "ingest": "cost-report"}[scope]
    advertiser_scope = "cost-report" if ingest else scope
    paused, plain = an_advertiser(place, status="paused"), an_advertiser(place, singular_enabled=False)
    expired, revoked = place.make_key(scope), place.make_key(scope)
    change(place, expired, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    change(place, revoked, revoked_at=datetime.now(UTC))
    return {
        "garbage": "garbage",
        "unknown": mint().token,
        "other tenant": outside.ingest_token if ingest else outside.owner_token,
        "expired": expired,
        "revoked": revoked,
        "wrong scope": place.make_key(elsewhere),
        "wrong network": place.make_key(scope, networks=[NOWHERE]),
        "paused": place.make_key(advertiser_scope, advertiser=paused),
        "Singular off": place.make_key(advertiser_scope, advertiser=plain),
        "suspended": suspended.ingest_token if ingest else suspended.owner_token,
        "own": place.ingest_token if ingest else place.owner_token,
        "rival": place.rival_token,
    }


def an_advertiser(place: Place, **values: Any) -> UUID:
    async def work() -> UUID:
        defaults: dict[str, Any] = {"name": "Somebody", "singular_enabled": True, "created_at": datetime.now(UTC)}
        row = Advertiser(**defaults | values)
        await Advertiser.insert(row)
        id_: UUID = row.id
        return id_

    return run_at(place.tenant.slug, work)


def change(place: Place, token: str, **values: Any) -> None:
    """Sets columns of a token's row."""

    async def work() -> None:
        await ApiToken.update({getattr(ApiToken, name): value for name, value in values.items()}).where(
            ApiToken.digest == digest(token)
        )

    run_at(place.tenant.slug, work)


def id_of(place: Place, token: str) -> int:
    async def work() -> int:
        (row,) = await ApiToken.select(ApiToken.id).where(ApiToken.digest == digest(token))
        id_: int = row["id"]
        return id_

    return run_at(place.tenant.slug, work)


def revoke(place: Place, token: str) -> None:
    id_ = id_of(place, token)
    run_at(place.tenant.slug, lambda: api_keys.revoke_token(id_))
