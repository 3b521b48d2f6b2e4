"""Large reports: constant memory, visible errors, and timeouts for clients that stop reading."""

import asyncio
import csv
import io
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import asyncpg
import duckdb
import httpx
import msgspec
import pandas as pd
import psutil
import pytest

from database.engine import database_url, engine
from database.pool import ConnectionPool, DatabaseUnavailable
from database.transactions import read_only_snapshot
from reporting.filters import Filter
from reporting.ranges import Range
from reporting.read import SINGULAR as SINGULAR_REPORT
from reporting.read import ReportRequest
from reporting.stream import SETTINGS_OF_DAILY_PARTS, copy_out
from tests.support.database import locked
from tests.support.large_report import (
    DAYS,
    OFFERS,
    PARTNERS,
    YEAR,
    backends,
    fill_large_report,
    held,
    kill_backends,
)
from tests.support.sandbox import (
    CSV,
    JSON,
    MAY,
    SINGULAR,
    SINGULAR_CSV,
    Sandbox,
    create_sandbox,
    event_record,
    offer_record,
)
from tests.support.servers import Server, running_server
from tests.support.wait import GUARD

NEVER_ASKED = {"date_from": "2024-01-01", "date_to": "2024-11-30"}  # disables the report cache
PATIENCE = 120.0
exactly = msgspec.json.Decoder(float_hook=Decimal)


