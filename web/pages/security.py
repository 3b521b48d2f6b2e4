"""What goes around every page: no request from another site's page changes anything, and no response may be framed,
sniffed, kept by a cache, or load anything from elsewhere.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from database.pool import page_share
from tenants.tenant import bound_tenant
from web.pages.branding import branded, branding_of
from web.problems import Problem
from web.requests import header_values

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
SIGNED_LINK = re.compile(r"(/staff)?/unsubscribe/[^/]+")  # the token in the path authorizes, cookies do not

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # not no-referrer: with it browsers send forms with the origin "null"
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class CrossOriginRequest(Problem):
    """403 for what another origin's page sends."""

    def __init__(self) -> None:
        super().__init__(403, "This was sent by a page of another site. Open the page here and try again.")


class PageSecurityMiddleware:
    """Around an app of pages. Raises CrossOriginRequest, after `before_refusal`, which adds to the state what its page
    shows.

    Email programs send requests too, to signed links.
    """

    def __init__(self, app: ASGIApp, before_refusal: Callable[[Exception, Any], Awaitable[None]]) -> None:
        self.app = app
        self.before_refusal = before_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        may_change = is_same_origin(scope) or SIGNED_LINK.fullmatch(scope["path"])
        if scope["method"] not in SAFE_METHODS and not may_change:
            error = CrossOriginRequest()
            await self.before_refusal(error, scope)
            raise error

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                missing = [
                    (k.lower().encode(), v.encode())
                    for k, v in SECURITY_HEADERS.items()
                    if k.lower().encode() not in there
                ]
                message = {**message, "headers": [*message["headers"], *missing]}
            await send(message)

        with page_share(), branded(await branding_of(bound_tenant())):
            await self.app(scope, receive, send_on)


def is_same_origin(scope: Mapping[str, Any]) -> bool:
    """By what browsers say of every request that can change something; scripts of pages cannot set either header.

    A sibling tenant's page is same-site, which is why SameSite cookies alone do not do.
    """
    site = header_values(scope, b"sec-fetch-site")
    if site:
        return site in (["same-origin"], ["none"])
    origin, host = header_values(scope, b"origin"), header_values(scope, b"host")
    return len(origin) == 1 and len(host) == 1 and origin[0].partition("://")[2] == host[0].lower()
