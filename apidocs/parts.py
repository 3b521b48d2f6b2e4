"""Small builders of OpenAPI objects, and the headers that several operations share."""

from typing import Any

import msgspec

from web.operations import INT64

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


MAX_LENGTHS = {"uuid": 36, "date": 10, "date-time": 40}


def bounded(value: Json) -> Json:
    """The document with the bounds that follow from the types: lengths of formats, and the range of integers."""
    bounds: Json = {}
    if value.get("format") in MAX_LENGTHS and value.get("type") == "string":
        bounds = {"maxLength": MAX_LENGTHS[value["format"]]}
    elif value.get("type") == "integer":
        bounds = INT64
    return bounds | {key: inner if key.startswith("example") else bounded_part(inner) for key, inner in value.items()}


def bounded_part(value: Any) -> Any:
    if isinstance(value, list):
        return [bounded_part(inner) for inner in value]
    return bounded(value) if isinstance(value, dict) else value


RATE_LIMITS = ("RateLimit-Policy", "RateLimit")


def always(description: str, schema: Json, example: object) -> Json:
    return {"description": description, "required": True, "schema": schema, "example": example}


def string(pattern: str) -> Json:
    return {"type": "string", "pattern": pattern, "maxLength": 200}


INSTANT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"

HEADERS: Json = {
    "X-Request-Id": always(
        "Identifies this request in our log: include it when you contact us. It is the one that you sent, if that "
        "consisted of 1 to 100 of `A-Z a-z 0-9 . _ -`.",
        string(r"^[A-Za-z0-9._-]{1,100}$"),
        "5f0c2a9e7b3d4c61a1f4c6a0d9b8e7f2",
    ),
    "RateLimit-Policy": always(
        "The limit that applies: bursts of `q` requests, restored evenly over `w` seconds "
        "(draft-ietf-httpapi-ratelimit-headers).",
        string(r'^"(token|failures)";q=\d+;w=\d+$'),
        '"token";q=100;w=10',
    ),
    "RateLimit": always(
        "What remains: `r` requests now, and all of them after `t` seconds.",
        string(r'^"(token|failures)";r=\d+;t=\d+$'),
        '"token";r=99;t=1',
    ),
    "Retry-After": always("The number of seconds after which to try again.", {"type": "integer", "minimum": 1}, 5),
    "WWW-Authenticate": always("The scheme of the Authorization header.", {"const": "ApiToken"}, "ApiToken"),
    "Allow": always("The methods that this URL supports.", {"type": "string", "maxLength": 100}, "GET, HEAD, OPTIONS"),
    "Accept-Encoding": {
        "description": "The supported content encodings, if the one sent is not supported.",
        "schema": {"type": "string", "maxLength": 100},
        "example": "gzip, zstd",
    },
    "GoKart-Range": always(
        "The range that the report covers, as resolved from the filter: half-open, UTC.",
        string(f"^{INSTANT}/{INSTANT}$"),
        "2024-01-22T00:00:00Z/2025-01-23T00:00:00Z",
    ),
    "GoKart-Notice": {
        "description": "Why the report covers more than the requested range: data by the quarter of an hour is kept "
        "for a limited time, so a range that starts or ends within an older day is widened to that whole day. Absent "
        "if the report covers the requested range.",
        "schema": {"type": "string", "maxLength": 500},
        "example": "Figures before 2024-10-16 are kept by day: the range was widened to whole days, see GoKart-Range.",
    },
    "GoKart-Data-Through": always(
        "The time (UTC) up to which data had been received when the report was made.",
        {"type": "string", "format": "date-time"},
        "2025-01-23T06:12:40Z",
    ),
    "GoKart-Recorded-Since": always(
        "The time (UTC) since which histories are recorded.",
        {"type": "string", "format": "date-time"},
        "2025-01-01T00:00:00.000000Z",
    ),
    "GoKart-Next-Changed-Since": always(
        "`changed_since` of a later request that misses no change after this one.",
        {"type": "string", "format": "date-time"},
        "2025-06-02T09:13:01.311000Z",
    ),
    "GoKart-Rows": {
        "description": "The number of rows in the body. Absent if the report is streamed.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 2,
    },
    "ETag": always(
        "Changes whenever the report changes, including names. Send it back in `If-None-Match`.",
        string(r'^W/"[0-9a-f]+"$'),
        'W/"9b2cf535f27731c974343645a3985328"',
    ),
    "Cache-Control": always(
        "Private to the caller, and revalidated before each use, because the numbers of past days change.",
        {"const": "private, no-cache"},
        "private, no-cache",
    ),
    "Vary": always(
        "Each API key returns its own advertiser's report.",
        {"type": "string", "maxLength": 200},
        "Authorization, Accept-Encoding",
    ),
    "Content-Disposition": always(
        "A file name that contains the range.",
        string(r'^attachment; filename="[^"]+\.(csv|ndjson|xlsx|parquet)"$'),
        'attachment; filename="gokart-cost-report_2024-01-22T000000Z_2025-01-23T000000Z.csv"',
    ),
}
