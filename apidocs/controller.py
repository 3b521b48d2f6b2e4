"""GET /openapi.json and /docs…: the API documentation on each tenant's API host, without an API key."""

from typing import Any

from litestar import Controller, MediaType, Response, route
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from web.problems import problem_response
from web.requests import READ_METHODS, AnyRequest, header_values

PAGE_HEADERS = {
    # Swagger UI's style sheet contains its icons as data: URLs.
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
        """The OpenAPI document, with the requested host as its server."""
        from apidocs.document import document

        return Response(document(docs_origin(request), request.app), headers={"Cache-Control": "no-cache"})

    @route("/docs", http_method=READ_METHODS, sync_to_thread=False)
    def try_it(self) -> Response[str]:
        from apidocs.pages import TRY_IT

        return html_response(TRY_IT)

    @route("/docs/{name:str}", http_method=READ_METHODS, sync_to_thread=False)
    def text(self, request: AnyRequest, name: FromPath[str]) -> Response[str]:
        from apidocs.pages import DOC_PAGES, doc_page

        if name not in DOC_PAGES:
            raise NotFoundException
        return html_response(doc_page(name, docs_origin(request)))

    @route("/docs/static/{name:str}", http_method=READ_METHODS, sync_to_thread=False)
    def asset(self, name: FromPath[str]) -> Response[bytes]:
        from apidocs.pages import DOCS_ASSETS

        if name not in DOCS_ASSETS:
            raise NotFoundException
        return DOCS_ASSETS[name].response()


def docs_or_not_found(request: AnyRequest, error: Exception) -> Response[Any]:
    """Litestar's handler of a URL that does not exist: `/` leads browsers to the documentation."""
    browser = "text/html" in "".join(header_values(request.scope, b"accept"))
    if request.scope["path"] == "/" and request.method in READ_METHODS and browser:
        return Redirect("/docs", status_code=303, headers={"Vary": "Accept"})
    return problem_response(request, error)


def docs_origin(request: AnyRequest) -> str:
    """The Host header has named a tenant, so it is a valid host name."""
    return f"{request.url.scheme}://{request.headers['host'].lower()}"


def html_response(page: str) -> Response[str]:
    return Response(page, media_type=MediaType.HTML, headers=PAGE_HEADERS)
