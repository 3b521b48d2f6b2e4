"""How often something happened in a window of time that begins with the first, in Redis."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import TypeVar

import structlog
from redis.exceptions import RedisError

from web.limits.in_redis import PREFIX, connect
from web.limits.stores import Away, in_words

RETRY = 1.0  # seconds in which a Redis that is away is not asked

# Keys, and for each the most that it may be counted and the milliseconds after which that begins anew. Returns the
# milliseconds until the first that is full begins anew; else counts all of them and returns -1.
COUNT = """
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[2 * i - 1]) then
        return math.max(0, redis.call('PTTL', key))
    end
end
for i, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[2 * i]) end
end
return -1
"""

log = structlog.get_logger()
T = TypeVar("T")


class Windows:
    def __init__(self, url: str) -> None:
        self._redis = connect(url)
        self._count = self._redis.register_script(COUNT)
        self._prefix = f"{PREFIX}window:"
        self._away = False
        self._retry_at = 0.0

    async def count(self, limits: Sequence[tuple[str, int, timedelta]]) -> timedelta | None:
        """Counts for each (key, most, within). Where one is full already it counts for none, and says how long.

        Raises Away.
        """
        keys = [self._prefix + key for key, _, _ in limits]
        args = [number for _, most, within in limits for number in (most, within // timedelta(milliseconds=1))]
        wait = await self._answered(lambda: self._count(keys=keys, args=args))
        return None if wait < 0 else timedelta(milliseconds=wait)

    async def forget(self, keys: Sequence[str]) -> None:
        """Raises Away."""
        await self._answered(lambda: self._redis.delete(*(self._prefix + key for key in keys)))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _answered(self, ask: Callable[[], Awaitable[T]]) -> T:
        if self._away and monotonic() < self._retry_at:
            raise Away
        try:
            answer = await ask()
        except (OSError, RedisError) as error:
            if not self._away:
                log.warning("sign-ins are counted in the database while Redis is away", error=in_words(error))
            self._away, self._retry_at = True, monotonic() + RETRY
            raise Away from error
        if self._away:
            self._away = False
            log.warning("sign-ins are counted in Redis again")
        return answer
