"""Bodies of responses that are sent in chunks: of any size, in constant memory.

A stream has a connection of its own and reads one snapshot. Its first chunk is read before the response starts, so that
a query that fails or takes too long is answered with 503. If the query fails later, the stream raises, which closes the
HTTP connection: an incomplete file never looks complete. Streams have a pool of connections of their own, of which an
advertiser gets a share, and a tenant too, so that slow readers do not block other advertisers and tenants.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Hashable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import Any

import anyio

from database.pool import ConcurrencyLimit, DatabaseUnavailable, PooledConnection
from settings import settings
from tenants.tenant import Tenant

SendChunk = Callable[[bytes], Coroutine[Any, Any, None]]

stream_slots = ConcurrencyLimit("streaming", settings.streams_per_advertiser)
stream_slots_of_tenant = ConcurrencyLimit(
    "streaming of one tenant", settings.streams_per_tenant or max(1, settings.streams // 2)
)


async def stream(
    tenant: Tenant | None,
    owner: Hashable,
    open_snapshot: Callable[[], AbstractAsyncContextManager[PooledConnection]],
    produce: Callable[[PooledConnection, SendChunk], Awaitable[None]],
) -> AsyncGenerator[bytes, None]:
    """The chunks that `produce` sends, one at a time, from a snapshot that is opened when the owner (an advertiser, or
    all of them) and its tenant (None: the platform) have a free slot. Raises DatabaseUnavailable if a chunk takes too
    long.
    """
    of_tenant = tenant and tenant.id
    send, receive = anyio.create_memory_object_stream[bytes](0)

    async def send_chunk(chunk: bytes) -> None:
        async with asyncio.timeout(settings.report_timeout):  # the client may have stopped reading
            await send.send(bytes(chunk))  # asyncpg gives a bytearray

    async def work() -> None:
        async with (
            send,
            stream_slots.slot((of_tenant, owner)),
            stream_slots_of_tenant.slot(of_tenant),
            open_snapshot() as db,
        ):
            await produce(db, send_chunk)

    task = asyncio.create_task(work())
    try:
        with suppress(anyio.EndOfStream):
            while True:
                async with asyncio.timeout(settings.report_timeout):
                    chunk = await receive.receive()
                yield chunk
        await task
    except TimeoutError as error:
        raise DatabaseUnavailable("the query took too long") from error
    finally:
        receive.close()
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


async def with_first_chunk(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same chunks, of which the first has been read; raises what reading it raises."""
    first = await anext(chunks, None)

    async def all_chunks() -> AsyncGenerator[bytes, None]:
        async with aclosing(chunks):
            if first is not None:
                yield first
            async for chunk in chunks:
                yield chunk

    return all_chunks()
