"""The stores of shared rate limits. A test can make each unavailable, and available again."""

import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Protocol

from tests.support.database import execute
from tests.support.servers import free_port
from tests.support.wait import wait_for_value


class Store(Protocol):
    """`setting` is the value of GOKART_LIMITS that selects this store."""

    setting: str

    def stop(self) -> None:
        """Makes the store unavailable."""

    def start(self) -> None:
        """Makes the store available again."""

    def close(self) -> None:
        """Releases the resources of the store."""


class Database:
    """Only the table becomes unavailable, so that the rest of the app keeps working."""

    def __init__(self, _: Path) -> None:
        self.setting = "database"

    def stop(self) -> None:
        execute("ALTER TABLE request_limit RENAME TO request_limit_away")

    def start(self) -> None:
        execute("ALTER TABLE request_limit_away RENAME TO request_limit")

    def close(self) -> None:
        pass


class Redis:
    """A redis-server, or a valkey-server where that is installed instead."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program, "the tests need redis-server"
        self.port = free_port()
        self.setting = f"redis://127.0.0.1:{self.port}"
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_for_value(lambda: self.ask("PING"), "+PONG")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    close = stop

    def hang(self) -> None:
        """Accepts connections, and does not answer."""
        self._process.send_signal(signal.SIGSTOP)

    def resume_process(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def ask(self, command: str) -> str:
        """Returns the first line of the reply, or an empty string when the server is unavailable."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection, connection.makefile("rw") as file:
                file.write(f"{command}\r\n")
                file.flush()
                return file.readline().strip()
        except OSError:
            return ""
