"""Chooses where limits are counted, by the settings GOKART_LIMITS and GOKART_WORKERS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from settings import settings
from web.limits.sync import LimitSync

if TYPE_CHECKING:
    from web.limits.redis import AttemptCounter


def limit_backend() -> str:
    """memory, database, or the URL of a Redis with a scheme that its client knows."""
    if settings.limits is None:
        return "memory" if settings.workers == 1 else "database"
    scheme, separator, rest = settings.limits.get_secret_value().partition("://")
    return f"{scheme.replace('valkey', 'redis')}://{rest}" if separator else scheme


def open_limit_backend() -> "tuple[LimitSync | None, AttemptCounter | None]":
    """No LimitSync if each process counts separately, and an AttemptCounter only with Redis."""
    match limit_backend():
        case "memory":
            return None, None
        case "database":
            from web.limits.postgres import PostgresLimitStore

            return LimitSync(PostgresLimitStore()), None
        case url:
            from web.limits.redis import AttemptCounter, RedisLimitStore  # slow to import, and rarely needed

            return LimitSync(RedisLimitStore(url)), AttemptCounter(url)


limit_sync, attempt_counter = open_limit_backend()


@asynccontextmanager
async def run_limit_store() -> AsyncIterator[None]:
    """Synchronizes limits for the duration of the block."""
    try:
        if limit_sync is None:
            yield
        else:
            async with limit_sync.running():
                yield
    finally:
        if attempt_counter is not None:
            await attempt_counter.close()
