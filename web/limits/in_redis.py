"""Counting in Redis or Valkey, by its own clock. Every key expires by itself."""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from web.limits.stores import HELD_FOR, LENT_FOR, PROCESS, SHARE, Answer, Ask

PREFIX = "gokart:"
WAIT = 0.5  # seconds, to connect and for an answer

# The same as gokart_limit in PostgreSQL, for several keys. In a limit's hash: level, at, lent (until when), and for
# each process p:PROCESS, how many are under way there and until when that counts.
SETTLE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local process = 'p:' .. ARGV[1]
local share, lent_for, held_for = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local answers = {}
for i, key in ipairs(KEYS) do
    local first = 6 * i - 1
    local rate, burst, most = tonumber(ARGV[first]), tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2])
    local back, held, want = tonumber(ARGV[first + 3]), tonumber(ARGV[first + 4]), tonumber(ARGV[first + 5])
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
    level = math.min(burst, level + math.max(0, now - at) * rate + back)
    local lent, tokens, taken = lent_until > now, 0, 0
    if want > 0 and level >= 1 and (most == 0 or others + held < most) then
        taken = math.min(want, math.max(0, most - others - held))
        tokens = math.min(math.floor(level), math.max(want, math.min(math.floor(level * share), 1e6)))
        level = level - tokens
        if tokens > want then lent_until = now + lent_for end
    end
    redis.call('HSET', key, 'level', string.format('%.6f', level), 'at', string.format('%.6f', now),
        'lent', string.format('%.6f', lent_until))
    if held + taken > 0 then
        redis.call('HSET', key, process, string.format('%d %.6f', held + taken, now + held_for))
    else
        redis.call('HDEL', key, process)
    end
    local expires_in = math.min(math.max((burst - level) / rate, held_for), 1e9)
    redis.call('PEXPIRE', key, string.format('%.0f', math.ceil(expires_in * 1000)))
    answers[i] = {tokens, taken, string.format('%.6f', level), lent and 1 or 0}
end
return answers
"""


def connect(url: str) -> Any:
    return Redis.from_url(
        url, socket_timeout=WAIT, socket_connect_timeout=WAIT, retry=Retry(NoBackoff(), 1), protocol=2
    )


class RedisStore:
    def __init__(self, url: str, share: float = SHARE) -> None:
        self._redis = connect(url)
        self._share = share
        self._settle = self._redis.register_script(SETTLE)

    async def settle(self, asks: Sequence[Ask]) -> list[Answer]:
        args = [PROCESS, self._share, LENT_FOR, HELD_FOR]
        for ask in asks:
            args += [ask.rate, ask.burst, ask.most, ask.back, ask.held, ask.want]
        answers = await self._settle(keys=[f"{PREFIX}limit:{ask.key}" for ask in asks], args=args)
        return [Answer(tokens, taken, float(level), bool(lent)) for tokens, taken, level, lent in answers]

    async def tidy(self) -> bool:
        return False  # Redis does it

    async def close(self) -> None:
        await self._redis.aclose()
