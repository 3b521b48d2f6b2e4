"""What staff see of a new ingest key: a sample of each call with an offer of the tenant, and the first records."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from core.timestamps import iso
from database.pool import connection
from tenants.tenant import Tenant

MAX_BATCHES = 5
POLLS = 200  # of an open page, which would keep the session alive forever
IN_STRINGS = re.compile(r"""\\["\\]|[$`!%'<>&|^]""")  # what JSON escapes with a backslash, and what shells replace


class SampleCall(msgspec.Struct, frozen=True):
    """`body` is JSON for the inside of double quotes, in the shells of Linux, macOS and Windows."""

    kind: str
    method: str
    path: str
    label: str
    body: str


class ReceivedBatch(msgspec.Struct, frozen=True):
    """`field` and `message` are of the first record that was rejected, if any."""

    received_at: datetime
    kind: str
    accepted: int
    duplicates: int
    rejected: int
    field: str | None
    message: str | None


async def sample_calls(tenant: Tenant) -> Sequence[SampleCall]:
    """With one of the tenant's offers, or else a new one. Those of the catalogue change nothing if the offer exists."""
    s = tenant.schema
    async with connection() as db:
        offer = await db.fetchrow(
            f"""
            SELECT o.id, o.name, a.id AS advertiser_id, a.name AS advertiser_name, o.campaign_name, o.app_name,
                o.store_id, o.os
            FROM {s}.offer o JOIN {s}.advertiser a ON a.id = o.advertiser
            ORDER BY o.status <> 'active', o.created_at DESC, o.id LIMIT 1
            """
        )
        advertiser = await db.fetchrow(f"SELECT id, name FROM {s}.advertiser ORDER BY created_at DESC, id LIMIT 1")
        partner = await db.fetchrow(
            f"SELECT id, name FROM {s}.partner WHERE id <> $1 ORDER BY created_at DESC, id LIMIT 1", tenant.id
        )
    if offer:
        record = {camel(name): value for name, value in offer.items()}
    else:
        owner = advertiser or {"id": uuid4(), "name": "Example advertiser"}
        record = {
            "id": uuid4(),
            "name": "Example offer",
            "advertiserId": owner["id"],
            "advertiserName": owner["name"],
        }
    now = iso(datetime.now(UTC))
    event = {"id": uuid4(), "type": "view", "offerId": record["id"], "partnerId": None, "occurredAt": now}
    conversion = {
        "id": uuid4(),
        "sentAt": now,
        "conversion": {
            "conversionId": uuid4(),
            "status": "Pending",
            "offerId": record["id"],
            "partnerId": None,
            "revenue": 1.5,
            "userCompletedAt": now,
        },
    }
    known = "It exists, so this changes nothing." if offer else "Send this first: there is no offer yet."
    of_partner = dict(partner) if partner else {"id": uuid4(), "name": "Example partner"}
    return [
        SampleCall("offers", "PUT", "/api/v1/ingest/offers", f"An offer. {known}", in_double_quotes(record)),
        SampleCall(
            "partners",
            "PUT",
            "/api/v1/ingest/partners",
            "A partner. It exists, so this changes nothing." if partner else "A partner.",
            in_double_quotes(of_partner),
        ),
        SampleCall(
            "events",
            "POST",
            "/api/v1/ingest/events",
            "A view of the offer. It counts: reports show one more view today.",
            in_double_quotes([event]),
        ),
        SampleCall(
            "conversions",
            "POST",
            "/api/v1/ingest/conversions",
            "A pending conversion. It does not count until its status is Success.",
            in_double_quotes(conversion),
        ),
    ]


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)


def in_double_quotes(value: object) -> str:
    text = json.dumps(value, default=str)
    safe = IN_STRINGS.sub(lambda found: f"\\u{ord(found[0][-1]):04x}", text)
    return safe.replace('"', '\\"')


async def latest_batches(tenant: Tenant, api_key: int) -> Sequence[ReceivedBatch]:
    """The last MAX_BATCHES batches of the key that had records, the newest first."""
    s = tenant.schema
    async with connection() as db:
        rows: Sequence[Any] = await db.fetch(
            f"""
            SELECT i.received_at, i.kind, i.accepted, i.duplicates, i.rejected, r.field, r.message
            FROM {s}.intake i LEFT JOIN LATERAL (
                SELECT field, message FROM {s}.intake_reject WHERE intake = i.id ORDER BY index LIMIT 1
            ) r ON true
            WHERE i.token = $1 AND i.accepted + i.duplicates + i.rejected > 0
            ORDER BY i.received_at DESC LIMIT {MAX_BATCHES}
            """,
            api_key,
        )
    return [ReceivedBatch(**row) for row in rows]
