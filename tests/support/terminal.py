"""Runs a command in a pseudo-terminal, and reads what it shows."""

import os
import pty
import re
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


class Screen:
    """`shown` is all output so far, without escape sequences."""

    def __init__(self, terminal: int, process: subprocess.Popen[bytes]) -> None:
        self.terminal = terminal
        self.process = process
        self.shown = ""

    def shows(self, pattern: str) -> bool:
        while select.select([self.terminal], [], [], 0.01)[0]:
            try:
                written = os.read(self.terminal, 100_000)
            except OSError:  # the program has ended
                break
            self.shown += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.decode())
        return re.search(pattern, self.shown) is not None


@contextmanager
def in_terminal(command: list[str], **variables: str) -> Iterator[Screen]:
    """Runs the program until the end of the block, which terminates it."""
    near, far = pty.openpty()
    process = subprocess.Popen(
        command, env={**os.environ, "TERM": "xterm", "COLUMNS": "200", **variables}, stdout=far, stderr=far
    )
    os.close(far)
    try:
        yield Screen(near, process)
    finally:
        process.terminate()
        process.wait(120)
        os.close(near)
