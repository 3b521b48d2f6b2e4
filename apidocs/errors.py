"""The error responses: each example is made by the code that answers with the real one."""

from collections.abc import Sequence

import msgspec

from apidocs.parts import RATE_LIMITS, Json, exactly, headers, schema
from ingest.bodies import not_json
from ingest.rollups import CostOverflowError
from web.problems import PROBLEM_JSON, FieldError, Problem, invalid_parameters, problem_body

EXAMPLE_STATE = {"state": {"request_id": "5f0c2a9e7b3d4c61a1f4c6a0d9b8e7f2"}}

SCHEMAS: Json = {
    "FieldError": exactly(
        "What is wrong with one field.",
        {
            "field": {"type": "string", "description": "The parameter, as documented; or `body`, or `query`."},
            "message": {"type": "string", "description": "What is wrong with it, for people."},
        },
    ),
    "Problem": {
        "type": "object",
        "description": "An error, as RFC 9457 has it.",
        "required": ["type", "title", "status", "detail", "requestId"],
        "additionalProperties": False,
        "properties": {
            "type": {
                "type": "string",
                "format": "uri-reference",
                "description": "Where this error is explained, relative to the host.",
            },
            "title": {"type": "string", "description": "The error's fixed message."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status."},
            "detail": {"type": "string", "description": "What happened this time, for people; wording may change."},
            "requestId": {"type": "string", "description": "The same as the header `X-Request-Id`."},
            "errors": {
                "type": "array",
                "items": schema("FieldError"),
                "description": "For a 400: each field that is wrong.",
            },
        },
    },
}


def failure(description: str, problems: dict[str, Problem], names: Sequence[str] = ()) -> Json:
    """A response, with an example for each of the `problems`, which are of one status. `names` are of headers."""
    examples = {
        name: {"summary": problem.detail, "value": msgspec.json.decode(problem_body(problem, EXAMPLE_STATE))}
        for name, problem in problems.items()
    }
    return {
        "description": description,
        "headers": headers("X-Request-Id", *names),
        "content": {PROBLEM_JSON: {"schema": schema("Problem"), "examples": examples}},
    }


RESPONSES: Json = {
    "InvalidFilter": failure(
        "The filter is wrong; `errors` names each field. Nothing is ignored: a typo that was would return, and bill, "
        "everything.",
        {
            "order": invalid_parameters(FieldError("date_from", "is after date_to: 2025-01-22 > 2024-01-22")),
            "missing": invalid_parameters(FieldError("date_to", "is required, such as 2024-01-22")),
            "unknown": invalid_parameters(
                FieldError("offer", "is not a parameter of this report; there are date_from, date_to")
            ),
        },
        RATE_LIMITS,
    ),
    "NotJson": failure(
        "The body is not JSON, or not of the encoding that `Content-Encoding` says. Nothing of it was taken.",
        {
            "json": not_json("it is neither an object nor an array, nor objects in lines"),
        },
        RATE_LIMITS,
    ),
    "NotAuthenticated": failure(
        "The token is missing, malformed, unknown, expired, revoked, or of another tenant: which of these is not told.",
        {"token": Problem(401, "Send one header “Authorization: ApiToken {token}” with a live token of this tenant.")},
        ["WWW-Authenticate"],
    ),
    "AccessDenied": failure(
        "The token is good, but it may not do this; `detail` says why.",
        {
            "scope": Problem(403, "This token lacks the scope 'singular'."),
            "singular": Problem(403, "Singular cost reporting is not enabled for this advertiser."),
            "network": Problem(403, "This token may not be used from this network."),
            "advertiser": Problem(403, "This advertiser is paused."),
            "tenant": Problem(403, "This tenant is suspended."),
        },
    ),
    "NotFound": failure("No such tenant, or no such URL.", {"host": Problem(404, "There is nothing at this host.")}),
    "MethodNotAllowed": failure(
        "Another method than those of this page.",
        {"method": Problem(405, "This URL does not answer that method.")},
        ["Allow"],
    ),
    "TooLarge": failure("The body is too large.", {"body": Problem(413, "The body is too large.")}, RATE_LIMITS),
    "UnsupportedMediaType": failure(
        "The body's content type, or its content encoding, is none of those taken.",
        {"type": Problem(415, "A filter in the body is application/json.")},
        [*RATE_LIMITS, "Accept-Encoding"],
    ),
    "TooMuch": failure(
        "One offer and partner would owe more in a month than can be counted. Nothing of the call was taken.",
        {"revenue": Problem(422, str(CostOverflowError()))},
        RATE_LIMITS,
    ),
    "TooManyRequests": failure(
        "This token has asked too often, or has too many requests under way; or this address has sent too many bad "
        "tokens. Nobody else's requests count against yours.",
        {"token": Problem(429, "Too many requests in too short a time.")},
        ["Retry-After", *RATE_LIMITS],
    ),
    "UnexpectedError": failure(
        "An error on our side. It is in our log under the request id.",
        {"error": Problem(500, "The error is on our side and has been logged under the request id.")},
    ),
    "Unavailable": failure(
        "The database is out of reach or overloaded, or the report took too long. Try again.",
        {"database": Problem(503, "The database cannot answer now; try again shortly.")},
        ["Retry-After"],
    ),
}

NAMES = {
    401: "NotAuthenticated",
    403: "AccessDenied",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "TooLarge",
    415: "UnsupportedMediaType",
    429: "TooManyRequests",
    500: "UnexpectedError",
    503: "Unavailable",
}


def failures(bad_request: str) -> dict[int, str]:
    """The component of each error status; that of 400 differs."""
    return {400: bad_request} | NAMES
