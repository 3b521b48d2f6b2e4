"""Tasks that run in the background of a server process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any


@asynccontextmanager
async def run_in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs `work` as a task while the block lasts, then cancels it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def run_every(
    seconds: float, work: Callable[[], Awaitable[None]], at_end: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """Calls `work` at this interval while the block lasts. At its end, a running call ends first; then `at_end` is
    called, or `work` once more.
    """
    ending = asyncio.Event()

    async def loop() -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), seconds)
                return
            await work()

    task = asyncio.create_task(loop())
    try:
        yield
    finally:
        ending.set()
        try:
            await task
        finally:
            await (at_end or work)()
