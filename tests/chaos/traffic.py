"""Senders and readers that run among the faults. Each checks every response that it gets.

A sender repeats a batch until it is acknowledged, as senders should. What it sent is kept in a model per advertiser.
"""

import csv
import io
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import msgspec

from tests.chaos.deployment import App, Deployment, TenantAccess
from tests.support.oracle import Oracle
from tests.support.sandbox import CSV, JSON, SINGULAR
from tests.support.servers import NO_TLS

TIMEOUT = 20.0  # seconds that a client waits; then it does not know whether its batch was taken
PAUSE = 0.2  # seconds before a batch is sent again; longest time between two batches, and between two reports
BATCH = 12  # most records of a batch
DAYS = 70  # records are at most so old
OFFERS = 4  # of each advertiser
PARTNERS = 3
MAX_VIOLATIONS = 20
UNAVAILABLE = 503
SUSPENDED = 403
exactly = msgspec.json.Decoder(float_hook=Decimal)


class Advertiser:
    """What an advertiser's reports must show: between `acknowledged` and `sent` clicks, and the model in the end."""

    def __init__(self, tenant: TenantAccess, number: int, partners: dict[str, str], rng: random.Random) -> None:
        self.key = tenant.advertisers[number].key
        self.tenant = tenant
        self.offers = [
            {
                "id": random_id(rng),
                "name": f"Offer {number}-{n % 3}",  # two have the same name
                "advertiserId": str(tenant.advertisers[number].id),
            }
            for n in range(OFFERS)
        ]
        self.oracle = Oracle(
            {each["id"]: each["name"] for each in self.offers}, partners | {str(tenant.id): tenant.name}, str(tenant.id)
        )
        self.sent = 0
        self.acknowledged = 0


class Batch(msgspec.Struct):
    kind: str
    records: list[dict[str, Any]]
    attempts: int = 0  # before the present one, until it is acknowledged
    acknowledged: bool = False


class Tenant:
    """The traffic of one tenant. Its senders share offers and conversions, so that they meet in the same rows."""

    def __init__(self, access: TenantAccess, rng: random.Random) -> None:
        self.access = access
        self.partners = [{"id": random_id(rng), "name": f"Partner {n}"} for n in range(PARTNERS)]
        names = {each["id"]: each["name"] for each in self.partners}
        self.advertisers = [Advertiser(access, n, names, rng) for n in range(len(access.advertisers))]
        self.owner_of = {offer["id"]: each for each in self.advertisers for offer in each.offers}
        self.conversions: list[tuple[str, str, str | None]] = []  # id, offer, partner
        self.lock = threading.Lock()

    def catalogue(self) -> list[Batch]:
        return [
            Batch("offers", [offer for each in self.advertisers for offer in each.offers]),
            Batch("partners", self.partners),
        ]

    def batch(self, rng: random.Random, now: datetime) -> Batch:
        size = rng.randint(1, BATCH)
        if rng.random() < 0.6:
            return Batch("events", [self.event(rng, now) for _ in range(size)])
        return Batch("conversions", [self.callback(rng, now) for _ in range(size)])

    def event(self, rng: random.Random, now: datetime) -> dict[str, Any]:
        return {
            "id": random_id(rng),
            "type": rng.choice(["view", "click", "click"]),
            "occurredAt": earlier(rng, now),
            "offerId": rng.choice(list(self.owner_of)),
            "partnerId": self.partner(rng),
        }

    def callback(self, rng: random.Random, now: datetime) -> dict[str, Any]:
        with self.lock:
            if not self.conversions or rng.random() < 0.5:
                self.conversions.append((random_id(rng), rng.choice(list(self.owner_of)), self.partner(rng)))
            id_, offer, partner = rng.choice(self.conversions[-50:])
        return {
            "id": random_id(rng),
            "sentAt": earlier(rng, now),
            "conversion": {
                "conversionId": id_,
                "status": rng.choice(["Pending", "Success", "Success", "Rejected"]),
                "userCompletedAt": rng.choice([None, earlier(rng, now)]),
                "createdAt": earlier(rng, now),
                "offerId": offer,
                "partnerId": partner,
                "revenue": rng.choice([None, 0, 60, "69.50", "0.0000015", str(rng.randrange(10**8) / 10**4)]),
            },
        }

    def partner(self, rng: random.Random) -> str | None:
        partner: dict[str, Any] | None = rng.choice([None, *self.partners])
        return None if partner is None else partner["id"]

    def record(self, batch: Batch) -> None:
        """Puts the batch into the models before it is sent for the first time."""
        with self.lock:
            for record in batch.records:
                if batch.kind == "events":
                    owner = self.owner_of[record["offerId"]]
                    owner.oracle.happen(record)
                    owner.sent += record["type"] == "click"
                elif batch.kind == "conversions":
                    self.owner_of[record["conversion"]["offerId"]].oracle.send(record)

    def acknowledge(self, batch: Batch) -> None:
        with self.lock:
            batch.acknowledged = True
            for record in batch.records:
                if batch.kind == "events":
                    self.owner_of[record["offerId"]].acknowledged += record["type"] == "click"


