"""A new tenant for each test, with a fixed cast: an advertiser (owner), a second one of the same tenant (rival), and an
API key for ingest. The tokens of a second sandbox are an outsider's.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec

from auth.api_keys import service as api_keys
from auth.scopes import ADVERTISER_SCOPES, INGEST
from catalog.tables import Advertiser, Offer
from database.transactions import transaction
from tenants import lifecycle
from tenants.cache import notify_changed
from tenants.tenant import Tenant, bound_to
from tests.support.app_calls import run, run_in_tenant

JSON = "/api/v1/integrations/cost-report/json"
CSV = "/api/v1/integrations/cost-report/csv"
SINGULAR = "/api/v1/integrations/cost-report/singular/json"
SINGULAR_CSV = "/api/v1/integrations/cost-report/singular/csv"
MAY = {"date_from": "2025-05-01", "date_to": "2025-05-31"}


class Sandbox(msgspec.Struct):
    """`owner` and `rival` have Singular enabled, and each has an API key with all scopes of an advertiser.

    `owner_key`, `rival_key` and `ingest_key` are tokens.
    """

    tenant: Tenant
    http: httpx.Client
    owner: UUID
    owner_key: str
    rival: UUID
    rival_key: str
    ingest_key: str

    @property
    def host(self) -> str:
        return f"api.{self.tenant.slug}.localhost"

    def request(
        self, method: str, path: str, *, token: str | None = None, host: str | None = None, **rest: Any
    ) -> httpx.Response:
        headers = {"Host": host or self.host, **rest.pop("headers", {})}
        if token is not None:
            headers["Authorization"] = f"ApiToken {token}"
        return self.http.request(method, path, headers=headers, **rest)

    def get(self, path: str = JSON, *, token: str | None = None, **params: str) -> httpx.Response:
        """Sends a GET with the given token, by default the owner's."""
        return self.request("GET", path, token=token or self.owner_key, params=params)

    def report(self, **params: str) -> list[dict[str, Any]]:
        """The rows of the owner's cost report, by default for May 2025."""
        response = self.get(JSON, **(MAY | params))
        assert response.status_code == 200, response.text
        rows: list[dict[str, Any]] = response.json()["data"]
        return rows

    def send(self, kind: str, records: Iterable[Any], *, token: str | None = None) -> dict[str, Any]:
        """Ingests the records as a JSON array. `kind` is conversions, events, offers or partners."""
        return self.send_body(kind, msgspec.json.encode(list(records)), token=token)

    def send_body(self, kind: str, body: Any, *, token: str | None = None) -> dict[str, Any]:
        """Ingests a request body: bytes, or an iterator of chunks. Returns the decoded response."""
        response = self.request(
            "PUT" if kind in {"offers", "partners"} else "POST",
            f"/api/v1/ingest/{kind}",
            token=token or self.ingest_key,
            content=body,
            headers={"Content-Type": "application/json"},
        )
        assert response.status_code == 200, response.text
        result: dict[str, Any] = response.json()
        return result

    def create_api_key(self, *scopes: str, advertiser: UUID | None = None, **options: Any) -> str:
        """Creates an API key and returns its token. Except for ingest, it belongs to `advertiser`, or to the owner."""
        owner = None if scopes == ("ingest",) else advertiser or self.owner
        return run_in_tenant(
            self.tenant.slug,
            lambda: api_keys.create_api_key(name="test", scopes=scopes, advertiser=owner, created_by="test", **options),
        ).token

    def set_advertiser(self, advertiser: UUID, **values: Any) -> None:
        async def work() -> None:
            async with transaction() as db:
                await Advertiser.update({getattr(Advertiser, name): value for name, value in values.items()}).where(
                    Advertiser.id == advertiser
                )
                await notify_changed(db)

        run_in_tenant(self.tenant.slug, work)

    def move_offer(self, offer: str, advertiser: UUID) -> None:
        """As staff do, without the preview."""

        async def work() -> None:
            async with transaction():
                await Offer.update({Offer.advertiser: advertiser}).where(Offer.id == UUID(offer))

        run_in_tenant(self.tenant.slug, work)


def create_sandbox(http: httpx.Client) -> Sandbox:
    async def work() -> Sandbox:
        slug = f"t{uuid4().hex[:12]}"
        tenant = await lifecycle.create_tenant(slug, f"{slug} Media")
        owner, rival = uuid4(), uuid4()
        with bound_to(tenant):
            for id_, name in (owner, "Owner"), (rival, "Rival"):
                await Advertiser.insert(
                    Advertiser(id=id_, name=name, singular_enabled=True, created_at=datetime.now(UTC))
                )
            owner_key, rival_key, ingest_key = [
                await api_keys.create_api_key(name="test", scopes=scopes, advertiser=advertiser, created_by="test")
                for scopes, advertiser in [
                    (ADVERTISER_SCOPES, owner),
                    (ADVERTISER_SCOPES, rival),
                    ([INGEST], None),
                ]
            ]
        return Sandbox(tenant, http, owner, owner_key.token, rival, rival_key.token, ingest_key.token)

    return run(work)


def offer_record(sandbox: Sandbox, advertiser: UUID | None = None, **fields: Any) -> dict[str, Any]:
    """An offer of the given advertiser, by default of the owner, in the format of the intake."""
    id_ = str(uuid4())
    defaults = {"id": id_, "name": f"Offer {id_[:4]}", "advertiserId": str(advertiser or sandbox.owner)}
    return defaults | fields


def event_record(offer: str, kind: str = "click", **fields: Any) -> dict[str, Any]:
    defaults = {
        "id": str(uuid4()),
        "type": kind,
        "offerId": offer,
        "partnerId": None,
        "occurredAt": "2025-05-19T15:31:44Z",
    }
    return defaults | fields


def conversion_callback(
    sandbox: Sandbox, offer: str, *, sent_at: str = "2025-05-19T16:00:00Z", **conversion: Any
) -> dict[str, Any]:
    """A conversion callback, by default a Success with revenue 60 on 19 May 2025."""
    defaults = {
        "conversionId": str(uuid4()),
        "status": "Success",
        "userCompletedAt": "2025-05-19T15:36:19.756249+00:00",
        "offerId": offer,
        "offerName": "Test",
        "offerAdvertiserId": str(sandbox.owner),
        "offerAdvertiserName": "Owner",
        "revenue": 60,
        "partnerId": None,
        "partnerName": None,
        "createdAt": "2025-05-19T15:36:19.756448+00:00",
    }
    return {"id": str(uuid4()), "sentAt": sent_at, "conversion": defaults | conversion}
