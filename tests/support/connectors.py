"""Runs the tools of the connectors, which are in an environment of their own."""

import os
import subprocess
from pathlib import Path

from settings import PROJECT

TOOLS = PROJECT / ".tools" / "connectors" / "bin"
HELPERS = PROJECT / "tests" / "support" / "connector_tools"
HANG = 120  # seconds


def run_tool(name: str, *arguments: object, path: tuple[Path, ...] = (), **settings: str) -> str:
    """Returns the standard output. `path` are folders with modules; names below localhost are this machine."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (HELPERS, *path))),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        **settings,
    }
    command = [str(TOOLS / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=HANG)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
