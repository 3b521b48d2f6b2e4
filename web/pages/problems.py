"""Pages for what is refused before any app of pages is asked: hosts that are nobody's, tenants that are suspended."""

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tenants.hosts import parse_host
from web.pages.protection import HEADERS
from web.pages.responses import error_page
from web.requests import header, state_of


class ProblemPages:
    """Around everything. Programs, and whatever asks a host of the API, get what they get without this."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if scope["type"] == "lifespan" or state_of(scope)["status"] is not None or not is_for_pages(scope):
                raise
            told = error_page(scope, error)
            headers = HEADERS | told.headers
            await HTMLResponse(told.content, told.status_code or 500, headers)(scope, receive, send)


def is_for_pages(scope: Scope) -> bool:
    host = parse_host("".join(header(scope, b"host")))
    return host is not None and host.site != "api" and "text/html" in "".join(header(scope, b"accept"))
