"""Rate limits that hold over all processes, with few requests to a shared store.

A process borrows a share of the tokens that are left, and admits requests without asking the store. It returns what it
has not used within two sync intervals, and the concurrency slots of finished requests. Until then another process may
find the bucket empty, so it asks again before it refuses a request. A limit can be exceeded only by what its bucket
regains during two intervals.

One sync at a time carries the requests of all buckets. Where a sync fails, the store is unavailable: each process then
counts separately, starting from what it last knew, until the store answers again.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Protocol
from uuid import uuid4

import structlog

from core.background import run_in_background
from core.errors import GokartError
from web.limits.limiter import SYNC_INTERVAL, BucketGrant, BucketRequest, TokenBucket

BORROWED_SHARE = 0.1  # of the tokens that are left goes to a process that asks for less
LOAN_SECONDS = 0.1  # in which the process uses or returns them
PROCESS_ID = uuid4().hex  # owns the slots of this process
RETRY_DELAYS = (0, 0.01, 0.04, 0.06)  # before each attempt to borrow; together longer than two sync intervals
REFUSAL_TTL = 0.1  # seconds for which an empty bucket is not requested again, so that a flood does not reach the store
STORE_TIMEOUT = 1.0  # of a sync; after that the store is unavailable
STORE_RETRY = 1.0
CLEANUP_EVERY = 60.0
MAX_BATCH = 200
LOW_CONCURRENCY = 4  # limits below it are returned as soon as a request finishes
PROBE = BucketRequest("probe", rate=1, burst=1, concurrency=0, returned=0, held=0, wanted=0)  # tests that it can write

log = structlog.get_logger()


class StoreUnavailable(GokartError):
    """The store is unavailable; the process counts separately."""


class LimitStore(Protocol):
    """Any exception of a method means that the store is unavailable."""

    async def sync(self, requests: Sequence[BucketRequest]) -> list[BucketGrant]:
        """All or nothing, each bucket atomically among all processes. At least one; no bucket occurs twice."""

    async def delete_expired(self) -> bool:
        """Deletes buckets that are full again. Whether there may be more of them."""

    async def close(self) -> None:
        """The next call connects again."""


class LimitSync:
    def __init__(self, store: LimitStore) -> None:
        self.unavailable = True  # until `running`
        self._store = store
        self._pending: dict[TokenBucket, None] = {}  # for the next sync
        self._borrowed: dict[TokenBucket, None] = {}  # that have tokens or slots of the store
        self._wake = asyncio.Event()
        self._synced = asyncio.Event()  # after the next sync
        self._next_interval = self._next_cleanup = 0.0

    async def borrow(self, bucket: TokenBucket) -> bool:
        """Borrows what the bucket needs to admit one more request, if the limit allows it. False: unavailable."""
        if self.unavailable:
            return False
        if bucket.can_admit() or monotonic() < bucket.refused_until:
            return True
        for delay in RETRY_DELAYS:
            await asyncio.sleep(delay)
            if not await self._next_sync(bucket):
                return False
            if bucket.can_admit():
                return True
            if bucket.level < 1 and not bucket.lent:
                break
        due_in = (1 - bucket.level) / bucket.rate if bucket.level < 1 else REFUSAL_TTL
        bucket.refused_until = monotonic() + min(REFUSAL_TTL, due_in)
        return True

    def start_request(self, bucket: TokenBucket) -> None:
        bucket.peak = max(bucket.peak, bucket.in_progress)
        self._borrowed[bucket] = None

    def finish_request(self, bucket: TokenBucket) -> None:
        bucket.refused_until = 0
        if bucket.concurrency < LOW_CONCURRENCY and not self.unavailable:
            self._pending[bucket] = None
            self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Syncs for the duration of the block; returns everything at its end."""
        self.unavailable = False
        self._wake.set()  # a first sync, which connects
        try:
            async with run_in_background(self._run()):
                yield
            await self._return_all()
        finally:
            self.unavailable = True
            await self._store.close()

    async def _next_sync(self, bucket: TokenBucket) -> bool:
        """Returns after the next sync. False: unavailable."""
        if self.unavailable or bucket.can_admit():
            return not self.unavailable
        bucket.wanted += 1
        self._pending[bucket] = self._borrowed[bucket] = None
        self._wake.set()
        await self._synced.wait()
        return not self.unavailable

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0, self._next_interval - monotonic()) if self._borrowed else None):
                    await self._wake.wait()
            self._wake.clear()
            synced, self._synced = self._synced, asyncio.Event()
            try:
                await self._sync_pending()
            except Exception as error:  # noqa: BLE001  # whatever the reason, requests go on without the store
                synced.set()
                await self._wait_for_store(error)
            finally:
                synced.set()
            await asyncio.sleep(0)  # the waiting requests use their grants before the next sync returns them

    async def _sync_pending(self) -> None:
        pending, self._pending = self._pending, {}
        requests = [(bucket, bucket.borrow_request()) for bucket in pending]
        now = monotonic()
        if now >= self._next_interval:
            self._next_interval = now + SYNC_INTERVAL
            for bucket in self._borrowed.keys() - pending.keys():
                request = bucket.interval_request(now)
                if request is not None:
                    requests.append((bucket, request))
                elif not bucket.tokens and not bucket.slots:
                    del self._borrowed[bucket]
        await self._sync(requests)
        if now >= self._next_cleanup:
            async with asyncio.timeout(STORE_TIMEOUT):
                more = await self._store.delete_expired()
            self._next_cleanup = now + (STORE_RETRY if more else CLEANUP_EVERY)

    async def _sync(self, requests: list[tuple[TokenBucket, BucketRequest]]) -> None:
        for start in range(0, len(requests), MAX_BATCH):
            batch = requests[start : start + MAX_BATCH]
            async with asyncio.timeout(STORE_TIMEOUT):
                grants = await self._store.sync([request for _, request in batch])
            for (bucket, _), grant in zip(batch, grants, strict=True):
                bucket.add(grant)

    async def _return_all(self) -> None:
        for bucket in self._borrowed:
            bucket.in_progress = bucket.wanted = 0
        try:
            await self._sync([(bucket, bucket.borrow_request()) for bucket in self._borrowed])
        except Exception as error:  # noqa: BLE001  # whatever the reason, slots expire by themselves
            log.warning("slots of the limit store were not returned", error=format_error(error))

    async def _wait_for_store(self, error: Exception) -> None:
        """Returns when the store answers again."""
        self.unavailable = True
        log.warning("limit store unavailable, each process counts separately", error=format_error(error))
        for bucket in self._borrowed:
            bucket.detach()
        self._borrowed = {bucket: None for bucket in self._borrowed if bucket.in_progress}
        self._pending.clear()
        self._synced.set()  # for requests that have begun to wait during the failed sync
        self._synced = asyncio.Event()
        while self.unavailable:
            await self._store.close()
            await asyncio.sleep(STORE_RETRY)
            with suppress(Exception):
                async with asyncio.timeout(STORE_TIMEOUT):
                    await self._store.sync([PROBE])
                self.unavailable = False
        log.warning("limit store available again, limits hold over all processes")


def format_error(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
