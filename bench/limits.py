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

from auth.api_keys.rate_limits import Limit, Limiter
from bench.results import Row, Side, plain, ratio
from bench.rounds import alternate
from bench.serving import free_port
from settings import settings
from tenants.commands import run_command
from tenants.migrations import migrate_platform
from web.limits.in_database import DatabaseStore
from web.limits.in_redis import RedisStore
from web.limits.rounds import Rounds
from web.limits.stores import SHARE, Store

METHOD = """Without HTTP, one request after the other: the requests that a rested token may make at once, and as many of
one with 10,000 a second. Beside each place over all processes, the same asked for each request instead of borrowed."""

USUAL = Limit(settings.token_rate, settings.token_burst, settings.token_concurrency)
BUSY = Limit(10_000, 10_000, settings.token_concurrency)
REQUESTS = settings.token_burst

Make = Callable[[float], Store | None]


def measure(options: Namespace) -> list[Row]:
    run_command(migrate_platform)
    with redis() as url:
        places: dict[str, Make] = {"PostgreSQL": DatabaseStore}
        if url is not None:
            places["Redis"] = partial(RedisStore, url)
        contenders: dict[tuple[str, float, Limit], Callable[[], float]] = {
            (name, share, limit): partial(requests, make, share, limit)
            for name, make in places.items()
            for limit in (USUAL, BUSY)
            for share in (SHARE, 0)
        }
        contenders["this process", 0, USUAL] = partial(requests, lambda _: None, 0, USUAL)
        results = alternate(contenders, options.rounds)
    rows = [plain("counted in this process", None, results["this process", 0, USUAL], "µs")]
    for name in places:
        for limit, whose in (USUAL, "a rested token's"), (BUSY, "a busy token's"):
            lent, asked = results[name, SHARE, limit], results[name, 0, limit]
            rows.append(ratio(f"in {name}, {whose}", None, Side(lent, "µs"), Side(asked, "µs", "asking for each")))
    return rows


def requests(make: Make, share: float, limit: Limit) -> float:
    """Microseconds for each."""
    return asyncio.run(requests_counted(make(share), limit))


async def requests_counted(store: Store | None, limit: Limit) -> float:
    if store is None:
        return await one_after_the_other(Limiter("token", str, None), limit)
    rounds = Rounds(store)
    async with rounds.running():
        limiter = Limiter[str]("token", str, rounds)
        await limiter.take("connect", limit)
        return await one_after_the_other(limiter, limit)


async def one_after_the_other(limiter: Limiter[str], limit: Limit) -> float:
    key = uuid4().hex
    started = perf_counter()
    for _ in range(REQUESTS):
        await limiter.take(key, limit)
        limiter.hold(key)()
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
