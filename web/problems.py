"""Error responses: application/problem+json (RFC 9457) on all sites, documented in `docs/errors.md`."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from asyncpg import DeadlockDetectedError
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import UNSET, Meta, UnsetType
from starlette.types import Scope, Send

from database.pool import DatabaseUnavailable
from tenants.middleware import TenantSuspended, UnknownTenant
from web.requests import ClientDisconnected, encode_headers

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER = 5  # seconds
MAX_TEXT = 100_000  # characters, as documented; texts repeat what a request sent, whose size is limited

TITLES = {
    400: "Invalid filter parameters provided.",
    401: "Advertiser not authenticated.",
    403: "Access denied",
    404: "Not found",
    413: "Content Too Large",  # as in RFC 9110, like 422; Python's own phrase for them depends on its version
    422: "Unprocessable Content",
    429: "Too many requests",
    500: "An unexpected error occurred.",
    503: "Service unavailable",
}


class FieldError(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wrong with one field."""

    field: Annotated[
        str, Meta(max_length=MAX_TEXT, description="The documented name of the parameter, or `body`, or `query`.")
    ]
    message: Annotated[str, Meta(max_length=MAX_TEXT, description="What is wrong, for people.")]


class ProblemBody(msgspec.Struct, omit_defaults=True, rename="camel", forbid_unknown_fields=True):
    """An error (RFC 9457)."""

    type: Annotated[
        str,
        Meta(
            max_length=MAX_TEXT,
            description="Where this error is explained, relative to the host.",
            extra_json_schema={"format": "uri-reference"},
        ),
    ]
    title: Annotated[str, Meta(max_length=MAX_TEXT, description="The fixed message of the error.")]
    status: Annotated[int, Meta(description="The HTTP status.", extra_json_schema={"minimum": 400, "maximum": 599})]
    detail: Annotated[
        str, Meta(max_length=MAX_TEXT, description="What happened this time, for people; the wording may change.")
    ]
    request_id: Annotated[str, Meta(max_length=100, description="The same as the header `X-Request-Id`.")]
    errors: Annotated[Sequence[FieldError] | UnsetType, Meta(description="For a 400: each invalid field.")] = UNSET


class Problem(Exception):
    """Ends the request with this error. `title` defaults to that of the status; a 400 outside the reports sets it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
        title: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.title = title or TITLES.get(status) or HTTPStatus(status).phrase


def invalid_parameters(*errors: FieldError) -> Problem:
    """400 for a report's filter, naming each field."""
    return Problem(400, " ".join(f"{e.field}: {e.message}" for e in errors), errors=errors)


def to_problem(error: Exception) -> Problem:
    """The error that the client sees. An unexpected exception does not reveal its message."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, DatabaseUnavailable | DeadlockDetectedError):
        return Problem(
            503, "The database is unavailable; try again shortly.", headers={"Retry-After": str(RETRY_AFTER)}
        )
    if isinstance(error, ClientDisconnected):
        return Problem(499, "The client closed the connection.", title="Client closed request")
    if isinstance(error, UnknownTenant | TenantSuspended):
        return Problem(error.status_code, error.detail)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return from_litestar(error)
    return Problem(500, "The error is on our side. It is in our log under the request id.")


def from_litestar(error: HTTPException) -> Problem:
    headers = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    details = {
        404: "This URL does not exist.",
        405: "This URL does not support this method.",
        413: "The body is too large.",
    }
    title = HTTPStatus.BAD_REQUEST.phrase if error.status_code == 400 else None
    return Problem(error.status_code, details.get(error.status_code, error.detail), headers=headers, title=title)


def problem_body(problem: Problem, scope: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(
        ProblemBody(
            type=f"/docs/errors#{problem.status}",
            title=problem.title,
            status=problem.status,
            detail=problem.detail,
            request_id=str(scope["state"].get("request_id", "")),
            errors=UNSET if problem.errors is None else problem.errors,
        )
    )


def problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for all exceptions."""
    problem = to_problem(error)
    if problem.status >= 500:
        request.scope["state"]["error"] = error
    return Response(
        problem_body(problem, request.scope),
        status_code=problem.status,
        headers=problem.headers,
        media_type=PROBLEM_JSON,
    )


async def send_problem(error: Exception, scope: Scope, send: Send) -> None:
    """Sends the error response for an exception outside of Litestar."""
    problem = to_problem(error)
    if problem.status >= 500:
        scope["state"]["error"] = error
    body = problem_body(problem, scope)
    headers = {"Content-Type": PROBLEM_JSON, "Content-Length": str(len(body)), **problem.headers}
    await send({"type": "http.response.start", "status": problem.status, "headers": encode_headers(headers)})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body, "more_body": False})
