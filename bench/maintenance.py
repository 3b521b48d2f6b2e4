"""What PostgreSQL's maintenance costs with many tenants: an autovacuum round, vacuum, and a dump of one tenant."""

import subprocess
import time
from contextlib import suppress

import psutil

from bench.clients import ask, postmaster
from database.embedded import binary

NAPTIME = 2  # seconds from one autovacuum round to the next, instead of 60
VACUUMED = 100  # tenants
SCHEMAS = "SELECT schema FROM tenant ORDER BY slug LIMIT $1"


def time_autovacuum(url: str, rounds: int, timeout: float = 420) -> list[float]:
    """The seconds for which an autovacuum worker lives that finds hardly anything to do: it reads the catalogue and the
    statistics of all tables. The first workers, which vacuum what has changed until then, do not count. Fewer than
    `rounds` if they are not done after `timeout` seconds.
    """
    (database,) = ask(url, "SELECT current_database()")[0]
    server = postmaster(url)
    set_naptime(url, f"SET autovacuum_naptime = '{NAPTIME}s'")
    lived: dict[int, float] = {}
    deadline = time.monotonic() + timeout
    try:
        while time.monotonic() < deadline and len(settled(lived)) <= rounds:
            for process in server.children():
                with suppress(psutil.NoSuchProcess, IndexError):
                    if process.cmdline()[0].startswith(f"postgres: autovacuum worker {database}"):
                        lived[process.pid] = time.time() - process.create_time()
            time.sleep(0.01)
    finally:
        set_naptime(url, "RESET autovacuum_naptime")
    return settled(lived)[:rounds]


def settled(lived: dict[int, float]) -> list[float]:
    """Without the workers up to the longest one, which had tables to vacuum."""
    seconds = list(lived.values())
    return seconds[seconds.index(max(seconds)) + 1 :] if seconds else []


def set_naptime(url: str, change: str) -> None:
    ask(url, f"ALTER SYSTEM {change}")
    ask(url, "SELECT pg_reload_conf()")


def time_vacuum(url: str) -> float:
    """The seconds to vacuum and analyze all tables of VACUUMED tenants, one after the other."""
    schemas = [f"--schema={schema}" for (schema,) in ask(url, SCHEMAS, VACUUMED)]
    return seconds_of("vacuumdb", "--quiet", "--analyze", *schemas, f"--dbname={url}")


def time_dump(url: str) -> float:
    """The seconds of pg_dump for one tenant."""
    ((schema,),) = ask(url, SCHEMAS, 1)
    return seconds_of("pg_dump", "--format=custom", f"--schema={schema}", f"--dbname={url}")


def seconds_of(program: str, *arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([binary(program), *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
