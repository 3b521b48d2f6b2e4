"""Where the other hosts of the tenant are, seen from the one that a browser has asked."""

from settings import settings
from tenants.middleware import HOST_PATTERN
from tenants.tenant import current_tenant
from web.requests import AnyRequest


def api_origin(request: AnyRequest) -> str:
    """Of the bound tenant's API: https://api.TENANT.<base>, with the scheme and the port that the caller used."""
    return origin(request, "api")


def app_origin(request: AnyRequest) -> str:
    """Of the bound tenant's pages."""
    return origin(request, "app")


def origin(request: AnyRequest, kind: str) -> str:
    host = HOST_PATTERN.fullmatch(request.headers["host"].lower())
    port = f":{host['port']}" if host and host["port"] else ""
    return f"{request.scope['scheme']}://{kind}.{current_tenant().slug}.{settings.base_host}{port}"