@pytest.fixture(scope="module")
def big(http: httpx.Client) -> Sandbox:
    """An advertiser with 146,400 daily rows of 2024."""
    sandbox = create_sandbox(http)
    fill_large_report(sandbox)
    return sandbox


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server with a report timeout of two seconds."""
    with (
        running_server(tmp_path_factory.mktemp("impatient"), GOKART_REPORT_TIMEOUT="2") as running,
        running.client() as client,
    ):
        yield client


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_large_json_report_is_whole_and_exact(big: Sandbox) -> None:
    response = big.get(SINGULAR, **YEAR)
    assert "gokart-rows" not in response.headers
    assert response.headers["transfer-encoding"] == "chunked"
    items = exactly.decode(response.content)["data"]["items"]
    assert len(items) == DAYS * OFFERS * PARTNERS
    keys = [(item["date"], item["campaign_id"], item["partner_id"]) for item in items]
    assert keys == sorted(keys)
    total = sum(item["cost"] for item in items)
    rows = exactly.decode(big.get(JSON, **YEAR).content)["data"]
    assert total == sum(row["revenue"] for row in rows)
    assert len(rows) == OFFERS * PARTNERS


def test_csv_and_json_say_the_same(big: Sandbox) -> None:
    quarter = {"date_from": "2024-01-01", "date_to": "2024-03-31"}
    lines = list(csv.DictReader(io.StringIO(big.get(SINGULAR_CSV, **quarter).text)))
    items = exactly.decode(big.get(SINGULAR, **quarter).content)["data"]["items"]
    assert [(line["date"], line["campaign_id"], line["partner_id"], Decimal(line["cost"])) for line in lines] == [
        (item["date"], item["campaign_id"], item["partner_id"], item["cost"]) for item in items
    ]


@pytest.mark.parametrize("first", ["2025-05-01", "2025-05-19T01:00Z"], ids=["whole days", "part of a day"])
def test_the_csv_has_any_text_of_an_offer(sandbox: Sandbox, first: str) -> None:
    range_ = MAY | {"date_from": first}
    special = [",", '"', "\n", "\r\n", "\\", "\\n", "\\.", "\t", "\b\f\v", "\x01\x02"]
    texts = [f"before{characters}after" for characters in special]
    texts += ["\\.", "NULL", "\\N", " spaces ", "'", "a $1 :b {schema}", "Zażółć 🦊"]
    offers = [
        offer_record(sandbox, name=text, appName=text, storeId=text, campaignName=text, os="WEB") for text in texts
    ]
    offers += [offer_record(sandbox, appName="", storeId="", campaignName=""), offer_record(sandbox)]
    sandbox.send("offers", offers)
    sandbox.send("events", [event_record(offer["id"], occurredAt="2025-05-19T15:00:00Z") for offer in offers])
    content = sandbox.get(SINGULAR_CSV, **range_).text
    items = sandbox.get(SINGULAR, **range_).json()["data"]["items"]
    assert len(items) == len(offers)
    assert list(csv.reader(io.StringIO(content, newline=""))) == [
        list(items[0]),
        *(["" if value is None else str(value) for value in item.values()] for item in items),
    ]
    empty, missing = [f",{text},{text},{os},{text}," for text, os in (('""', ""), ("", ""))]
    assert content.count(empty) == 1, "an empty text is quoted, as PostgreSQL's COPY does"
    assert content.count(missing) == 1


@pytest.mark.parametrize("path", [SINGULAR_CSV, SINGULAR])
def test_a_part_of_a_large_report_is_read_by_a_parallel_worker(big: Sandbox, path: str) -> None:
    """PostgreSQL does so if nothing in the statement prevents it."""
    report = SINGULAR_REPORT.csv if path == SINGULAR_CSV else SINGULAR_REPORT.items
    days = Range(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))
    request = ReportRequest(SINGULAR_REPORT, big.tenant, big.owner, Filter(days, None))
    statement = f"EXPLAIN {request.query(report, days).with_literals()}"
    plan = "\n".join(row[0] for row in after_settings(statement))
    assert re.match(r"(Custom Scan \(Citus(.*\n)+? *->  )?Gather Merge", plan), plan
    assert "Seq Scan on by_day" not in plan


def after_settings(statement: str) -> list[asyncpg.Record]:
    """The rows of the statement with the settings of a part."""

    async def work() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(database_url())
        try:
            async with connection.transaction():
                await connection.execute(SETTINGS_OF_DAILY_PARTS)
                return list(await connection.fetch(statement))
        finally:
            await connection.close()

    return asyncio.run(work())


@pytest.mark.parametrize("path", [SINGULAR_CSV, SINGULAR])
def test_a_report_begins_before_its_last_row_is_read(big: Sandbox, server: Server, path: str) -> None:
    """Also where its range begins long before its data."""
    with slow_reader(server, request_of(big, path, "2000-01-01")) as slow:
        content = b""
        while content.count(b"2024-01-01") < 2:  # the first rows
            content += slow.recv(65_536)
        assert held(big), "the query runs on, or the next part of it is to come"
    params = {"date_from": "2000-01-01", "date_to": "2024-12-31"}
    assert items_of(big.get(path, **params).content) == items_of(big.get(path, **YEAR).content)


def items_of(content: bytes) -> bytes:
    """The response without the time at which it was made."""
    return content.partition(b"items")[2] or content


def test_the_server_s_memory_does_not_grow_with_the_report(big: Sandbox, server: Server) -> None:
    process = worker(server)
    big.get(SINGULAR, date_from="2024-01-01", date_to="2024-01-31")
    big.get(SINGULAR_CSV, date_from="2024-01-01", date_to="2024-01-31")
    before = process.memory_info().rss
    highest = before
    for path in (SINGULAR, SINGULAR_CSV):
        with stream(big, path) as response:
            for _ in response.iter_raw(65_536):
                highest = max(highest, process.memory_info().rss)
    assert highest - before < 30 * 2**20


def worker(server: Server) -> psutil.Process:
    """The server's worker process."""
    process = psutil.Process(server.process)
    children = process.children()
    return children[0] if children else process


def stream(sandbox: Sandbox, path: str, **days: str) -> AbstractContextManager[httpx.Response]:
    headers = {"Host": sandbox.host, "Authorization": f"ApiToken {sandbox.owner_key}", "Accept-Encoding": "identity"}
    return sandbox.http.stream("GET", path, params=days or YEAR, headers=headers)


@pytest.fixture
def narrow(big: Sandbox) -> Iterator[Sandbox]:
    """A client with a small receive buffer.

    Otherwise the buffer grows with use, until it holds a whole report while the client still reads the first lines.
    """
    transport = httpx.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)])
    with httpx.Client(base_url=big.http.base_url, transport=transport, timeout=120) as client:
        yield msgspec.structs.replace(big, http=client)


