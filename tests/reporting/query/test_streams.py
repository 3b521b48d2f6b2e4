"""Large queries: whole and exact in every format and order, constant memory, visible errors."""

import socket
from contextlib import AbstractContextManager
from typing import Any

import httpx
import msgspec
import psutil
import pytest

from tests.reporting.query.test_figures import exactly
from tests.reporting.test_streams import until, worker
from tests.support.asgi import recorded_request
from tests.support.large_report import DAYS, OFFERS, PARTNERS, backends, fill_large_report, kill_backends
from tests.support.sandbox import Sandbox, create_sandbox
from tests.support.servers import Server

PATH = "/api/v1/reports/query"
YEAR = {"date_from": "2024-01-01", "date_to": "2024-12-31"}
BY_DAY = YEAR | {"group_by": "day,offer,partner"}
ROWS = DAYS * OFFERS * PARTNERS
QUARTER = {"date_from": "2024-01-01", "date_to": "2024-03-31"}


@pytest.fixture(scope="module")
def big(http: httpx.Client) -> Sandbox:
    """An advertiser with 146,400 daily rows of 2024."""
    sandbox = create_sandbox(http)
    fill_large_report(sandbox)
    return sandbox


def query(sandbox: Sandbox, **params: str) -> dict[str, Any]:
    response = sandbox.get(PATH, **params)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = exactly.decode(response.content)
    return document


def test_a_large_query_is_whole_in_every_format(big: Sandbox) -> None:
    response = big.get(PATH, **(BY_DAY | QUARTER))
    assert response.headers["transfer-encoding"] == "chunked"
    document = exactly.decode(response.content)
    rows = document["data"]
    assert len(rows) == len({row["id"] for row in rows}) == document["meta"]["rows"] == 91 * OFFERS * PARTNERS
    assert sum(row["cost"] for row in rows) == document["totals"]["cost"]
    assert document["totals"] == query(big, **QUARTER)["totals"]
    order = [(row["day"], row["offerName"], row["partnerName"]) for row in rows]
    assert order == sorted(order)
    *lines, last = big.get(PATH, **(BY_DAY | QUARTER), format="ndjson").text.splitlines()
    assert [msgspec.json.decode(line)["id"] for line in lines] == [row["id"] for row in rows]
    assert msgspec.json.decode(last)["meta"]["rows"] == 91 * OFFERS * PARTNERS
    _, *lines = big.get(PATH, **(BY_DAY | QUARTER), format="csv").text.splitlines()
    assert [line.partition(",")[0] for line in lines] == [row["id"] for row in rows]


@pytest.mark.parametrize("sort", ["-cost", "offer", "-day"])
def test_any_order_and_limit_is_streamed(big: Sandbox, sort: str) -> None:
    rows = query(big, **BY_DAY, sort=sort, limit="5000")
    assert len(rows["data"]) == rows["meta"]["rows"] == 5_000
    keys = {"-cost": lambda row: -row["cost"], "offer": lambda row: row["offerName"]}.get(sort)
    if keys:
        assert rows["data"] == sorted(rows["data"], key=keys)
    else:
        days = [row["day"] for row in rows["data"]]
        assert days == sorted(days, reverse=True)
    assert rows["totals"] == query(big, **YEAR)["totals"]


def test_a_limit_ends_the_stream(big: Sandbox) -> None:
    rows = query(big, **BY_DAY, limit="3000")
    assert len(rows["data"]) == 3_000
    assert rows["totals"]["conversions"] == ROWS


def test_a_range_that_begins_long_before_the_data(big: Sandbox) -> None:
    """By hour, that would be 70 million time buckets."""
    everything = {"date_from": "0001-01-01", "date_to": "9999-12-30"}
    assert query(big, **everything, group_by="day")["meta"]["rows"] == DAYS
    assert query(big, **everything, group_by="month,offer")["meta"]["rows"] == 12 * OFFERS
    assert query(big, **everything, group_by="hour")["data"] == []
    assert query(big, **everything, group_by="week", sort="-cost", limit="1")["meta"]["rows"] == 1
    assert query(big, **everything)["totals"] == query(big, **YEAR)["totals"]


def test_zeros_are_streamed(big: Sandbox) -> None:
    result = query(big, date_from="2010-01-01", date_to="2024-01-02", group_by="day", zeros="true")
    assert [row["clicks"] for row in result["data"]] == [0] * 5_113 + [2 * OFFERS * PARTNERS] * 2


def test_too_many_time_buckets_can_only_be_sorted_by_time(big: Sandbox) -> None:
    params = {"date_from": "2017-01-01", "date_to": "2024-12-31", "group_by": "hour", "zeros": "true"}
    response = big.get(PATH, **params, sort="-cost")
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "sort"


def streamed(sandbox: Sandbox, **params: str) -> AbstractContextManager[httpx.Response]:
    headers = {"Host": sandbox.host, "Authorization": f"ApiToken {sandbox.owner_key}", "Accept-Encoding": "identity"}
    return sandbox.http.stream("GET", PATH, params=BY_DAY | params, headers=headers)


@pytest.mark.parametrize("format_", ["json", "ndjson", "csv", "xlsx", "parquet"])
def test_a_client_sees_a_query_that_breaks_in_the_middle(big: Sandbox, server: Server, format_: str) -> None:
    transport = httpx.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)])
    with httpx.Client(base_url=server.url, transport=transport, timeout=120) as client:
        narrow = msgspec.structs.replace(big, http=client)
        with streamed(narrow, format=format_) as response:
            chunks = response.iter_raw(1024)
            assert next(chunks)
            kill_backends(narrow)
            with pytest.raises(httpx.RemoteProtocolError):
                for _ in chunks:
                    pass


def test_a_client_that_goes_away_stops_its_query(big: Sandbox) -> None:
    for sort in ("day", "-cost"):
        with streamed(big, sort=sort) as response:
            next(response.iter_raw(1024))
        until(lambda: not backends(big))


MEMORY = {"json": 30, "ndjson": 30, "csv": 30, "xlsx": 60, "parquet": 150}  # the last two load their libraries


def test_the_server_s_memory_does_not_grow_with_the_query(big: Sandbox, server: Server) -> None:
    process: psutil.Process = worker(server)
    big.get(PATH, **BY_DAY | {"date_to": "2024-01-31"})
    before = highest = process.memory_info().rss
    for format_, megabytes in MEMORY.items():
        with streamed(big, format=format_) as response:
            for _ in response.iter_raw(65_536):
                highest = max(highest, process.memory_info().rss)
        assert highest - before < megabytes * 2**20, format_


def test_a_stream_in_order_of_time_is_read_in_parts_of_one_snapshot(big: Sandbox) -> None:
    params = YEAR | {"date_to": "2024-02-29", "group_by": "day,offer,partner", "format": "csv"}
    _, statements = recorded_request(big, "GET", PATH, params=params)
    # 1. the context
    # 2. the validators
    # 3. BEGIN
    # 4. the first and last day with data
    # 5. to 9. COPY of 1, 4, 16, 31 and 8 days
    # 10. COMMIT
    assert len(statements) == 10
