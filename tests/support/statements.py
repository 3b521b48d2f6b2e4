"""Records the statements that the app sends, and compares them with committed snapshots.

`REWRITE_SNAPSHOTS=1 .venv/bin/python -m pytest tests/ingest/test_statements.py` writes the snapshots anew.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path
from textwrap import dedent
from typing import Any

import asyncpg
import pytest


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """The text of every statement that asyncpg sends within the block, in order."""
    statements: list[str] = []

    def recording(method: Any) -> Any:
        def record(self: Any, query: str, *args: Any, **kwargs: Any) -> Any:
            statements.append(query)
            return method(self, query, *args, **kwargs)

        return record

    with pytest.MonkeyPatch.context() as patch:
        for name in ("execute", "fetch", "fetchrow", "fetchval"):
            patch.setattr(asyncpg.Connection, name, recording(getattr(asyncpg.Connection, name)))
        yield statements


def assert_snapshot(path: Path, statements: list[str], schema: str) -> None:
    """Compares the statements, with the tenant's schema as t_tenant, with the file."""
    texts = [dedent(statement).strip().rstrip(";").replace(f"{schema}.", "t_tenant.") for statement in statements]
    if os.environ.get("REWRITE_SNAPSHOTS"):
        path.write_text(";\n\n".join(texts) + ";\n")
    expected = path.read_text().removesuffix(";\n").split(";\n\n")
    assert texts == expected, "\n".join(unified_diff(expected, texts, lineterm=""))
