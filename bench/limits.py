"""The cost of counting requests: in the process, and across processes in PostgreSQL and in Redis."""

import asyncio
import shutil
import subprocess
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from uuid import uuid4

from bench.results import Row, Side, plain, ratio
from bench.rounds import alternate
from bench.serving import free_port
from settings import settings
from tenants.commands import run_command
from tenants.migrations import migrate_platform
from web.limits.limiter import RateLimit, RateLimiter
from web.limits.postgres import PostgresLimitStore
from web.limits.redis import RedisLimitStore
from web.limits.sync import BORROWED_SHARE, LimitStore, LimitSync

METHOD = """Without HTTP, one request after the other. *Idle key*: a burst up to the default limit. *Busy key*: as many
requests of a key with a limit of 10,000 per second. Each store is also measured with one call per request instead of
borrowing."""

USUAL = RateLimit(settings.token_rate, settings.token_burst, settings.token_concurrency)
BUSY = RateLimit(10_000, 10_000, settings.token_concurrency)
REQUESTS = settings.token_burst

CreateStore = Callable[[float], LimitStore | None]


def measure(options: Namespace) -> list[Row]:
    run_command(migrate_platform)
    with redis() as url:
        stores: dict[str, CreateStore] = {"PostgreSQL": PostgresLimitStore}
        if url is not None:
            stores["Redis"] = partial(RedisLimitStore, url)
        contenders: dict[tuple[str, float, RateLimit], Callable[[], float]] = {
            (name, share, limit): partial(requests, create_store, share, limit)
            for name, create_store in stores.items()
            for limit in (USUAL, BUSY)
            for share in (BORROWED_SHARE, 0)
        }
        contenders["process", 0, USUAL] = partial(requests, lambda _: None, 0, USUAL)
        results = alternate(contenders, options.rounds)
    rows = [plain("counted in the process", None, results["process", 0, USUAL], "µs")]
    for name in stores:
        for limit, key in (USUAL, "idle key"), (BUSY, "busy key"):
            borrowed, single = results[name, BORROWED_SHARE, limit], results[name, 0, limit]
            reference = Side(single, "µs", "one call per request")
            rows.append(ratio(f"in {name}, {key}", None, Side(borrowed, "µs"), reference))
    return rows


def requests(create_store: CreateStore, share: float, limit: RateLimit) -> float:
    """Microseconds per request."""
    return asyncio.run(time_requests(create_store(share), limit))


async def time_requests(store: LimitStore | None, limit: RateLimit) -> float:
    if store is None:
        return await time_limiter(RateLimiter("token", str, None), limit)
    limit_sync = LimitSync(store)
    async with limit_sync.running():
        limiter = RateLimiter[str]("token", str, limit_sync)
        await limiter.take("connect", limit)
        return await time_limiter(limiter, limit)


async def time_limiter(limiter: RateLimiter[str], limit: RateLimit) -> float:
    key = uuid4().hex
    started = perf_counter()
    for _ in range(REQUESTS):
        limiter.start_request(await limiter.take(key, limit))()
    return (perf_counter() - started) / REQUESTS * 1e6


@contextmanager
def redis() -> Iterator[str | None]:
    """Runs a Redis and yields its URL, or None if none is installed."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        yield None
        return
    with TemporaryDirectory() as folder:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            sleep(0.5)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()
