"""A TCP proxy in front of the database that simulates a failing network."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit


class TcpProxy:
    """`target` is the URL of a database."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The URL of the database through this proxy."""
        parts = urlsplit(self.target)
        user = parts.netloc.rpartition("@")[0]
        port = self._listening.getsockname()[1]
        return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}", query="sslmode=disable"))

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Connections stay open, and no data passes."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Open connections break, and new ones are closed at once."""
        self._cut = True
        self._break()
        try:
            yield
        finally:
            self._cut = False

    def send_to_clients(self, data: bytes) -> None:
        """Sends what the database has not sent."""
        for near in self._ends[::2]:
            near.sendall(data)

    def close(self) -> None:
        self._flowing.set()
        self._listening.close()
        self._break()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self._cut:
                    near.close()
                    continue
                try:
                    far = connect(self.target)
                except OSError:  # the database is down
                    near.close()
                    continue
                self._ends += near, far
                for here, there in (near, far), (far, near):
                    threading.Thread(target=self._pump, args=(here, there), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65_536):
                self._flowing.wait()
                there.sendall(data)
        for end in here, there:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _break(self) -> None:
        while self._ends:
            end = self._ends.pop()
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def connect(url: str) -> socket.socket:
    """Connects to the database, by TCP or by Unix socket."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    host = query.get("host", [parts.hostname or "localhost"])[0]
    port = int(query.get("port", [parts.port or 5432])[0])
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    end = socket.socket(socket.AF_UNIX)
    end.connect(str(Path(host) / f".s.PGSQL.{port}"))
    return end


@contextmanager
def running_tcp_proxy(target: str) -> Iterator[TcpProxy]:
    wire = TcpProxy(target)
    try:
        yield wire
    finally:
        wire.close()
