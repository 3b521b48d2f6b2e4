"""How much one token, or one address that sends bad tokens, may ask of this process."""

from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import Generic, TypeVar

import msgspec
from cachetools import LRUCache

from web.problems import Problem

MOST_REMEMBERED = 50_000
K = TypeVar("K")


class Limit(msgspec.Struct, frozen=True):
    """Token bucket: `burst` requests at once when rested, `rate` a second sustained, `concurrency` under way."""

    rate: float
    burst: int
    concurrency: int = 1_000_000


class Bucket(msgspec.Struct):
    level: float
    at: float
    under_way: int = 0


class Limiter(Generic[K]):
    def __init__(self, policy: str) -> None:
        self.policy = policy
        self._buckets: LRUCache[K, Bucket] = LRUCache(MOST_REMEMBERED)

    def take(self, key: K, limit: Limit) -> dict[str, str]:
        """Counts a request. Returns the fields of draft-ietf-httpapi-ratelimit-headers; raises Problem 429."""
        now = monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(limit.burst, now)
        bucket.level = min(limit.burst, bucket.level + (now - bucket.at) * limit.rate)
        bucket.at = now
        if bucket.level < 1:
            raise self.exceeded(
                bucket, limit, "Too many requests in too short a time.", ceil((1 - bucket.level) / limit.rate)
            )
        if bucket.under_way >= limit.concurrency:
            raise self.exceeded(bucket, limit, f"{limit.concurrency} requests of this token are under way.", 1)
        bucket.level -= 1
        return self.headers(bucket, limit)

    def hold(self, key: K) -> Callable[[], None]:
        """Counts the request just taken as under way, until the returned function is called."""
        bucket = self._buckets[key]
        bucket.under_way += 1

        def release() -> None:
            bucket.under_way -= 1

        return release

    def exceeded(self, bucket: Bucket, limit: Limit, detail: str, retry_after: int) -> Problem:
        return Problem(429, detail, headers={"Retry-After": str(retry_after), **self.headers(bucket, limit)})

    def headers(self, bucket: Bucket, limit: Limit) -> dict[str, str]:
        full_in = ceil((limit.burst - bucket.level) / limit.rate)
        return {
            "RateLimit-Policy": f'"{self.policy}";q={limit.burst};w={ceil(limit.burst / limit.rate)}',
            "RateLimit": f'"{self.policy}";r={int(bucket.level)};t={full_in}',
        }
