"""Describes Singular's requests and offers with missing data, for pages."""

import msgspec

from auth.api_keys.request_log import CLIENT_GONE
from singular.request_log import SingularRequest
from singular.requirements import FlawedOffer
from web.pages.formatting import format_day_range, format_number

DASH = "\u2013"
OUTCOMES = {  # HTTP status → kind of badge, text
    200: ("success", "Data sent"),
    304: ("success", "No changes since the previous request"),
    400: ("danger", "Invalid date range"),
    403: (
        "danger",
        "Access denied: Singular not enabled, account paused, or API key without the permission or from another IP",
    ),
    415: ("danger", "Unsupported request body"),
    429: ("warning", "Too many requests; Singular retries automatically"),
    CLIENT_GONE: ("warning", "Singular closed the connection before it received all data"),
    503: ("warning", "Temporarily unavailable; Singular retries automatically"),
}


class RequestDescription(msgspec.Struct, frozen=True):
    request: SingularRequest
    days: str
    rows: str
    kind: str
    meaning: str


def describe_request(request: SingularRequest) -> RequestDescription:
    kind, meaning = OUTCOMES.get(request.status, ("danger", "Internal error"))
    if request.status == 200 and request.rows == 0:
        meaning = "No cost and no clicks on these days"
    first, last = request.first_day, request.last_day
    return RequestDescription(
        request,
        format_day_range(first, last) if first and last else DASH,
        format_number(request.rows) if request.rows is not None else DASH,
        kind,
        meaning,
    )


def missing_data_as_text(offers: list[FlawedOffer]) -> str:
    """A plain-text list, to send to the people who can add the data."""
    return "\n".join(
        f"{offer.name} ({offer.id})\n" + "\n".join(f"  {flaw.field} {flaw.message}" for flaw in offer.flaws)
        for offer in offers
    )
