"""GET /openapi.json and /docs…: the API told to developers, on each tenant's API host, without a token."""

from typing import Any

from litestar import Controller, MediaType, Response, route
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from apidocs.document import document
from apidocs.pages import ASSETS, TEXT_PAGES, TRY_IT, text_page
from web.requests import READ_METHODS, AnyRequest

PAGE_HEADERS = {
    # Swagger UI's style sheet has its icons in it, as data.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class DocsController(Controller):
    include_in_schema = False

    @route("/openapi.json", http_method=READ_METHODS, sync_to_thread=False)
    def openapi(self, request: AnyRequest) -> Response[dict[str, Any]]:
        """The document, with the host that was asked as its server."""
        return Response(document(origin(request)), headers={"Cache-Control": "no-cache"})

    @route("/docs", http_method=READ_METHODS, sync_to_thread=False)
    def try_it(self) -> Response[str]:
        return html(TRY_IT)

    @route("/docs/{name:str}", http_method=READ_METHODS, sync_to_thread=False)
    def text(self, request: AnyRequest, name: FromPath[str]) -> Response[str]:
        if name not in TEXT_PAGES:
            raise NotFoundException
        return html(text_page(name, origin(request)))

    @route("/docs/static/{name:str}", http_method=READ_METHODS, sync_to_thread=False)
    def asset(self, name: FromPath[str]) -> Response[bytes]:
        if name not in ASSETS:
            raise NotFoundException
        return ASSETS[name].response()


def origin(request: AnyRequest) -> str:
    """Where the caller finds this tenant's API. The Host header has named a tenant, so it is a host name."""
    return f"{request.url.scheme}://{request.headers['host'].lower()}"


def html(page: str) -> Response[str]:
    return Response(page, media_type=MediaType.HTML, headers=PAGE_HEADERS)
