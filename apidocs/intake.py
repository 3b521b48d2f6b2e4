"""The ingest part of the document: four calls that accept batches of records."""

from pathlib import Path

import msgspec

from apidocs.errors import failures
from apidocs.parts import RATE_LIMITS, Json, headers, ref, schema, schemas_of
from ingest.batches import BatchResult
from ingest.records import Callback, Event, OfferRecord, PartnerRecord
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
PARTNER = {"id": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "name": "Playdeck"}

ENCODINGS = (
    "`Content-Encoding` may be `gzip` or `zstd`. At most "
    f"{settings.intake_body:,} bytes as sent and {settings.intake_inflated:,} decompressed."
)
PER_RECORD = (
    "Each call is one transaction: acknowledged records are durable, counted exactly once, and included in the next "
    "report. Calls can be repeated, in whole or in part and in any order, without counting a record twice. An invalid "
    "record is listed under `rejected`; the other records are accepted. Requires an API key with the scope `ingest`."
)


SCHEMAS = schemas_of(Callback, Event, OfferRecord, PartnerRecord, BatchResult)


class IngestCall(msgspec.Struct, frozen=True):
    method: str
    operation: str
    record: type[msgspec.Struct]
    records: list[Json]
    summary: str
    description: str


INGEST_CALLS = {
    "conversions": IngestCall(
        "post",
        "sendConversions",
        Callback,
        [CALLBACK],
        "Conversion callbacks",
        "GoKart conversion callbacks, schema v1. The callback that was sent last determines the conversion, in "
        "whatever order the callbacks arrive. Unknown offers, advertisers and partners are created. Existing ones are "
        "not renamed: use the catalogue calls for that. A callback that names another advertiser than its "
        "offer has is rejected.",
    ),
    "events": IngestCall(
        "post",
        "sendEvents",
        Event,
        EVENTS,
        "Views and clicks",
        "Each event is counted once by its id and the UTC month of `occurredAt`: sent again with a time in another "
        "month, it is another event. An event of an unknown offer or partner is rejected; send it again "
        "after the offer and the partner have been created. "
        f"Events before {settings.oldest_event_date} are rejected. A call takes events of at most "
        f"{settings.intake_months} calendar months; older ones are rejected, to be sent in another call.",
    ),
    "offers": IngestCall(
        "put",
        "putOffers",
        OfferRecord,
        [OFFER],
        "Offers of the catalogue",
        "Creates and updates offers, and creates and renames their advertisers. The first record of an offer sets its "
        "advertiser. A later record with another `advertiserId` is rejected: an offer takes its history along, so "
        "only staff move it, in the admin.",
    ),
    "partners": IngestCall(
        "put", "putPartners", PartnerRecord, [PARTNER], "Partners of the catalogue", "Creates and renames partners."
    ),
}


def intake_paths() -> Json:
    return {f"/api/v1/ingest/{kind}": {call.method: operation(call)} for kind, call in INGEST_CALLS.items()}


def operation(call: IngestCall) -> Json:
    return {
        "operationId": call.operation,
        "tags": ["Ingest"],
        "summary": call.summary,
        "description": f"{call.description}\n\n{PER_RECORD}",
        "security": [{"ApiToken": []}],
        "parameters": [ref("parameters", "X-Request-Id")],
        "requestBody": {
            "required": True,
            "description": f"One record, an array of records, or one record per line (NDJSON). {ENCODINGS}",
            "content": {
                "application/json": {
                    "schema": one_or_more(call.record.__name__),
                    "examples": json_examples(call.records),
                },
                "application/x-ndjson": {
                    "schema": lines(call.record.__name__),
                    "examples": line_examples(call.records),
                },
            },
        },
        "responses": {
            "200": {
                "description": "How many records were accepted, and which were rejected.",
                "headers": headers("X-Request-Id", *RATE_LIMITS),
                "content": {"application/json": {"schema": schema("BatchResult"), "examples": answers()}},
            },
            **{
                str(status): ref("responses", name)
                for status, name in sorted((failures("NotJson") | {422: "TooMuch"}).items())
            },
        },
    }


def one_or_more(kind: str) -> Json:
    return {"anyOf": [schema(kind), {"type": "array", "items": schema(kind)}]}


def lines(kind: str) -> Json:
    return {
        "type": "string",
        "format": "binary",
        "contentMediaType": "application/x-ndjson",
        "description": "One record per line. An invalid line is listed under `rejected`.",
        "x-line": schema(kind),
    }


def json_examples(records: list[Json]) -> Json:
    return {
        "one": {"summary": "One record", "value": records[0]},
        "array": {"summary": "An array", "value": records},
    }


def line_examples(records: list[Json]) -> Json:
    text = "".join(f"{msgspec.json.encode(record).decode()}\n" for record in records)
    return {"lines": {"summary": "One record per line", "value": text}}


def answers() -> Json:
    unknown = {
        "index": 0,
        "id": EVENTS[0]["id"],
        "field": "offerId",
        "message": f"{EVENTS[0]['offerId']} is not a known offer",
    }
    return {
        "accepted": {"summary": "All accepted", "value": {"accepted": 2, "duplicates": 0, "rejected": []}},
        "again": {"summary": "Sent again", "value": {"accepted": 0, "duplicates": 2, "rejected": []}},
        "rejected": {"summary": "One rejected", "value": {"accepted": 1, "duplicates": 0, "rejected": [unknown]}},
    }
