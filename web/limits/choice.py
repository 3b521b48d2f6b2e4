"""Where limits are counted, as the settings say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from settings import settings
from web.limits.rounds import Rounds

if TYPE_CHECKING:
    from web.limits.windows import Windows


def place() -> str:
    """memory, database, or the URL of a Redis by the scheme that its client knows."""
    if settings.limits is None:
        return "memory" if settings.workers == 1 else "database"
    scheme, separator, rest = settings.limits.get_secret_value().partition("://")
    return f"{scheme.replace('valkey', 'redis')}://{rest}" if separator else scheme


def choose() -> "tuple[Rounds | None, Windows | None]":
    """Rounds unless this process counts for itself, and windows where they are in Redis, else in the database."""
    match place():
        case "memory":
            return None, None
        case "database":
            from web.limits.in_database import DatabaseStore

            return Rounds(DatabaseStore()), None
        case url:
            from web.limits.in_redis import RedisStore  # takes long to import, and few need it
            from web.limits.windows import Windows

            return Rounds(RedisStore(url)), Windows(url)


rounds, windows = choose()


@asynccontextmanager
async def sharing() -> AsyncIterator[None]:
    """For the duration of the block, limits are counted where the settings say."""
    try:
        if rounds is None:
            yield
        else:
            async with rounds.running():
                yield
    finally:
        if windows is not None:
            await windows.close()
