"""Rate limits and login attempts counted in Redis or Valkey, by its clock. Every key has an expiry."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from web.limits.limiter import SLOT_LEASE, BucketGrant, BucketRequest
from web.limits.sync import BORROWED_SHARE, LOAN_SECONDS, PROCESS_ID, STORE_RETRY, StoreUnavailable, format_error

PREFIX = "gokart:"
REDIS_TIMEOUT = 0.5  # seconds, to connect and for a reply

# The same as gokart_limit in PostgreSQL, for several keys. The hash of a bucket has level, at, lent (until when), and
# for each process p:PROCESS: its slots, and until when they count.
SYNC = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local process = 'p:' .. ARGV[1]
local share, loan_seconds, slot_lease = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local grants = {}
for i, key in ipairs(KEYS) do
    local first = 6 * i - 1
    local rate, burst, concurrency = tonumber(ARGV[first]), tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2])
    local returned, held, wanted = tonumber(ARGV[first + 3]), tonumber(ARGV[first + 4]), tonumber(ARGV[first + 5])
    local level, at, lent_until, others = burst, now, 0, 0
    local fields = redis.call('HGETALL', key)
    for j = 1, #fields, 2 do
        local name, value = fields[j], fields[j + 1]
        if name == 'level' then level = tonumber(value)
        elseif name == 'at' then at = tonumber(value)
        elseif name == 'lent' then lent_until = tonumber(value)
        else
            local count, till = value:match('(%S+) (%S+)')
            if tonumber(till) <= now then redis.call('HDEL', key, name)
            elseif name ~= process then others = others + tonumber(count) end
        end
    end
    level = math.min(burst, level + math.max(0, now - at) * rate + returned)
    local lent, tokens, slots = lent_until > now, 0, 0
    if wanted > 0 and level >= 1 and (concurrency == 0 or others + held < concurrency) then
        slots = math.min(wanted, math.max(0, concurrency - others - held))
        tokens = math.min(math.floor(level), math.max(wanted, math.min(math.floor(level * share), 1e6)))
        level = level - tokens
        if tokens > wanted then lent_until = now + loan_seconds end
    end
    redis.call('HSET', key, 'level', string.format('%.6f', level), 'at', string.format('%.6f', now),
        'lent', string.format('%.6f', lent_until))
    if held + slots > 0 then
        redis.call('HSET', key, process, string.format('%d %.6f', held + slots, now + slot_lease))
    else
        redis.call('HDEL', key, process)
    end
    local expires_in = math.min(math.max((burst - level) / rate, slot_lease), 1e9)
    redis.call('PEXPIRE', key, string.format('%.0f', math.ceil(expires_in * 1000)))
    grants[i] = {tokens, slots, string.format('%.6f', level), lent and 1 or 0}
end
return grants
"""

# Keys, and for each its limit and the milliseconds of its window. Returns the milliseconds until the first full window
# ends; otherwise counts all of them and returns -1.
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


def connect_redis(url: str) -> Any:
    return Redis.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT,
        socket_connect_timeout=REDIS_TIMEOUT,
        retry=Retry(NoBackoff(), 1),
        protocol=2,
    )


class RedisLimitStore:
    def __init__(self, url: str, share: float = BORROWED_SHARE) -> None:
        self._redis = connect_redis(url)
        self._share = share
        self._sync = self._redis.register_script(SYNC)

    async def sync(self, requests: Sequence[BucketRequest]) -> list[BucketGrant]:
        args = [PROCESS_ID, self._share, LOAN_SECONDS, SLOT_LEASE]
        for request in requests:
            args += [request.rate, request.burst, request.concurrency]
            args += [request.returned, request.held, request.wanted]
        grants = await self._sync(keys=[f"{PREFIX}limit:{request.key}" for request in requests], args=args)
        return [BucketGrant(tokens, slots, float(level), bool(lent)) for tokens, slots, level, lent in grants]

    async def delete_expired(self) -> bool:
        return False  # Redis does it

    async def close(self) -> None:
        await self._redis.aclose()


class AttemptCounter:
    """Counts login attempts in fixed windows; a window starts with its first attempt."""

    def __init__(self, url: str) -> None:
        self._redis = connect_redis(url)
        self._count = self._redis.register_script(COUNT)
        self._prefix = f"{PREFIX}window:"
        self._unavailable = False
        self._retry_at = 0.0

    async def count(self, limits: Sequence[tuple[str, int, timedelta]]) -> timedelta | None:
        """Counts for each (key, most, window). If one of them is full, counts for none and returns the time to wait.

        Raises StoreUnavailable.
        """
        keys = [self._prefix + key for key, _, _ in limits]
        args = [number for _, most, window in limits for number in (most, window // timedelta(milliseconds=1))]
        wait = await self._call(lambda: self._count(keys=keys, args=args))
        return None if wait < 0 else timedelta(milliseconds=wait)

    async def reset(self, keys: Sequence[str]) -> None:
        """Raises StoreUnavailable."""
        await self._call(lambda: self._redis.delete(*(self._prefix + key for key in keys)))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _call(self, command: Callable[[], Awaitable[T]]) -> T:
        """Does not try for a while after a failure, so that logins do not wait for Redis."""
        if self._unavailable and monotonic() < self._retry_at:
            raise StoreUnavailable
        try:
            reply = await command()
        except (OSError, RedisError) as error:
            if not self._unavailable:
                log.warning("Redis unavailable, login attempts are counted in the database", error=format_error(error))
            self._unavailable, self._retry_at = True, monotonic() + STORE_RETRY
            raise StoreUnavailable from error
        if self._unavailable:
            self._unavailable = False
            log.warning("Redis available again, login attempts are counted there")
        return reply
