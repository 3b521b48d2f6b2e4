"""Rate limits of each token and of each address that sends bad tokens: per process or shared (`web.limits.rounds`)."""

from collections.abc import Callable
from functools import lru_cache
from math import ceil
from time import monotonic
from typing import Generic, TypeVar

import msgspec
from cachetools import LRUCache

from web.limits.choice import rounds
from web.limits.rounds import Purse, Rounds
from web.problems import Problem

MOST_REMEMBERED = 50_000
K = TypeVar("K")


class Limit(msgspec.Struct, frozen=True):
    """Token bucket: `burst` requests at once when rested, `rate` a second sustained, `concurrency` under way."""

    rate: float
    burst: int
    concurrency: int = 0  # not counted


class Limiter(Generic[K]):
    """`name_of` tells the keys of all limiters of all processes apart."""

    def __init__(self, policy: str, name_of: Callable[[K], str], rounds: Rounds | None = rounds) -> None:
        self.policy = policy
        self._name_of = name_of
        self._rounds = rounds
        self._purses: LRUCache[K, Purse] = LRUCache(MOST_REMEMBERED)

    async def take(self, key: K, limit: Limit) -> dict[str, str]:
        """Counts a request. Returns the fields of draft-ietf-httpapi-ratelimit-headers; raises Problem 429."""
        purse = self._purses.get(key)
        if purse is None:
            purse = self._purses[key] = Purse(self._name_of(key), limit.burst, monotonic())
        purse.rate, purse.burst, purse.most = limit.rate, limit.burst, limit.concurrency
        purse.refill()
        if self._rounds is not None and await self._rounds.cover(purse):
            if not purse.covers():
                raise self.exceeded(purse)
            purse.tokens -= 1
        else:
            if purse.level < 1 or 0 < purse.most <= purse.under_way:
                raise self.exceeded(purse)
            purse.level -= 1
        return self.headers(purse)

    def hold(self, key: K) -> Callable[[], None]:
        """Counts the request just taken as under way, until the returned function is called."""
        purse = self._purses[key]
        purse.under_way += 1
        if self._rounds is not None:
            self._rounds.hold(purse)

        def release() -> None:
            purse.under_way -= 1
            if self._rounds is not None:
                self._rounds.release(purse)

        return release

    def exceeded(self, purse: Purse) -> Problem:
        if purse.level < 1:
            detail, retry_after = "Too many requests in too short a time.", ceil((1 - purse.level) / purse.rate)
        else:
            detail, retry_after = f"{purse.most} requests of this token are under way.", 1
        return Problem(429, detail, headers={"Retry-After": str(retry_after), **self.headers(purse)})

    def headers(self, purse: Purse) -> dict[str, str]:
        level = min(purse.burst, purse.level + purse.tokens)
        return {
            "RateLimit-Policy": policy_of(self.policy, purse.rate, purse.burst),
            "RateLimit": f'"{self.policy}";r={int(level)};t={ceil((purse.burst - level) / purse.rate)}',
        }


@lru_cache
def policy_of(name: str, rate: float, burst: int) -> str:
    """Few are in use at a time."""
    return f'"{name}";q={burst};w={ceil(burst / rate)}'
