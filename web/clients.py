"""Giving up work for a client that has gone away."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from litestar import Request
from litestar.exceptions import InternalServerException

T = TypeVar("T")

WATCHED_AFTER = 0.05  # seconds


class ClientGone(Exception):
    """The client closed the connection; nobody reads what is answered now."""


def has_body(scope: Mapping[str, Any]) -> bool:
    """Whether the request comes with one, be it an empty one. Where it does not, there is nothing to read."""
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])


async def read_body(request: Request[Any, Any, Any]) -> bytes:
    """Raises ClientGone, and Litestar's own exception for a body that is too large."""
    try:
        return await request.body()
    except InternalServerException as error:  # Litestar's word for a client that leaves in the middle
        raise ClientGone from error


async def while_connected(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled (and so its query is) when the client goes away: ClientGone.

    The request's body, if it has one, must have been read. Most work is over before it is worth watching the client.
    """
    task = asyncio.current_task()
    assert task is not None
    watch: asyncio.Task[None] | None = None
    gone = False

    async def cancel_when_gone() -> None:
        nonlocal gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    def begin() -> None:
        nonlocal watch
        watch = asyncio.create_task(cancel_when_gone())

    timer = asyncio.get_running_loop().call_later(WATCHED_AFTER, begin)
    try:
        return await work
    except asyncio.CancelledError:
        if gone and task.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        timer.cancel()
        if watch:
            watch.cancel()
            await asyncio.wait([watch])