@pytest.mark.parametrize("path", [SINGULAR_CSV, SINGULAR])
def test_httpx_sees_a_report_that_breaks_in_the_middle(narrow: Sandbox, path: str) -> None:
    with stream(narrow, path) as response:
        chunks = response.iter_raw(1024)
        assert next(chunks)
        kill_backends(narrow)
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in chunks:
                pass


def test_curl_sees_a_report_that_breaks_in_the_middle(big: Sandbox, server: Server, tmp_path: Path) -> None:
    output = tmp_path / "report.csv"
    command = [
        *("curl", "--silent", "--no-buffer", "--limit-rate", "500k", "--output", str(output)),
        *("--header", f"Host: {big.host}", "--header", f"Authorization: ApiToken {big.owner_key}"),
        f"{server.url}{SINGULAR_CSV}?date_from=2024-01-01&date_to=2024-12-31",
    ]
    curl = subprocess.Popen(command)
    until(lambda: output.exists() and output.stat().st_size > 0)
    kill_backends(big)
    assert curl.wait(PATIENCE) == 18  # “Partial file”


@pytest.mark.parametrize("path", [SINGULAR_CSV, SINGULAR])
def test_a_client_that_goes_away_stops_its_query(big: Sandbox, path: str) -> None:
    with stream(big, path) as response:
        next(response.iter_raw(1024))
    until(lambda: not backends(big))
    assert big.get(JSON, **YEAR).status_code == 200


@pytest.mark.parametrize("path", [SINGULAR_CSV, SINGULAR])
def test_a_head_request_leaves_no_open_transaction(big: Sandbox, path: str) -> None:
    """Also for a report whose rows the database has sent completely."""
    for _ in range(20):
        response = big.request("HEAD", path, token=big.owner_key, params={**YEAR, "date_to": "2024-01-31"}, timeout=3)
        assert response.status_code == 200
    until(lambda: not held(big))


def test_a_client_that_goes_away_before_the_answer_stops_its_query(big: Sandbox) -> None:
    with blocked(big):
        with pytest.raises(httpx.ReadTimeout):
            big.request("GET", JSON, token=big.owner_key, params=NEVER_ASKED, timeout=0.3)
        until(lambda: not backends(big))


