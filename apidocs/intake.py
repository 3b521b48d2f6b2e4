"""The document's part about data in: four calls that take batches of records."""

from pathlib import Path

import msgspec

from apidocs.errors import failures
from apidocs.parts import RATE_LIMITS, Json, exactly, headers, record, ref, schema
from settings import settings

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
CALLBACK = msgspec.json.decode((EXAMPLES / "conversion-callback-v1.json").read_bytes())
EVENTS = [msgspec.json.decode(line) for line in (EXAMPLES / "events.ndjson").read_bytes().splitlines()]
OFFER = {
    "id": "6a8273c6-fe06-4be2-927e-c8be786c3fff",
    "name": "Test",
    "advertiserId": "ee70b574-1234-4b4e-8b99-46e050754d1c",
    "advertiserName": "Brown Boots",
    "campaignName": "AOS_TEST_2025",
    "appName": "Test App",
    "storeId": "com.test",
    "os": "ANDROID",
}
PARTNER = {"id": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "name": "Limestone Digital"}

ENCODINGS = (
    "`Content-Encoding` may be `gzip` or `zstd`. At most "
    f"{settings.intake_body:,} bytes as sent and {settings.intake_inflated:,} inflated."
)
TAKEN_BY_RECORD = (
    "The call is one transaction: what it acknowledges is durable, counted exactly once, and in the next report. "
    "Sending the same again, in part or whole, in any order, changes nothing. One bad record does not sink the "
    "others: it is listed under `rejected`, and the rest is taken. Needs a token with the scope `ingest`."
)


def uuid(description: str, *, null: bool = False) -> Json:
    return {"type": ["string", "null"] if null else "string", "format": "uuid", "description": description}


def instant(description: str, *, null: bool = False) -> Json:
    return {
        "type": ["string", "null"] if null else "string",
        "format": "date-time",
        "description": f"{description} Up to seven decimals, any offset; without one it is UTC. At most a day ahead.",
    }


def name(description: str, *, null: bool = False) -> Json:
    return {
        "type": ["string", "null"] if null else "string",
        "minLength": 1,
        "maxLength": 500,
        "description": description,
    }


def words(description: str) -> Json:
    return {"type": ["string", "null"], "maxLength": 500, "description": description}


PARTNER_OR_TENANT = "The publisher who showed the offer; null: the tenant itself."

SCHEMAS: Json = {
    "Callback": record(
        "A GoKart conversion callback, schema v1. Keys may come in PascalCase too. Keys not listed here are ignored.",
        ["sentAt", "conversion"],
        {
            "id": uuid("The callback's own id.", null=True),
            "sentAt": instant("Of a conversion's callbacks the one sent last holds, in whatever order they arrive."),
            "conversion": schema("Conversion"),
        },
    ),
    "Conversion": record(
        "The conversion's state. It counts at `userCompletedAt`, else at `createdAt`; one of them must be there.",
        ["conversionId", "status", "offerId"],
        {
            "conversionId": uuid("The conversion; the same through all changes of its state."),
            "status": {
                "enum": ["Pending", "Success", "Rejected"],
                "description": "Only `Success` counts and costs. Every change is taken, also weeks later.",
            },
            "offerId": uuid("The offer. One not seen before is created, if `offerAdvertiserId` is given."),
            "offerName": name("Used if the offer is created; it renames none that exists.", null=True),
            "offerAdvertiserId": uuid("The offer's advertiser.", null=True),
            "offerAdvertiserName": name("Used if the advertiser is created.", null=True),
            "partnerId": uuid(PARTNER_OR_TENANT, null=True),
            "partnerName": name("Used if the publisher is created.", null=True),
            "revenue": {
                "description": "What the advertiser owes: 0 to less than 1000000000, null is 0. A number, or a "
                "decimal in a string, read exactly; more than six places are rounded half-even.",
                "anyOf": [
                    {"type": "number", "minimum": 0, "exclusiveMaximum": 1_000_000_000},
                    {"type": "string", "pattern": r"^\d{1,9}(\.\d+)?$"},
                    {"type": "null"},
                ],
            },
            "userCompletedAt": instant("When the user completed the action.", null=True),
            "createdAt": instant("When the conversion was recorded.", null=True),
            "rejectionReason": {"type": ["string", "null"], "maxLength": 10_000, "description": "Kept as sent."},
            "clickId": uuid("The click that led to it.", null=True),
        },
    ),
    "Event": record(
        "A view or a click.",
        ["id", "type", "offerId", "occurredAt"],
        {
            "id": uuid("Counted once, however often it is sent."),
            "type": {
                "enum": ["view", "click"],
                "description": "view: the offer's page was opened; click: somebody was sent on to the advertiser.",
            },
            "offerId": uuid("An offer that is known; else the record is rejected, to be sent again once it is."),
            "partnerId": uuid(PARTNER_OR_TENANT, null=True),
            "occurredAt": instant("When it happened."),
        },
    ),
    "Offer": record(
        "An offer of the catalogue, whole: what is left out becomes null.",
        ["id", "name", "advertiserId"],
        {
            "id": uuid("The offer."),
            "name": name("Its name as users see it."),
            "advertiserId": uuid("Whose offer it is."),
            "advertiserName": name(
                "Needed if the advertiser has not been seen before; renames one that has.", null=True
            ),
            "campaignName": words("The advertiser's own name for the offer."),
            "appName": words("The app that it advertises."),
            "storeId": words("`com.test`, or an App Store number."),
            "os": {"enum": ["IOS", "ANDROID", "WEB", None], "description": "The app's."},
        },
    ),
    "Partner": record(
        "A publisher.", ["id", "name"], {"id": uuid("The publisher."), "name": name("Its name in reports.")}
    ),
    "IntakeAnswer": exactly(
        "What became of the records.",
        {
            "accepted": {"type": "integer", "minimum": 0, "description": "Were new, or changed something."},
            "duplicates": {
                "type": "integer",
                "minimum": 0,
                "description": "Changed nothing: seen before, or older than what is known.",
            },
            "rejected": {"type": "array", "items": schema("Reject"), "description": "Were not taken."},
        },
    ),
    "Reject": exactly(
        "A record that was not taken.",
        {
            "index": {"type": "integer", "minimum": 0, "description": "Its place in the body, from 0."},
            "id": {"type": ["string", "null"], "description": "Its own `id`, as sent, if it has one."},
            "field": {"type": "string", "description": "What was wrong; empty if it was the record as a whole."},
            "message": {"type": "string", "description": "Why, for people."},
        },
    ),
}


