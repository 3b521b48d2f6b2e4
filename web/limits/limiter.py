"""Rate limits by token bucket, of this process or of all processes together (`web.limits.sync`)."""

from collections.abc import Callable
from functools import lru_cache
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec
from cachetools import LRUCache

from web.problems import Problem

if TYPE_CHECKING:
    from web.limits.sync import LimitSync

SYNC_INTERVAL = 0.04  # seconds
SLOT_LEASE = 3.0  # seconds for which a slot counts unless it is renewed, also where its process has been killed
MAX_BUCKETS = 50_000
K = TypeVar("K")


class RateLimit(msgspec.Struct, frozen=True):
    """`burst` requests at once when rested, `rate` a second sustained, `concurrency` at a time (0: not limited)."""

    rate: float
    burst: int
    concurrency: int = 0


class BucketRequest(msgspec.Struct, frozen=True):
    """What this process reports about one bucket, and what it wants from it; all in requests.

    It returns tokens that it has borrowed, holds `held` concurrency slots, and wants `wanted` more requests. The store
    grants as many of those as the limit allows, and more tokens than wanted where many are left.
    """

    key: str
    rate: float
    burst: int
    concurrency: int
    returned: int
    held: int
    wanted: int


class BucketGrant(msgspec.Struct, frozen=True):
    """`tokens` requests may be made, and `slots` of them at once. `level` is what is left in the store after that.

    `lent`: another process has borrowed tokens and may soon return some.
    """

    tokens: int
    slots: int
    level: float
    lent: bool


class TokenBucket(msgspec.Struct, eq=False):
    """What this process knows of one limit. Times are of the monotonic clock."""

    key: str
    level: float  # remaining in the store at the last sync; remaining in this process if it counts separately
    updated_at: float
    rate: float = 1
    burst: int = 1
    concurrency: int = 0
    in_progress: int = 0
    peak: int = 0  # of `in_progress` since the last sync interval
    tokens: int = 0  # borrowed from the store
    slots: int = 0  # of the store's concurrency slots; `in_progress` of them are in use
    wanted: int = 0  # by requests that wait for the next sync
    lent: bool = False
    synced_at: float = 0
    refused_until: float = 0

    def can_admit(self) -> bool:
        """Whether what was borrowed covers one more request."""
        return self.tokens > 0 and (self.concurrency == 0 or self.in_progress < self.slots)

    def refill(self) -> None:
        now = monotonic()
        self.level = min(self.burst, self.level + (now - self.updated_at) * self.rate)
        self.updated_at = now

    def borrow_request(self) -> BucketRequest:
        """Returns everything that is not in use, and asks for what is wanted."""
        returned, wanted = self.tokens, self.wanted
        self.tokens = self.wanted = 0
        self.slots = self.peak = self.in_progress
        return BucketRequest(self.key, self.rate, self.burst, self.concurrency, returned, self.slots, wanted)

    def interval_request(self, now: float) -> BucketRequest | None:
        """Returns tokens borrowed before the last interval and slots not used in it, and renews the slots in use."""
        slots, self.peak = max(self.peak, self.in_progress), self.in_progress
        age = now - self.synced_at
        if slots == self.slots and not (self.tokens and age >= SYNC_INTERVAL) and not (slots and age >= SLOT_LEASE / 3):
            return None
        returned, self.tokens = self.tokens, 0
        self.slots = slots
        return BucketRequest(self.key, self.rate, self.burst, self.concurrency, returned, slots, 0)

    def add(self, grant: BucketGrant) -> None:
        self.tokens += grant.tokens
        self.slots += grant.slots
        self.level, self.lent = grant.level, grant.lent
        self.updated_at = self.synced_at = monotonic()

    def detach(self) -> None:
        """The store is unavailable: this process counts separately, and keeps what it has borrowed."""
        self.level += self.tokens
        self.tokens = self.slots = self.wanted = 0


class RateLimiter(Generic[K]):
    """One policy. `bucket_name` names the bucket of a key, unique among all policies. Without `sync`, each process
    counts separately.
    """

    def __init__(self, policy: str, bucket_name: Callable[[K], str], sync: "LimitSync | None") -> None:
        self.policy = policy
        self._bucket_name = bucket_name
        self._sync = sync
        self._buckets: LRUCache[K, TokenBucket] = LRUCache(MAX_BUCKETS)

    async def take(self, key: K, limit: RateLimit) -> TokenBucket:
        """Counts a request. Raises Problem 429."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._bucket_name(key), limit.burst, monotonic())
        bucket.rate, bucket.burst, bucket.concurrency = limit.rate, limit.burst, limit.concurrency
        bucket.refill()
        if self._sync is not None and await self._sync.borrow(bucket):
            if not bucket.can_admit():
                raise self.exceeded(bucket)
            bucket.tokens -= 1
        else:
            if bucket.level < 1 or 0 < bucket.concurrency <= bucket.in_progress:
                raise self.exceeded(bucket)
            bucket.level -= 1
        return bucket

    def is_exhausted(self, key: K) -> bool:
        """Whether the next request would be refused, as far as this process knows. Counts nothing."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return False
        bucket.refill()
        return bucket.level + bucket.tokens < 1

    def start_request(self, bucket: TokenBucket) -> Callable[[], None]:
        """Counts the request just taken as in progress, until the returned function is called."""
        bucket.in_progress += 1
        if self._sync is not None:
            self._sync.start_request(bucket)

        def finish_request() -> None:
            bucket.in_progress -= 1
            if self._sync is not None:
                self._sync.finish_request(bucket)

        return finish_request

    def exceeded(self, bucket: TokenBucket) -> Problem:
        if bucket.level < 1:
            detail, retry_after = "Too many requests in a short time.", ceil((1 - bucket.level) / bucket.rate)
        else:
            detail, retry_after = f"{bucket.concurrency} requests with this API key are in progress.", 1
        return Problem(429, detail, headers={"Retry-After": str(retry_after), **self.headers(bucket)})

    def headers(self, bucket: TokenBucket) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers."""
        level = min(bucket.burst, bucket.level + bucket.tokens)
        return {
            "RateLimit-Policy": policy_header(self.policy, bucket.rate, bucket.burst),
            "RateLimit": f'"{self.policy}";r={int(level)};t={ceil((bucket.burst - level) / bucket.rate)}',
        }


@lru_cache
def policy_header(policy: str, rate: float, burst: int) -> str:
    return f'"{policy}";q={burst};w={ceil(burst / rate)}'
