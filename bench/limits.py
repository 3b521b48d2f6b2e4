"""What it costs to count requests: in this process, and over all of them in PostgreSQL and in Redis."""

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

METHOD = """Without HTTP, one request after the other: the requests that a rested token may make at once, and as many of
one with 10,000 a second. Each store is also measured with one call per request instead of borrowing."""

USUAL = RateLimit(settings.token_rate, settings.token_burst, settings.token_concurrency)
BUSY = RateLimit(10_000, 10_000, settings.token_concurrency)
REQUESTS = settings.token_burst

Make = Callable[[float], LimitStore | None]


def measure(options: Namespace) -> list[Row]:
    run_command(migrate_platform)
    with redis() as url:
        places: dict[str, Make] = {"PostgreSQL": PostgresLimitStore}
        if url is not None:
            places["Redis"] = partial(RedisLimitStore, url)
        contenders: dict[tuple[str, float, RateLimit], Callable[[], float]] = {
            (name, share, limit): partial(requests, make, share, limit)
            for name, make in places.items()
            for limit in (USUAL, BUSY)
            for share in (BORROWED_SHARE, 0)
        }
        contenders["this process", 0, USUAL] = partial(requests, lambda _: None, 0, USUAL)
        results = alternate(contenders, options.rounds)
    rows = [plain("counted in this process", None, results["this process", 0, USUAL], "µs")]
    for name in places:
        for limit, whose in (USUAL, "a rested token's"), (BUSY, "a busy token's"):
            lent, asked = results[name, BORROWED_SHARE, limit], results[name, 0, limit]
            rows.append(ratio(f"in {name}, {whose}", None, Side(lent, "µs"), Side(asked, "µs", "asking for each")))
    return rows


def requests(make: Make, share: float, limit: RateLimit) -> float:
    """Microseconds for each."""
    return asyncio.run(requests_counted(make(share), limit))


async def requests_counted(store: LimitStore | None, limit: RateLimit) -> float:
    if store is None:
        return await one_after_the_other(RateLimiter("token", str, None), limit)
    limit_sync = LimitSync(store)
    async with limit_sync.running():
        limiter = RateLimiter[str]("token", str, limit_sync)
        await limiter.take("connect", limit)
        return await one_after_the_other(limiter, limit)


async def one_after_the_other(limiter: RateLimiter[str], limit: RateLimit) -> float:
    key = uuid4().hex
    started = perf_counter()
    for _ in range(REQUESTS):
        await limiter.take(key, limit)
        limiter.start_request(key)()
    return (perf_counter() - started) / REQUESTS * 1e6


@contextmanager
def redis() -> Iterator[str | None]:
    """None where none is installed."""
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
