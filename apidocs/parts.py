"""Small builders of OpenAPI objects, and the headers that several operations share."""

from typing import Any

import msgspec

Json = dict[str, Any]


def ref(section: str, name: str) -> Json:
    return {"$ref": f"#/components/{section}/{name}"}


def schema(name: str) -> Json:
    return ref("schemas", name)


def headers(*names: str) -> Json:
    return {name: ref("headers", name) for name in names}


def schemas_of(*structs: type[msgspec.Struct]) -> Json:
    """The schemas of the structs and of those that they refer to, from their annotations and docstrings."""
    _, components = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    return components


RATE_LIMITS = ("RateLimit-Policy", "RateLimit")


def always(description: str, schema: Json, example: object) -> Json:
    return {"description": description, "required": True, "schema": schema, "example": example}


def string(pattern: str) -> Json:
    return {"type": "string", "pattern": pattern}


INSTANT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"

HEADERS: Json = {
    "X-Request-Id": always(
        "Names this request in our log: give it when you ask about a response. It is the one that you sent, if that "
        "had 1 to 100 of `A-Z a-z 0-9 . _ -`.",
        string(r"^[A-Za-z0-9._-]{1,100}$"),
        "5f0c2a9e7b3d4c61a1f4c6a0d9b8e7f2",
    ),
    "RateLimit-Policy": always(
        "The limit that applies: `q` requests at once when rested, won back evenly over `w` seconds "
        "(draft-ietf-httpapi-ratelimit-headers).",
        string(r'^"(token|failures)";q=\d+;w=\d+$'),
        '"token";q=100;w=10',
    ),
    "RateLimit": always(
        "What is left of it: `r` requests now, all of them in `t` seconds.",
        string(r'^"(token|failures)";r=\d+;t=\d+$'),
        '"token";r=99;t=1',
    ),
    "Retry-After": always("Seconds after which to try again.", {"type": "integer", "minimum": 1}, 5),
    "WWW-Authenticate": always("The scheme of the Authorization header.", {"const": "ApiToken"}, "ApiToken"),
    "Allow": always("The methods that this URL answers.", {"type": "string"}, "GET, HEAD, OPTIONS"),
    "Accept-Encoding": {
        "description": "The content encodings that are taken, where the one sent was the reason.",
        "schema": {"type": "string"},
        "example": "gzip, zstd",
    },
    "GoKart-Range": always(
        "The range that the report covers, as resolved from the filter: half-open, UTC.",
        string(f"^{INSTANT}/{INSTANT}$"),
        "2024-01-22T00:00:00Z/2025-01-23T00:00:00Z",
    ),
    "GoKart-Notice": {
        "description": "Why the report is not of the range that was asked for: figures by the quarter of an hour are "
        "kept for a time, and by the day for ever, so an end of the range within an older day was moved to take in "
        "the whole of it. Left out where the range is the one asked for.",
        "schema": {"type": "string"},
        "example": "Before 2024-10-16 figures are kept by the day: the range was widened to whole days there, as "
        "GoKart-Range says.",
    },
    "GoKart-Data-Through": always(
        "The instant (UTC) up to which data had been taken in when the report was made.",
        {"type": "string", "format": "date-time"},
        "2025-01-23T06:12:40Z",
    ),
    "GoKart-Rows": {
        "description": "Number of rows in the body. Left out where the report is so large that it is streamed.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 2,
    },
    "ETag": always(
        "Changes whenever anything that the report shows does, names included. Send it back in `If-None-Match`.",
        string(r'^W/"[0-9a-f]+"$'),
        'W/"9b2cf535f27731c974343645a3985328"',
    ),
    "Cache-Control": always(
        "For the caller alone, and to be asked about before each use: figures of past days change.",
        {"const": "private, no-cache"},
        "private, no-cache",
    ),
    "Vary": always(
        "Each token sees its own advertiser's report.", {"type": "string"}, "Authorization, Accept-Encoding"
    ),
    "Content-Disposition": always(
        "A file name with the report's range.",
        string(r'^attachment; filename="[^"]+\.csv"$'),
        'attachment; filename="gokart-cost-report_2024-01-22T000000Z_2025-01-23T000000Z.csv"',
    ),
}
