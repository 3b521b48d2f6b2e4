"""The data of the benchmarks: reports cover all of it, and intake accepts the generated events."""

from datetime import date

import httpx
import psutil
import pytest

from bench.data import DataShape, Filled, filled, restore
from bench.events import BATCH, Events, body, send_batches
from bench.serving import Server as Measured
from tests.support.app_calls import run
from tests.support.database import execute
from tests.support.sandbox import JSON
from tests.support.servers import Server

LITTLE = DataShape("bench-little", 3, 3, date(2024, 1, 1), date(2024, 1, 2), (date(2024, 1, 1),))
SUMS = "sum(conversions), sum(clicks), sum(views), sum(cost)"


def report(http: httpx.Client, little: Filled, day: str) -> list[dict[str, int]]:
    response = http.get(JSON, params={"date_from": day, "date_to": day}, headers=little.reading)
    assert response.status_code == 200, response.text
    rows: list[dict[str, int]] = response.json()["data"]
    return rows


@pytest.mark.one_server("the data of the benchmarks is for one server")
def test_the_data_is_complete_and_events_count_once(server: Server, http: httpx.Client) -> None:
    little = filled(LITTLE)
    schema = little.tenant.schema
    assert len(report(http, little, "2024-01-01")) == 400
    quarters = execute(f"SELECT {SUMS} FROM {schema}.by_quarter")
    assert quarters == execute(f"SELECT {SUMS} FROM {schema}.by_day WHERE bucket = '2024-01-01'")

    measured = Measured(server.port, psutil.Process(server.process))
    batch = body(Events(schema).batch())
    assert send_batches(measured, little, [batch, batch]) == BATCH
    assert sum(row["totalClicks"] + row["totalViews"] for row in report(http, little, "2025-03-01")) == BATCH

    run(lambda: restore(schema))
    assert report(http, little, "2025-03-01") == []
    assert len(report(http, little, "2024-01-02")) == 400
