"""Runs the examples of the documentation against a live server, as a reader would run them."""

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import httpx
import msgspec

from settings import PROJECT
from tests.support.sandbox import Sandbox

DOCUMENTED_ORIGIN = "https://api.TENANT.getgokart.ai"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CURL = "curl --silent --show-error --fail-with-body"


class DocExample(msgspec.Struct, frozen=True):
    """A fenced block. `language` is empty, python or sql."""

    page: str
    language: str
    code: str

    @property
    def is_curl(self) -> bool:
        return self.code.startswith("curl ")


def doc_examples(page: str) -> list[DocExample]:
    """Of docs/PAGE.md, in order."""
    text = (PROJECT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return [DocExample(page, language, code) for language, code in BLOCK.findall(text)]


def for_sandbox(example: DocExample, sandbox: Sandbox) -> str:
    """The code with the host of the sandbox and the owner's API key."""
    origin = f"http://{sandbox.host}:{sandbox.http.base_url.port}"
    return example.code.replace(DOCUMENTED_ORIGIN, origin).replace("{your-api-key}", sandbox.owner_key)


def run_example(example: DocExample, sandbox: Sandbox, folder: Path, **changed: str) -> str:
    """What it prints, run in the folder with the owner's API key. `changed` has other texts for words in it.

    Raises CalledProcessError if curl fails, also for a response that is an error.
    """
    code = for_sandbox(example, sandbox)
    for word, other in changed.items():
        code = code.replace(word, other)
    if example.is_curl:
        script = re.sub(r"^curl\b", CURL, code, flags=re.MULTILINE)
        return subprocess.run(["bash", "-ec", script], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert example.language == "python", example
    printed = StringIO()
    names: dict[str, Any] = {"__name__": "__main__"}
    with chdir(folder), redirect_stdout(printed), resolving_localhost():
        exec(compile(code, f"docs/{example.page}.md", "exec"), names)  # noqa: S102 (the project's own examples)
    for value in names.values():
        if isinstance(value, httpx.Client | duckdb.DuckDBPyConnection):
            value.close()  # as the end of the process would
    return printed.getvalue()


@contextmanager
def resolving_localhost() -> Iterator[None]:
    """Python does not resolve names below localhost on every system; curl and browsers do."""
    look_up = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **options: Any) -> Any:
        return look_up("127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **options)

    with patch("socket.getaddrinfo", resolve):
        yield
