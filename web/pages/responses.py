"""Redirects and error pages."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Request, Response
from litestar.response import Redirect

from tenants.middleware import TenantSuspended
from web.pages.branding import current_branding
from web.pages.rendering import PageLayout, render_page
from web.problems import to_problem
from web.requests import request_state

PROVIDER = "the company that gave you access"
SAFE = "/#%[]=:;$&()+,!?*@'~"  # not quoted, like in Litestar's own redirects


def redirect(request: Request[Any, Any, Any], path: str) -> Response[Any]:
    """Redirects to another page, also after a form. htmx needs its own header to load a whole page."""
    if "hx-request" in request.headers and "hx-boosted" not in request.headers:
        return Response(None, status_code=204, headers={"HX-Redirect": quote(path, safe=SAFE)})
    return Redirect(path, status_code=303)


def local_path(path: str | None, otherwise: str) -> str:
    """`path` if a browser resolves it to this host, else `otherwise`."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")):
        return otherwise
    parts = urlsplit(path)
    return otherwise if parts.scheme or parts.netloc or any(c in path for c in "\\\r\n\t") else path


def error_page_response(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Litestar's exception handler for the sites with pages."""
    return error_page(request.scope, error)


def error_page(scope: Mapping[str, Any], error: Exception) -> Response[Any]:
    problem = to_problem(error)
    if problem.status >= 500:
        request_state(scope)["error"] = error
    admin = f"{scope['path']}/".startswith("/staff/")
    heading, text, home = problem.title, problem.detail, "/staff" if admin else "/"
    tenant = request_state(scope).get("tenant")
    if tenant and isinstance(error, TenantSuspended):
        # End users learn no reason, and every page of the host is this one.
        contact = f"Please try again later, or contact {current_branding().contact(PROVIDER)}."
        heading, text, home = "Not available", f"{tenant.name} is not available at the moment. {contact}", ""
    response = render_page(
        "error.html",
        PageLayout("", tenant, home_url=home, view=request_state(scope).get("view")),
        status=problem.status,
        heading=heading,
        text=text,
        request_id=request_state(scope)["request_id"],
    )
    response.headers.update(problem.headers)
    return response
