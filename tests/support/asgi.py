"""Runs the app in the test's process, without background jobs. Tenants and API keys stay cached."""

from collections.abc import Awaitable, Callable
from math import inf
from typing import TypeVar

import httpx

from main import app
from tenants.cache import tenant_cache
from tenants.commands import run_command
from tests.support.sandbox import JSON, Sandbox
from tests.support.statements import recorded_statements

T = TypeVar("T")
Send = Callable[..., Awaitable[httpx.Response]]


def with_app(work: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """Returns the result of `work`, which sends requests to the app with the client."""

    async def whole() -> T:
        tenant_cache.trust_until(inf)
        try:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                return await work(client)
        finally:
            tenant_cache.invalidate_all()

    return run_command(whole)


def recorded_request(
    sandbox: Sandbox,
    method: str,
    path: str,
    *,
    repeat: bool = False,
    site: str = "api",
    token: str | None = None,
    headers: dict[str, str] | None = None,
    **rest: object,
) -> tuple[httpx.Response, list[str]]:
    """Returns the response and the statements that the request sent. The tenant and the API key are already cached.

    With `repeat`, the request is sent twice, and the statements are those of the second request.
    """
    host = f"{site}.{sandbox.tenant.slug}.localhost"
    authorization = {"Authorization": f"ApiToken {token or sandbox.owner_key}"} if site == "api" else {}
    all_headers = {"Host": host, **authorization, **(headers or {})}

    async def work(client: httpx.AsyncClient) -> tuple[httpx.Response, list[str]]:
        await client.get(JSON, params={"date_from": "2000-01-01"}, headers=all_headers)
        if repeat:
            await client.request(method, path, headers=all_headers, **rest)  # type: ignore[arg-type]
        with recorded_statements() as statements:
            response = await client.request(method, path, headers=all_headers, **rest)  # type: ignore[arg-type]
        return response, statements

    return with_app(work)
