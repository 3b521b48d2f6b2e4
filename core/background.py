"""Work that goes on beside what is served."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs it for the duration of the block, and ends it then."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def regularly(work: Callable[[], Awaitable[None]], every: float) -> AsyncIterator[None]:
    """Does it every so many seconds for the duration of the block, and once more at its end."""

    async def for_ever() -> None:
        while True:
            await asyncio.sleep(every)
            await work()

    try:
        async with beside(for_ever()):
            yield
    finally:
        await work()
