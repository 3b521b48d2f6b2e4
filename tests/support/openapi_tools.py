"""Runs the locked JavaScript tools of apidocs/tools."""

import os
import shutil
import subprocess
from pathlib import Path

import msgspec

from apidocs.document import document
from main import api
from settings import PROJECT

TOOLS = PROJECT / "apidocs" / "tools"
HANG = 120


def write_document(folder: Path, origin: str = "https://api.acme.getgokart.ai") -> Path:
    """Writes the OpenAPI document into the folder."""
    path = folder / "openapi.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document(origin, api))))
    return path


def node_and_path() -> tuple[str, str]:
    """The machine's Node.js, or the one that scripts/environment.sh installed; and the PATH with it."""
    path = f"{os.environ['PATH']}:{PROJECT / '.tools/node/bin'}"
    node = shutil.which("node", path=path)
    assert node, "there is no Node.js: make development"
    return node, path


def run_tool(name: str, *arguments: str | Path, cwd: Path = TOOLS) -> subprocess.CompletedProcess[str]:
    node, path = node_and_path()
    return subprocess.run(
        [node, TOOLS / "node_modules" / ".bin" / name, *arguments],
        cwd=cwd,
        env={**os.environ, "PATH": path, "REDOCLY_TELEMETRY": "off", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG,
    )
