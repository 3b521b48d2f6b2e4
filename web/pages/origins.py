"""The origins of links to the sites: those of GOKART_PUBLIC_URL, or else of the browser's request."""

from settings import settings
from tenants.config import tenancy
from tenants.middleware import HOST_PATTERN
from tenants.tenant import bound_tenant, current_tenant
from web.requests import AnyRequest


def api_origin(request: AnyRequest) -> str:
    """Of the bound tenant's API, such as https://api.TENANT.<base>."""
    return origin(request, f"api.{current_tenant().slug}")


def app_origin(request: AnyRequest) -> str:
    """Of the bound tenant's pages, or of the platform admin if no tenant is bound."""
    tenant = bound_tenant()
    return origin(request, f"app.{tenant.slug}" if tenant else "admin")


def email_origin(request: AnyRequest) -> str:
    """Like app_origin, for links in emails that anybody can request: the scheme and port of the request count only
    where a trusted proxy sets them, or on this machine.
    """
    tenant = bound_tenant()
    if settings.trusted_proxies or settings.base_host == "localhost":
        return app_origin(request)
    return tenancy().site_url(f"app.{tenant.slug}" if tenant else "admin")


def origin(request: AnyRequest, host: str) -> str:
    if settings.public_url:
        return tenancy().site_url(host)
    asked = HOST_PATTERN.fullmatch(request.headers["host"].lower())
    port = f":{asked['port']}" if asked and asked["port"] else ""
    return f"{request.scope['scheme']}://{host}.{settings.base_host}{port}"
