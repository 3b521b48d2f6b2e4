"""A server that stops finishes what it has begun, and accepts nothing new."""

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest

from tests.support.database import locked
from tests.support.large_report import YEAR, backends, fill_large_report
from tests.support.sandbox import SINGULAR_CSV, Sandbox, event_record, offer_record
from tests.support.servers import Server, running_server
from tests.support.wait import GUARD, wait_until

PATIENT = {
    "GOKART_SHUTDOWN_TIMEOUT": str(GUARD),
    "GOKART_LOCK_TIMEOUT": str(GUARD),
    "GOKART_STATEMENT_TIMEOUT": str(GUARD),
}


def refuses_connections(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=GUARD).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_a_report_is_sent_to_its_end_while_connections_are_refused(
    tmp_path: Path, sandbox: Sandbox, workers: int
) -> None:
    fill_large_report(sandbox)
    transport = httpx.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)])
    headers = {"Host": sandbox.host, "Authorization": f"ApiToken {sandbox.owner_key}", "Accept-Encoding": "identity"}
    whole = sandbox.get(SINGULAR_CSV, **YEAR).content
    with (
        running_server(tmp_path, workers=workers, **PATIENT) as server,
        httpx.Client(base_url=server.url, transport=transport, timeout=GUARD) as client,
        client.stream("GET", SINGULAR_CSV, params=YEAR, headers=headers) as response,
    ):
        parts = response.iter_raw(1024)
        received = next(parts)
        os.kill(server.process, signal.SIGTERM)
        wait_until(lambda: refuses_connections(server))
        assert psutil.pid_exists(server.process)
        assert received + b"".join(parts) == whole


def test_a_batch_that_has_arrived_is_committed_and_acknowledged(tmp_path: Path, sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    with (
        running_server(tmp_path, workers=2, **PATIENT) as server,
        server.client() as http,
        ThreadPoolExecutor(1) as pool,
    ):
        sender = msgspec.structs.replace(sandbox, http=http)
        with locked(f"{sandbox.tenant.schema}.event"):
            call = pool.submit(sender.send, "events", [event_record(offer["id"])])
            wait_until(lambda: bool(backends(sandbox)))
            os.kill(server.process, signal.SIGTERM)
            wait_until(lambda: refuses_connections(server))
        assert call.result(GUARD)["accepted"] == 1