@contextmanager
def blocked(sandbox: Sandbox) -> Iterator[None]:
    """Holds a lock for which every report of this tenant waits."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(database_url()))
        runner.run(connection.execute(f"BEGIN; LOCK TABLE {sandbox.tenant.schema}.by_month"))
        try:
            yield
        finally:
            runner.run(connection.close())


@pytest.mark.parametrize("path", [JSON, CSV])
def test_a_report_that_takes_too_long_is_503_and_its_query_stops(
    big: Sandbox, impatient: httpx.Client, path: str
) -> None:
    patient = msgspec.structs.replace(big, http=impatient)
    with blocked(big):
        response = patient.get(path, **YEAR)
        assert response.status_code == 503
        assert response.json()["title"] == "Service unavailable"
        assert int(response.headers["retry-after"]) > 0
        until(lambda: not backends(big))
    assert patient.get(path, **YEAR).status_code == 200


def test_a_slow_reader_does_not_block_others(big: Sandbox, server: Server) -> None:
    """Even if every server process has as many concurrent requests as an API key may have."""
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(slow_reader(server, request_of(big, SINGULAR_CSV)))
        until(lambda: len(held(big)) >= 2)
        for path in (CSV, SINGULAR_CSV, JSON):
            assert big.get(path, token=big.rival_key, **YEAR).status_code == 200
        assert len(held(big)) >= 2, "the slow readers are still being served"


def test_slow_readers_of_one_tenant_do_not_block_other_tenants(
    big: Sandbox, other_sandbox: Sandbox, tmp_path: Path
) -> None:
    """They get half of the connections for streams: here one."""
    with running_server(tmp_path, GOKART_STREAMS="2") as server, server.client() as http, ExitStack() as stack:
        for _ in range(2):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(request_of(big, SINGULAR_CSV))
        until(lambda: bool(held(big)))
        elsewhere = msgspec.structs.replace(other_sandbox, http=http)
        for path in (CSV, SINGULAR_CSV):
            assert elsewhere.get(path, **YEAR).status_code == 200
        assert len(held(big)) == 1, "a slow reader is still being served"


def test_a_lock_that_blocks_one_tenants_intake_does_not_block_others(
    big: Sandbox, sandbox: Sandbox, other_sandbox: Sandbox
) -> None:
    offer = offer_record(other_sandbox)
    other_sandbox.send("offers", [offer])
    other_sandbox.send("events", [event_record(offer["id"])])
    with ThreadPoolExecutor(8) as pool:
        with locked(f"{other_sandbox.tenant.schema}.event"):
            calls = [pool.submit(try_to_send, other_sandbox, offer["id"]) for _ in range(8)]
            until(lambda: len(backends(other_sandbox)) >= 3)
            assert big.get(JSON, **YEAR).status_code == 200
            assert sandbox.send("offers", [offer_record(sandbox)])["accepted"] == 1
        assert {call.result() for call in calls} == {200}


def test_a_lock_that_blocks_one_advertisers_reports_does_not_block_others(big: Sandbox, other_sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        with locked(f"{other_sandbox.tenant.schema}.offer"):
            reports = [pool.submit(other_sandbox.get, JSON, **YEAR) for _ in range(8)]
            until(lambda: len(backends(other_sandbox)) >= 3)
            assert big.get(JSON, **YEAR).status_code == 200
        assert {report.result().status_code for report in reports} == {200}


def try_to_send(sandbox: Sandbox, offer: str) -> int:
    body = [event_record(offer)]
    return sandbox.request("POST", "/api/v1/ingest/events", token=sandbox.ingest_key, json=body).status_code


@pytest.mark.parametrize("path", [SINGULAR_CSV, SINGULAR])
def test_a_client_that_stops_reading_is_given_up(big: Sandbox, impatient: httpx.Client, path: str) -> None:
    port = httpx.URL(impatient.base_url).port
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request_of(big, path))
        until(lambda: bool(held(big)))
        until(lambda: not held(big))


@contextmanager
def slow_reader(server: Server, request: bytes) -> Iterator[socket.socket]:
    """A client whose small buffer fills up, so that the server waits until it reads on."""
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(GUARD)
        slow.connect(("127.0.0.1", server.port))
        slow.sendall(request)
        yield slow


def request_of(sandbox: Sandbox, path: str, date_from: str = "2024-01-01") -> bytes:
    """The bytes of the owner's HTTP request for a range that ends with 2024."""
    headers = {"Host": sandbox.host, "Authorization": f"ApiToken {sandbox.owner_key}", "Accept-Encoding": "identity"}
    lines = [f"GET {path}?date_from={date_from}&date_to=2024-12-31 HTTP/1.1"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


async def test_stopping_at_the_last_chunk_leaves_no_open_transaction() -> None:
    async def gone(_: bytes) -> None:
        raise TimeoutError

    pool = ConnectionPool(engine().connect_options(database_url()), max_size=1, timeout=5, max_tenants=1, max_idle=60)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(DatabaseUnavailable):
            async with pool.acquire() as db, read_only_snapshot(db):
                await copy_out(db, "SELECT 1", gone, header=True)
        async with pool.acquire() as db:
            assert await db.fetchval("SELECT 1") == 1
        await pool.close()


def test_pandas_and_duckdb_read_the_csv(big: Sandbox, tmp_path: Path) -> None:
    text = big.get(CSV, **YEAR).text
    path = tmp_path / "report.csv"
    path.write_text(text)
    frame = pd.read_csv(path, dtype={"revenue": str})
    sums = f"SELECT count(*), sum(revenue::DECIMAL(38, 6)) FROM read_csv('{path}', all_varchar = true)"
    row = duckdb.connect().execute(sums).fetchone()
    exact = sum(row["revenue"] for row in decimals(big))
    assert len(frame) == OFFERS * PARTNERS
    assert sum(map(Decimal, frame["revenue"])) == exact
    assert row == (OFFERS * PARTNERS, exact)


def decimals(sandbox: Sandbox) -> list[dict[str, Decimal]]:
    rows: list[dict[str, Decimal]] = exactly.decode(sandbox.get(JSON, **YEAR).content)["data"]
    return rows