class Call(msgspec.Struct, frozen=True):
    """`record` names a component."""

    method: str
    operation: str
    record: str
    records: list[Json]
    summary: str
    description: str


CALLS = {
    "conversions": Call(
        "post",
        "sendConversions",
        "Callback",
        [CALLBACK],
        "Conversion callbacks",
        "GoKart conversion callbacks, schema v1. The callback of a conversion that was sent last holds, in whatever "
        "order they arrive. An offer, advertiser or publisher not seen before is created, and none that exists is "
        "renamed or moved: that is the catalogue's to do.",
    ),
    "events": Call(
        "post",
        "sendEvents",
        "Event",
        EVENTS,
        "Views and clicks",
        "Each counted once by its id. One of an unknown offer or publisher is rejected, and taken when it is sent "
        "again once they are known.",
    ),
    "offers": Call(
        "put",
        "putOffers",
        "Offer",
        [OFFER],
        "The catalogue's offers",
        "Makes and changes offers, and makes and renames their advertisers. Past figures follow an offer that moves to "
        "another advertiser.",
    ),
    "partners": Call(
        "put", "putPartners", "Partner", [PARTNER], "The catalogue's publishers", "Makes and renames publishers."
    ),
}


def paths() -> Json:
    return {f"/api/v1/ingest/{kind}": {call.method: operation(call)} for kind, call in CALLS.items()}


def operation(call: Call) -> Json:
    return {
        "operationId": call.operation,
        "tags": ["Data in"],
        "summary": call.summary,
        "description": f"{call.description}\n\n{TAKEN_BY_RECORD}",
        "security": [{"ApiToken": ["ingest"]}],
        "parameters": [ref("parameters", "X-Request-Id")],
        "requestBody": {
            "required": True,
            "description": f"One record, an array of records, or a record a line (NDJSON). {ENCODINGS}",
            "content": {
                "application/json": {"schema": one_or_more(call.record), "examples": json_examples(call.records)},
                "application/x-ndjson": {"schema": lines(call.record), "examples": line_examples(call.records)},
            },
        },
        "responses": {
            "200": {
                "description": "What became of the records.",
                "headers": headers("X-Request-Id", *RATE_LIMITS),
                "content": {"application/json": {"schema": schema("IntakeAnswer"), "examples": answers()}},
            },
            **{
                str(status): ref("responses", name)
                for status, name in sorted((failures("NotJson") | {422: "TooMuch"}).items())
            },
        },
    }


def one_or_more(kind: str) -> Json:
    return {
        "anyOf": [
            schema(kind),
            {"type": "array", "items": schema(kind)},
            {
                "type": ["object", "array"],
                "description": "Anything else is taken for records as well, which are then listed under `rejected`.",
            },
        ]
    }


def lines(kind: str) -> Json:
    return {
        "type": "array",
        "description": "A record a line, the first an object. A line that is none is listed under `rejected`.",
        "minItems": 1,
        "prefixItems": [{"anyOf": [schema(kind), {"type": "object"}]}],
        "items": {"anyOf": [schema(kind), {}]},
    }


def json_examples(records: list[Json]) -> Json:
    return {
        "one": {"summary": "One record", "value": records[0]},
        "array": {"summary": "An array", "value": records},
    }


def line_examples(records: list[Json]) -> Json:
    text = "".join(f"{msgspec.json.encode(record).decode()}\n" for record in records)
    return {"lines": {"summary": "A record a line", "value": text}}


def answers() -> Json:
    unknown = {
        "index": 0,
        "id": EVENTS[0]["id"],
        "field": "offerId",
        "message": f"{EVENTS[0]['offerId']} is not a known offer",
    }
    return {
        "taken": {"summary": "All taken", "value": {"accepted": 2, "duplicates": 0, "rejected": []}},
        "again": {"summary": "Sent again", "value": {"accepted": 0, "duplicates": 2, "rejected": []}},
        "rejected": {"summary": "One rejected", "value": {"accepted": 1, "duplicates": 0, "rejected": [unknown]}},
    }
