"""The app behind PgBouncer with few backends in transaction mode."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from auth.users.realms import STAFF
from database.engine import listen_url
from tests.support.people import browser, create_staff_user
from tests.support.pgbouncer import running_pgbouncer
from tests.support.sandbox import (
    CSV,
    JSON,
    MAY,
    SINGULAR,
    Sandbox,
    conversion_callback,
    create_sandbox,
    event_record,
    offer_record,
)
from tests.support.servers import Server, running_server

BACKENDS = 3
CLIENTS = 6  # an API key allows eight concurrent requests


@pytest.fixture(scope="module")
def through(
    server: Server,  # noqa: ARG001  # it has migrated the database
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    folder, direct = tmp_path_factory.mktemp("through"), listen_url()
    with (
        running_pgbouncer(direct, size=BACKENDS) as url,
        running_server(
            folder,
            workers=2,
            GOKART_DATABASE_URL=url,
            GOKART_LISTEN_URL=direct,
            GOKART_PGBOUNCER="true",
            GOKART_STREAM_ROWS="3",
        ) as served,
        served.client() as client,
    ):
        yield client


@pytest.fixture
def sandbox(through: httpx.Client) -> Sandbox:
    return create_sandbox(through)


def test_ingested_records_are_reported(sandbox: Sandbox) -> None:
    offers = [offer_record(sandbox, name=f"Offer {n}") for n in range(5)]
    assert sandbox.send("offers", offers)["accepted"] == 5
    assert sandbox.send("events", [event_record(each["id"]) for each in offers])["accepted"] == 5
    assert sandbox.send("conversions", [conversion_callback(sandbox, each["id"]) for each in offers])["accepted"] == 5

    rows = sandbox.report()
    assert [(row["offerName"], row["totalClicks"], row["revenue"]) for row in rows] == [
        (f"Offer {n}", 1, 60) for n in range(5)
    ]
    assert len(sandbox.get(CSV, **MAY).text.splitlines()) == 1 + 5
    items = sandbox.get(SINGULAR, **MAY).json()["data"]["items"]
    assert [(item["cost"], item["clicks"]) for item in items] == [(60, 1)] * 5


def test_concurrent_clients_each_get_their_own_response(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])

    def work(_: int) -> None:
        assert sandbox.send("events", [event_record(offer["id"])] * 2)["accepted"] == 1
        assert sandbox.send("conversions", [conversion_callback(sandbox, offer["id"])])["accepted"] == 1
        for path in JSON, CSV, SINGULAR:
            assert sandbox.get(path, **MAY).status_code == 200
        assert sandbox.get(SINGULAR, token=sandbox.rival_key, **MAY).json()["data"]["items"] == []

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, range(48)))
    (row,) = sandbox.report()
    assert (row["totalClicks"], row["totalConversions"], row["revenue"]) == (48, 48, 48 * 60)


def test_staff_sign_in_and_open_the_admin(sandbox: Sandbox) -> None:
    there = browser(sandbox)
    assert there.sign_in(create_staff_user(sandbox), root=STAFF.root).status_code == 303
    assert there.get(STAFF.home).status_code == 200
    assert there.get("/admin/api/tables/offer/").status_code == 200
