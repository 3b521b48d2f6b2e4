"""Two instances behind the proxy are restarted one after the other, while clients send and read."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import msgspec

from tests.support.database import execute
from tests.support.sandbox import JSON, MAY, Sandbox, event_record, offer_record
from tests.support.servers import Server, free_port, running_server
from tests.support.tls_proxy import TlsProxy, running_tls_proxy
from tests.support.wait import GUARD, wait_until

SENDERS = READERS = 1


class Instance:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.running = ExitStack()
        self.server: Server

    def start(self) -> None:
        """Returns when the instance is ready."""
        self.server = self.running.enter_context(
            running_server(
                self.folder,
                workers=2,
                GOKART_PORT=str(self.port),
                GOKART_TRUSTED_PROXIES="127.0.0.1/32",
                GOKART_SHUTDOWN_TIMEOUT=str(GUARD),
                GOKART_IDLE_TIMEOUT="5",
            )
        )

    def stop(self) -> None:
        """Sends SIGTERM and waits for the end."""
        self.running.close()

    def serve_more(self) -> None:
        """Returns when further requests that came through the proxy have been answered."""
        before = len(self.server.log_lines('"api_key"'))
        wait_until(lambda: len(self.server.log_lines('"api_key"')) > before)


def repeat(proxy: TlsProxy, sandbox: Sandbox, stopped: Event, call: Callable[[Sandbox], int]) -> list[int]:
    """The statuses of calls, one after the other, on kept and on new connections."""
    statuses = []
    while not stopped.is_set():
        with proxy.client() as client:
            statuses += [call(msgspec.structs.replace(sandbox, http=client)) for _ in range(3)]
    return statuses


def test_no_request_fails_while_both_instances_are_restarted(tmp_path: Path, sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])

    def read(client: Sandbox) -> int:
        return client.get(JSON, **MAY).status_code

    def send(client: Sandbox) -> int:
        batch = [event_record(offer["id"])]
        return client.request("POST", "/api/v1/ingest/events", token=client.ingest_key, json=batch).status_code

    instances = [Instance(tmp_path), Instance(tmp_path)]
    stopped = Event()
    with ExitStack() as around:
        for instance in instances:
            around.callback(instance.stop)
            instance.start()
        proxy = around.enter_context(running_tls_proxy(tmp_path / "proxy", *(each.port for each in instances)))
        proxy.certify(f"{sandbox.tenant.slug}.localhost")
        pool = around.enter_context(ThreadPoolExecutor(SENDERS + READERS))
        around.callback(stopped.set)
        reads = [pool.submit(repeat, proxy, sandbox, stopped, read) for _ in range(READERS)]
        sends = [pool.submit(repeat, proxy, sandbox, stopped, send) for _ in range(SENDERS)]
        for instance in instances:
            instance.serve_more()
            instance.stop()
            instance.start()
            instance.serve_more()
        stopped.set()
        read_statuses = [status for each in reads for status in each.result(GUARD)]
        sent_statuses = [status for each in sends for status in each.result(GUARD)]
    assert set(read_statuses) == set(sent_statuses) == {200}
    stored = execute("SELECT count(*) AS events FROM {s}.event", schema=sandbox.tenant.schema)
    assert stored == [{"events": len(sent_statuses)}]
