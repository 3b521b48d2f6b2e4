"""Bodies of responses that are sent in chunks."""

from collections.abc import AsyncGenerator
from contextlib import aclosing


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
