"""The operations that are generated from their handlers: the handlers of the app with a `web.operations.Operation`."""

from collections.abc import Iterator
from functools import cache
from inspect import getdoc

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from apidocs.errors import failures, without_body
from apidocs.parts import HEADERS, RATE_LIMITS, Json, headers, ref, schema, schemas_of
from web.operations import CSV, JSON, NDJSON, Operation

NO_BODY = (413, 415)  # statuses of requests with a body

RECORDS = {
    NDJSON: "One JSON object per line; of a report, the last line is its `meta`. ",
    CSV: "UTF-8, quoted as in RFC 4180, with a header row. Null is an empty field. ",
}
TRUNCATED = (
    "If an error occurs while the response is being sent, the connection is aborted, which HTTP clients report as an "
    "error. Discard such a response."
)


@cache
def documented_handlers(app: Litestar) -> list[tuple[str, HTTPRouteHandler]]:
    """The path and the handler of each documented operation."""
    return [
        (route.path, handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if "operation" in handler.opt
    ]


@cache
def operation_paths(app: Litestar) -> Json:
    return {path: dict(methods(handler)) for path, handler in documented_handlers(app)}


@cache
def operation_schemas(app: Litestar) -> Json:
    operations = [handler.opt["operation"] for _, handler in documented_handlers(app)]
    structs = {struct: None for operation in operations for struct in operation.responses.values() if struct}
    return schemas_of(*structs)


def methods(handler: HTTPRouteHandler) -> Iterator[tuple[str, Json]]:
    operation: Operation = handler.opt["operation"]
    assert handler.http_methods <= {"GET", "HEAD"}, "other methods need a body"
    yield "get", described(operation, handler)
    if "HEAD" in handler.http_methods:
        name = operation.id.removeprefix("get")
        yield (
            "head",
            described(operation, handler)
            | {
                "operationId": f"head{name[0].upper()}{name[1:]}",
                "summary": f"Only the headers of: {operation.summary}",
                "description": "As GET, without the body.",
                "responses": without_body(responses(operation)),
            },
        )


def described(operation: Operation, handler: HTTPRouteHandler) -> Json:
    scopes = " or ".join(f"`{scope}`" for scope in operation.scopes)
    return {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{getdoc(handler.fn)}\n\nRequires an API key with the scope {scopes}.",
        "security": [{"ApiToken": []}],
        "parameters": [*parameters(operation.parameters), *header_parameters(operation)],
        "responses": responses(operation),
    }


def parameters(struct: type[msgspec.Struct]) -> Iterator[Json]:
    """Query parameters: the fields of the struct. Null and the default are not values of a parameter."""
    properties = schemas_of(struct)[struct.__name__]["properties"]
    for field in msgspec.structs.fields(struct):
        value = {key: inner for key, inner in properties[field.encode_name].items() if key != "default"}
        description = value.pop("description")
        examples = value.pop("examples", [])
        yield {
            "name": field.encode_name,
            "in": "query",
            "description": description,
            "required": field.required,
            "schema": without_null(value),
            **({"example": examples[0]} if examples else {}),
        }


def without_null(value: Json) -> Json:
    others = [inner for inner in value.get("anyOf", []) if inner != {"type": "null"}]
    rest = {key: inner for key, inner in value.items() if key != "anyOf"}
    return rest | (others[0] if len(others) == 1 else {"anyOf": others}) if others else value


def header_parameters(operation: Operation) -> list[Json]:
    names = ["If-None-Match", "X-Request-Id"] if "ETag" in operation.headers else ["X-Request-Id"]
    return [ref("parameters", name) for name in names]


def responses(operation: Operation) -> Json:
    errors = {status: name for status, name in failures("InvalidFilter").items() if status not in NO_BODY}
    if len(operation.responses) > 1:
        errors[406] = "NotAcceptable"
    not_modified = {
        "304": {
            "description": "The response has not changed since the `ETag` in If-None-Match.",
            "headers": response_headers([name for name in operation.headers if name != "Content-Disposition?"]),
        }
    }
    return {
        "200": {
            "description": operation.summary,
            "headers": response_headers(operation.headers),
            "content": {media_type: content(operation, media_type) for media_type in operation.responses},
        },
        **(not_modified if "ETag" in operation.headers else {}),
        **{str(status): ref("responses", name) for status, name in errors.items()},
    }


def response_headers(names: list[str] | tuple[str, ...]) -> Json:
    optional = {name.removesuffix("?"): HEADERS[name.removesuffix("?")] for name in names if name.endswith("?")}
    return {
        **headers(*(name for name in names if not name.endswith("?")), "X-Request-Id", *RATE_LIMITS),
        **{name: {**header, "required": False} for name, header in optional.items()},
    }


def content(operation: Operation, media_type: str) -> Json:
    struct = operation.responses[media_type]
    example = {"example": operation.examples[media_type]} if media_type in operation.examples else {}
    if media_type == JSON:
        assert struct is not None
        return {"schema": schema(struct.__name__), **example}
    if media_type in RECORDS:
        line = {"x-line": schema(struct.__name__)} if struct else {}
        return {
            "schema": {
                "type": "string",
                "contentMediaType": media_type,
                "description": RECORDS[media_type] + TRUNCATED,
                **line,
            },
            **example,
        }
    return {
        "schema": {
            "type": "string",
            "format": "binary",
            "contentMediaType": media_type,
            "description": f"A file. {TRUNCATED}",
        }
    }
