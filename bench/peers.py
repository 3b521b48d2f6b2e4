"""The peers: other implementations of the same report (django_app.py, fastapi_app.py, load.sql in one folder).

Their packages are in a separate environment, and their data in a separate schema of the benchmark's database.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
from rich.console import Console

from bench import ROOT
from bench.clients import Load, psql, wrk
from bench.serving import Command, Server, free_port, running
from core.errors import GokartError
from database.engine import database_url

PLACE = ROOT / ".data" / "peers"
PACKAGES = ["django", "django-tenants", "djangorestframework", "psycopg[binary]", "gunicorn", "fastapi",
            "sqlalchemy[asyncio]", "asyncpg", "uvicorn[standard]"]  # fmt: skip
ROWS = 400  # of the report, as in this project's
HEADERS = {"Host": "api.acme.localhost", "Authorization": "ApiToken token-3"}

DJANGO, FASTAPI = "django peer", "FastAPI peer"


def start_peers(stack: ExitStack, folder: Path, query: str) -> dict[str, Callable[[], Load]]:
    """Starts the peers. Returns functions that measure their JSON reports, by name of the peer."""
    folder = folder.resolve()
    python = PLACE / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PLACE], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    if "t_acme" not in psql(database_url(), "SELECT nspname FROM pg_namespace").split():
        with Console(stderr=True).status("Filling the peers' schema, once ..."):
            psql(database_url(), f"BEGIN;\n\\set days 366\n{loading(folder)}")
            psql(database_url(), "VACUUM ANALYZE t_acme.daily")
    dsn = re.sub(r"[?&](port|sslmode)=[^&]*", "", database_url())
    environment = {"PEER_DSN": dsn, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def start(command: Command, port: int) -> Callable[[], Load]:
        server: Server = stack.enter_context(running([python, "-m", *command], port, **environment))
        address = server.address(f"/json?{query}")
        answered = httpx.get(address, headers=HEADERS, timeout=60).raise_for_status()
        if len(answered.json()["data"]) != ROWS:
            raise GokartError(f"The peer in {folder} does not return {ROWS} rows")
        return lambda: wrk(address, HEADERS)

    django, fastapi = free_port(), free_port()
    return {
        DJANGO: start(
            ["gunicorn", "-w", "1", "--threads", "8", "-b", f"127.0.0.1:{django}", "django_app:application"], django
        ),
        FASTAPI: start(["uvicorn", "fastapi_app:app", "--port", str(fastapi), "--no-access-log"], fastapi),
    }


def loading(folder: Path) -> str:
    """The peers' own script, in one transaction, so that an interrupted run leaves nothing behind."""
    lines = (folder / "load.sql").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("vacuum")) + "\nCOMMIT;"
