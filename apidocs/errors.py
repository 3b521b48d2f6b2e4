"""The error responses. Each example is made by the code that sends the real error."""

from collections.abc import Sequence

import msgspec

from apidocs.parts import RATE_LIMITS, Json, headers, schema, schemas_of
from ingest.bodies import not_json
from ingest.rollups import CostOverflowError
from web.problems import PROBLEM_JSON, FieldError, Problem, ProblemBody, invalid_parameters, problem_body

EXAMPLE_STATE = {"state": {"request_id": "5f0c2a9e7b3d4c61a1f4c6a0d9b8e7f2"}}

SCHEMAS = schemas_of(ProblemBody)


def failure(description: str, problems: dict[str, Problem], names: Sequence[str] = ()) -> Json:
    """A response, with an example for each of the `problems`, which are of one status. `names` are of headers."""
    examples = {
        name: {"summary": problem.detail, "value": msgspec.json.decode(problem_body(problem, EXAMPLE_STATE))}
        for name, problem in problems.items()
    }
    return {
        "description": description,
        "headers": headers("X-Request-Id", *names),
        "content": {PROBLEM_JSON: {"schema": schema("ProblemBody"), "examples": examples}},
    }


RESPONSES: Json = {
    "InvalidFilter": failure(
        "The filter is invalid; `errors` names each field. No parameter is ignored: a misspelt one would return, "
        "and bill, everything.",
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
        "The body is not JSON, or not of the encoding that `Content-Encoding` says. Nothing was stored.",
        {
            "json": not_json("it is neither an object nor an array, nor objects in lines"),
        },
        RATE_LIMITS,
    ),
    "NotAuthenticated": failure(
        "The API key is missing, malformed, unknown, expired, revoked, or of another tenant. The response does not "
        "tell which.",
        {"token": Problem(401, "Send one header “Authorization: ApiToken {token}” with a live token of this tenant.")},
        ["WWW-Authenticate"],
    ),
    "AccessDenied": failure(
        "The API key is valid but not allowed to do this; `detail` says why.",
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
        "The URL does not support this method.",
        {"method": Problem(405, "This URL does not answer that method.")},
        ["Allow"],
    ),
    "TooLarge": failure("The body is too large.", {"body": Problem(413, "The body is too large.")}, RATE_LIMITS),
    "UnsupportedMediaType": failure(
        "The body's content type or content encoding is not supported.",
        {"type": Problem(415, "A filter in the body is application/json.")},
        [*RATE_LIMITS, "Accept-Encoding"],
    ),
    "TooMuch": failure(
        "One offer and partner would owe more in a month than can be counted. Nothing was stored.",
        {"revenue": Problem(422, str(CostOverflowError()))},
        RATE_LIMITS,
    ),
    "TooManyRequests": failure(
        "This API key has sent too many requests, or has too many in progress; or this address has sent too many "
        "invalid keys. Other clients' requests do not count against yours.",
        {"token": Problem(429, "Too many requests in too short a time.")},
        ["Retry-After", *RATE_LIMITS],
    ),
    "UnexpectedError": failure(
        "An error on our side. It is in our log under the request id.",
        {"error": Problem(500, "The error is on our side and has been logged under the request id.")},
    ),
    "Unavailable": failure(
        "The database is unavailable or overloaded, or the report took too long. Try again.",
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
