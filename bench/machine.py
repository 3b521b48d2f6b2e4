"""Describes the machine and the versions of a measurement."""

import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from database.embedded import binary

PACKAGES = "litestar", "uvicorn", "asyncpg", "msgspec"
BUSY = 0.1  # of all cores, before a measurement begins


def machine(rounds: int) -> str:
    postgres = subprocess.run([binary("postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{rounds} round{'s' if rounds > 1 else ''} on {os.cpu_count()} cores ({processor()}), {memory:.0f} GB; "
        f"{platform.system()}, Python {platform.python_version()}, PostgreSQL {postgres.split()[-1]}, {packages}."
    )


def busy_warning() -> str:
    """A sentence if other processes use the machine, else an empty text. Takes two seconds."""
    psutil.cpu_percent()
    time.sleep(2)
    share = psutil.cpu_percent() / 100
    return f" **Other processes used {share:.0%} of the cores before it began.**" if share > BUSY else ""


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
