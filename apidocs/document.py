"""The OpenAPI 3.1 document. A test compares it with the app's routes, and schemathesis with the responses."""

from litestar import Litestar

from apidocs import errors, intake, operations, parts, reports
from apidocs.parts import Json

DESCRIPTION = """\
Cost reports for advertisers and for [Singular](/docs/singular), and the ingest calls that deliver the data.

- Guides: [cost report](/docs/cost-report), [Singular](/docs/singular), [sending data](/docs/intake).
- What each error means: [errors](/docs/errors).

Days are UTC days. Amounts are exact decimals. The numbers of past days change, because conversions are completed or
rejected later; `ETag` and `GoKart-Data-Through` tell how current a report is. Each tenant has its own host, and an API
key works only at the host of its tenant. Responses are compressed on request (`Accept-Encoding`: zstd, br, gzip).
"""

SECURITY = """\
`ApiToken`, a space, and the API key: `Authorization: ApiToken {your-api-key}`. The scheme is not case-sensitive. An API
key belongs to one tenant and, except for `ingest`, to one advertiser. It has one or more of the scopes `cost-report`,
`singular`, `conversions` and `ingest`. Each operation names the scope that it requires.
On the page `/docs`, the API key alone is enough.
"""

TAGS: list[Json] = [
    {
        "name": "Cost report",
        "description": "The cost of an advertiser's offers in a range. Each report has two URLs.",
    },
    {
        "name": "Singular",
        "description": "An advertiser's cost and clicks by day, in the format that Singular reads.",
    },
    {
        "name": "Reports",
        "description": "An advertiser's figures by any groups, in any time zone and in several formats.",
    },
    {
        "name": "Changes",
        "description": "How current an advertiser's figures are, and what has changed.",
    },
    {
        "name": "Conversions",
        "description": "An advertiser's single conversions.",
    },
    {
        "name": "Catalogue",
        "description": "The offers and partners that the ids in reports name.",
    },
    {
        "name": "Ingest",
        "description": "For the tenant's own systems: conversions, views, clicks and the catalogue.",
    },
]
GUIDES = {
    "Cost report": "cost-report",
    "Singular": "singular",
    "Reports": "query",
    "Changes": "changes",
    "Conversions": "conversions",
    "Catalogue": "conversions",
    "Ingest": "intake",
}  # pages under /docs


def document(origin: str, app: Litestar) -> Json:
    """As seen at `origin`, such as https://api.acme.getgokart.ai."""
    return parts.bounded(
        {
            "openapi": "3.1.1",
            "info": {"title": "GoKart API", "version": "1", "description": DESCRIPTION, "contact": contact(origin)},
            "servers": [{"url": origin, "description": "The production host of this tenant.", "x-internal": False}],
            "tags": [tag | guide(origin, tag["name"]) for tag in TAGS],
            "paths": reports.report_paths() | operations.operation_paths(app) | intake.intake_paths(),
            "components": {
                "schemas": reports.SCHEMAS | operations.operation_schemas(app) | intake.SCHEMAS | errors.SCHEMAS,
                "parameters": reports.PARAMETERS,
                "headers": parts.HEADERS,
                "responses": errors.RESPONSES,
                "securitySchemes": {
                    "ApiToken": {"type": "apiKey", "in": "header", "name": "Authorization", "description": SECURITY}
                },
            },
        }
    )


def contact(origin: str) -> Json:
    return {"name": "The network that runs this host", "url": f"{origin}/docs"}


def guide(origin: str, tag: str) -> Json:
    return {"externalDocs": {"description": "Guide", "url": f"{origin}/docs/{GUIDES[tag]}"}} if tag in GUIDES else {}
