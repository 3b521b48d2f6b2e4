"""The OpenAPI 3.1 document. A test holds it against the app's routes, and schemathesis against what they answer."""

from apidocs import errors, intake, parts, reports
from apidocs.parts import Json

DESCRIPTION = """\
Figures of offers, for the advertisers who pay for them and for [Singular](/docs/singular); and the calls that bring the
data in.

- Set-up, step by step: [the cost report](/docs/cost-report), [Singular](/docs/singular).
- What every error means: [errors](/docs/errors).

Days are UTC days. Money is an exact decimal. Figures of past days change, as conversions are completed or rejected
later; `ETag` and `GoKart-Data-Through` tell how fresh a report is. Each tenant has a host of its own, and a token opens
nothing at another's. Bodies are compressed when asked (`Accept-Encoding`: zstd, br, gzip).
"""

SECURITY = """\
`ApiToken`, a space, and the token: `Authorization: ApiToken {your-token}`. The scheme's case does not matter. A token
belongs to one tenant and, but for `ingest`, to one advertiser, and has one or more of the scopes `cost-report`,
`singular` and `ingest`, which the operations name.
"""

DOCUMENT: Json = {
    "openapi": "3.1.1",
    "info": {"title": "GoKart API", "version": "1", "description": DESCRIPTION},
    "tags": [
        {
            "name": "Cost report",
            "description": "An advertiser's figures for a range. Both spellings of the URL are the same report.",
            "externalDocs": {"description": "Set-up", "url": "/docs/cost-report"},
        },
        {
            "name": "Singular",
            "description": "An advertiser's cost and clicks by day, in the shape that Singular reads.",
            "externalDocs": {"description": "Set-up", "url": "/docs/singular"},
        },
        {
            "name": "Data in",
            "description": "Sent by the tenant's own systems: conversions, views, clicks, the catalogue.",
        },
    ],
    "paths": reports.paths() | intake.paths(),
    "components": {
        "schemas": reports.SCHEMAS | intake.SCHEMAS | errors.SCHEMAS,
        "parameters": reports.PARAMETERS,
        "headers": parts.HEADERS,
        "responses": errors.RESPONSES,
        "securitySchemes": {
            "ApiToken": {"type": "apiKey", "in": "header", "name": "Authorization", "description": SECURITY}
        },
    },
}


def document(origin: str) -> Json:
    """As seen at `origin`, such as https://api.acme.getgokart.ai."""
    return DOCUMENT | {"servers": [{"url": origin}]}
