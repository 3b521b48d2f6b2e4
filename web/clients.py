"""Giving up work for a client that has gone away."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from litestar import Request
from litestar.exceptions import InternalServerException

T = TypeVar("T")


class ClientGone(Exception):
    """The client closed the connection; nobody reads what is answered now."""


async def read_body(request: Request[Any, Any, Any]) -> bytes:
    """Raises ClientGone, and Litestar's own exception for a body that is too large."""
    try:
        return await request.body()
    except InternalServerException as error:  # Litestar's word for a client that leaves in the middle
        raise ClientGone from error


async def while_connected(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled (and so its query is) when the client goes away: ClientGone.

    The request's body must have been read.
    """
    task = asyncio.create_task(work)
    watch = asyncio.create_task(disconnected(request))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        for other in (watch, task):
            other.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await other


async def disconnected(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
