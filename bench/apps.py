"""Serves an empty handler: without middleware (bare), or with the guards and middleware of a report (guarded). Or a
month's report from its statements, and nothing else around them (statements).

    python -m bench.apps bare|guarded|statements PORT

All are served with the options of `gokart serve`.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import asyncpg
import uvicorn
from litestar import HttpMethod, Litestar, Response, get
from starlette.types import ASGIApp

import cli
from bench.clients import CONNECTIONS

EMPTY = "/empty"
WHOLE_REPORT, UNCHANGED_REPORT = "/whole", "/unchanged"


def bare() -> Any:
    @get(EMPTY)
    async def empty() -> dict[str, str]:
        return {}

    return Litestar([empty], openapi_config=None, logging_config=None)


def guarded() -> ASGIApp:
    """Behind tenant lookup, API key, rate limits, compression and log."""
    import main
    from auth.api_keys.authenticate import requires_api_key
    from web.routing import route

    @route(EMPTY, http_method=HttpMethod.GET, guards=[requires_api_key("cost-report")])
    async def empty() -> dict[str, str]:
        return {}

    main.api.register(empty)
    return main.app


def statements() -> Any:
    """WHOLE_REPORT reads the report; UNCHANGED_REPORT only its validators, for a 304. For anybody, without a key."""
    from bench.data import WHOLE, filled
    from bench.reports import MONTH, report_request
    from database.engine import database_url
    from reporting.read import COST_REPORT
    from settings import settings

    request = report_request(filled(WHOLE), COST_REPORT, MONTH)
    whole, validators = request.whole_query(settings.stream_rows), request.validators_query

    @asynccontextmanager
    async def connected(app: Litestar) -> AsyncIterator[None]:
        async with asyncpg.create_pool(database_url(), min_size=CONNECTIONS, max_size=CONNECTIONS) as app.state.pool:
            yield

    @get(WHOLE_REPORT)
    async def read_whole() -> Response[bytes]:
        row = await app.state.pool.fetchrow(whole.sql, *whole.args)
        return Response(b'{"data":[' + row["items"] + b"]}", media_type="application/json")

    @get(UNCHANGED_REPORT)
    async def read_validators() -> Response[None]:
        row = await app.state.pool.fetchrow(validators.sql, *validators.args)
        return Response(None, status_code=304, headers={"ETag": f'W/"{hash(row["state"])}"'})

    app = Litestar([read_whole, read_validators], lifespan=[connected], openapi_config=None, logging_config=None)
    return app


def serve_app(app: Any, port: int) -> None:
    with patch("uvicorn.run", partial(run_instead, app)):
        cli.run_server("127.0.0.1", port, 1)


def run_instead(app: Any, _: object, **options: Any) -> None:
    uvicorn.Server(uvicorn.Config(app, **options)).run()


if __name__ == "__main__":
    serve_app({"bare": bare, "guarded": guarded, "statements": statements}[sys.argv[1]](), int(sys.argv[2]))
