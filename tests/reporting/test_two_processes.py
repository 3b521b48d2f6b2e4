"""Reports that a server process has cached are never outdated: two processes, one tenant."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import httpx
import msgspec
import pytest

from tests.support.sandbox import (
    CSV,
    JSON,
    MAY,
    SINGULAR,
    SINGULAR_CSV,
    Sandbox,
    conversion_callback,
    event_record,
    offer_record,
)
from tests.support.servers import running_server

OTHER = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@pytest.fixture(scope="module")
def second(
    http: httpx.Client,  # noqa: ARG001  # whose server has made the platform's tables
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """Another process on the same database."""
    with running_server(tmp_path_factory.mktemp("second")) as running, running.client() as client:
        yield client


@pytest.fixture
def both(sandbox: Sandbox, second: httpx.Client) -> list[Sandbox]:
    return [sandbox, msgspec.structs.replace(sandbox, http=second)]


def test_a_report_after_an_intake_has_it_in_both_processes(both: list[Sandbox]) -> None:
    offer = offer_record(both[0])
    both[0].send("offers", [offer])
    for clicks, sender in zip(range(1, 13), cycle(both), strict=False):
        sender.send("events", [event_record(offer["id"])])
        for reader in (*both, *both):  # rendered, then cached
            assert [row["totalClicks"] for row in reader.report()] == [clicks]


def test_every_change_shows_at_once_in_both(both: list[Sandbox]) -> None:
    here, there = both
    offer = offer_record(here, name="Kettle")
    callback = conversion_callback(here, offer["id"], partnerId=OTHER, partnerName="Sandstone")
    rejected = {**callback, "sentAt": "2025-06-20T00:00:00Z"}
    rejected["conversion"] = callback["conversion"] | {"status": "Rejected"}
    steps = [
        ("offers", offer, []),
        ("conversions", callback, [("Kettle", "Sandstone", 60)]),
        ("partners", {"id": OTHER, "name": "Limestone"}, [("Kettle", "Limestone", 60)]),
        ("offers", offer | {"name": "Pot"}, [("Pot", "Limestone", 60)]),
        ("conversions", rejected, []),
    ]
    for kind, record, shown in steps:
        here.send(kind, [record])
        for reader in (there, here, there):
            rows = reader.report()
            assert [(row["offerName"], row["publisherName"], row["revenue"]) for row in rows] == shown


def test_a_report_contains_everything_acknowledged_before_its_request(both: list[Sandbox]) -> None:
    offer = offer_record(both[0])
    both[0].send("offers", [offer])
    acknowledged = 0

    def send(sender: Sandbox) -> None:
        nonlocal acknowledged
        for _ in range(40):
            sender.send("events", [event_record(offer["id"])])
            acknowledged += 1

    def read(reader: Sandbox) -> None:
        for _ in range(20):  # of the hundred requests that an API key may send at once
            least = acknowledged
            assert sum(row["totalClicks"] for row in reader.report()) >= least

    with ThreadPoolExecutor(5) as pool:
        sent = pool.submit(send, both[0])
        readers = [pool.submit(read, reader) for reader in (*both, *both)]
        sent.result()
        for reading in readers:
            reading.result()
    assert [row["totalClicks"] for row in both[1].report()] == [40]


@pytest.mark.parametrize("path", [JSON, CSV, SINGULAR, SINGULAR_CSV])
def test_an_etag_of_one_process_is_valid_in_the_other(both: list[Sandbox], path: str) -> None:
    here, there = both
    offer = offer_record(here)
    here.send("offers", [offer])
    here.send("events", [event_record(offer["id"])])
    etag = here.get(path, **MAY).headers["etag"]

    def again() -> int:
        headers = {"If-None-Match": etag}
        return there.request("GET", path, token=there.owner_key, params=MAY, headers=headers).status_code

    assert again() == 304
    here.send("events", [event_record(offer["id"])])
    assert again() == 200
