"""Serves an empty handler: without middleware (bare), or with the guards and middleware of a report (guarded).

    python -m bench.apps bare|guarded PORT

Both are served with the options of `gokart serve`.
"""

import sys
from functools import partial
from typing import Any
from unittest.mock import patch

import uvicorn
from litestar import Litestar, get
from starlette.types import ASGIApp

import cli

EMPTY = "/empty"


def bare() -> Any:
    @get(EMPTY)
    async def empty() -> dict[str, str]:
        return {}

    return Litestar([empty], openapi_config=None, logging_config=None)


def guarded() -> ASGIApp:
    """Behind tenant lookup, API key, rate limits, compression and log."""
    import main
    from auth.api_keys.authenticate import requires_api_key

    @get(EMPTY, guards=[requires_api_key("cost-report")])
    async def empty() -> dict[str, str]:
        return {}

    main.api.register(empty)
    return main.app


def serve_app(app: Any, port: int) -> None:
    with patch("uvicorn.run", partial(run_instead, app)):
        cli.run_server("127.0.0.1", port, 1)


def run_instead(app: Any, _: object, **options: Any) -> None:
    uvicorn.Server(uvicorn.Config(app, **options)).run()


if __name__ == "__main__":
    serve_app({"bare": bare, "guarded": guarded}[sys.argv[1]](), int(sys.argv[2]))