class Traffic:
    """`violations` says what must not have happened; `outcomes` counts the responses."""

    def __init__(self, deployment: Deployment, seed: int) -> None:
        self.deployment = deployment
        self.seed = seed
        rng = random.Random(seed)
        self.started = datetime.now(UTC)
        self.tenants = [Tenant(access, rng) for access in deployment.tenants]
        self.violations: list[str] = []
        self.outcomes: Counter[str] = Counter()
        self.records = 0
        self._unfinished: list[tuple[Tenant, Batch]] = []
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for tenant in self.tenants:
            with new_client() as client:
                for batch in tenant.catalogue():
                    self.deliver(client, tenant, batch, random.Random())
        for number, tenant in enumerate(self.tenants):
            loops: list[Callable[[Tenant, random.Random], None]] = [self._send, self._send, self._read]
            for place, loop in enumerate(loops):
                rng = random.Random(f"{self.seed} {number} {place}")
                thread = threading.Thread(target=self._guarded, args=(loop, tenant, rng), daemon=True)
                thread.start()
                self._threads.append(thread)

    def stop(self) -> None:
        """Ends the traffic, then sends what is not acknowledged until it is."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        self._stopped.clear()
        with new_client() as client:
            for tenant, batch in self._unfinished:
                self.deliver(client, tenant, batch, random.Random())

    def violation(self, text: str) -> None:
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(f"{datetime.now(UTC):%H:%M:%S} {text}")

    def _guarded(self, loop: Callable[[Tenant, random.Random], None], tenant: Tenant, rng: random.Random) -> None:
        try:
            loop(tenant, rng)
        except Exception as error:  # noqa: BLE001  # else the thread would end unnoticed
            self.violation(f"{loop.__name__} of {tenant.access.slug}: {error!r}")

    def _send(self, tenant: Tenant, rng: random.Random) -> None:
        with new_client() as client:
            while not self._stopped.is_set():
                batch = tenant.batch(rng, self.started)
                tenant.record(batch)
                self.records += len(batch.records)
                if self.deliver(client, tenant, batch, rng) and rng.random() < 0.2:
                    self.deliver(client, tenant, batch, rng)
                time.sleep(rng.uniform(0, PAUSE))

    def deliver(self, client: httpx.Client, tenant: Tenant, batch: Batch, rng: random.Random) -> bool:
        """Sends the batch until it is acknowledged, or the traffic stops. Tells whether it is acknowledged."""
        while not self._stopped.is_set():
            response = self.response(
                client,
                tenant.access,
                "POST" if batch.kind in {"conversions", "events"} else "PUT",
                f"{rng.choice(self.deployment.apps).url}/api/v1/ingest/{batch.kind}",
                content=msgspec.json.encode(batch.records),
                headers=headers_of(tenant.access, tenant.access.ingest_key) | {"Content-Type": "application/json"},
            )
            if response is not None:
                self._check_acknowledgement(batch, response.json())
                if not batch.acknowledged:
                    tenant.acknowledge(batch)
                return True
            batch.attempts += 1
            time.sleep(PAUSE)
        if not batch.acknowledged:
            self._unfinished.append((tenant, batch))
        return False

    def _check_acknowledgement(self, batch: Batch, answer: dict[str, Any]) -> None:
        """A call is one transaction. So of events, which are new in each batch, all are accepted or all duplicates."""
        accepted, count = answer["accepted"], len(batch.records)
        if answer["rejected"] or accepted + answer["duplicates"] != count:
            self.violation(f"{count} {batch.kind} were answered by {answer}")
        if batch.kind == "events":
            expected = {0} if batch.acknowledged else {0, count} if batch.attempts else {count}
            if accepted not in expected:
                self.violation(f"{accepted} of {count} events were accepted, not one of {expected}: {batch}")

    def response(
        self, client: httpx.Client, tenant: TenantAccess, method: str, url: str, **rest: Any
    ) -> httpx.Response | None:
        """The response if it is a success, None if the service is unavailable. Anything else is a violation."""
        try:
            response = client.request(method, url, **rest)
        except httpx.HTTPError as error:
            self.outcomes[type(error).__name__] += 1
            return None
        self.outcomes[str(response.status_code)] += 1
        if response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
            return response
        if response.status_code == UNAVAILABLE and "retry-after" not in response.headers:
            self.violation(f"503 without Retry-After: {response.text}")
        suspended = response.status_code == SUSPENDED and tenant.slug in self.deployment.suspended
        if response.status_code != UNAVAILABLE and not suspended:
            self.violation(f"{method} {url} of {tenant.slug}: {response.status_code} {response.text}")
        return None

    # Reports

    def _read(self, tenant: Tenant, rng: random.Random) -> None:
        with new_client() as client:
            known: dict[tuple[str, str], tuple[str, int]] = {}  # (key, path): ETag and clicks of the last response
            while not self._stopped.is_set():
                advertiser, path = rng.choice(tenant.advertisers), rng.choice([JSON, CSV, SINGULAR])
                self._read_once(client, rng.choice(self.deployment.apps), advertiser, path, known)
                time.sleep(rng.uniform(0, PAUSE))

    def _read_once(
        self,
        client: httpx.Client,
        app: App,
        advertiser: Advertiser,
        path: str,
        known: dict[tuple[str, str], tuple[str, int]],
    ) -> None:
        """A report shows at least the clicks that had been acknowledged before it was requested."""
        last = known.get((advertiser.key, path))
        least = advertiser.acknowledged
        response = self.response(
            client,
            advertiser.tenant,
            "GET",
            app.url + path,
            params=self.whole_range(),
            headers=headers_of(advertiser.tenant, advertiser.key) | ({"If-None-Match": last[0]} if last else {}),
        )
        if response is None:
            return
        if response.status_code == httpx.codes.NOT_MODIFIED:
            assert last is not None
            clicks = last[1]
        else:
            rows = report_rows(path, response)
            offer, number = ("campaign_id", "clicks") if path == SINGULAR else ("offerId", "totalClicks")
            clicks = sum(int(row[number]) for row in rows)
            if foreign := {row[offer] for row in rows} - set(advertiser.oracle.offers):
                self.violation(f"{path} of {advertiser.tenant.slug} has foreign offers: {foreign}")
        most = advertiser.sent
        if not least <= clicks <= most:
            self.violation(
                f"{path} of {advertiser.tenant.slug} at {app.log.stem} has {clicks} clicks, not {least} to {most} "
                f"({response.status_code}, {dict(response.headers)})"
            )
        if "etag" in response.headers:
            known[advertiser.key, path] = (response.headers["etag"], clicks)

    def whole_range(self) -> dict[str, str]:
        return {
            "date_from": f"{self.started - timedelta(days=DAYS + 1):%Y-%m-%d}",
            "date_to": f"{self.started:%Y-%m-%d}",
        }


def report_rows(path: str, response: httpx.Response) -> list[dict[str, Any]]:
    if path == CSV:
        return list(csv.DictReader(io.StringIO(response.text, newline="")))
    data = exactly.decode(response.content)["data"]
    rows: list[dict[str, Any]] = data["items"] if path == SINGULAR else data
    return rows


def headers_of(tenant: TenantAccess, key: str) -> dict[str, str]:
    return {"Host": tenant.host, "Authorization": f"ApiToken {key}"}


def new_client() -> httpx.Client:
    return httpx.Client(timeout=TIMEOUT, verify=NO_TLS)


def random_id(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def earlier(rng: random.Random, now: datetime) -> str:
    """A time in the last DAYS days before `now`, half of them in the last day."""
    seconds = rng.uniform(0, 86_400 if rng.random() < 0.5 else DAYS * 86_400)
    return f"{now - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%f}Z"
