"""Records the statements that the app sends, and compares them with committed snapshots.

`REWRITE_SNAPSHOTS=1 .venv/bin/python -m pytest tests/reporting/test_statements.py` rewrites the snapshots.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import unified_diff
from pathlib import Path
from textwrap import dedent
from typing import Any

import asyncpg
import pytest

from database.engine import engine
from database.pool import DEFAULT_PLANS, GENERIC_PLANS
from tests.support.sandbox import Sandbox

METHODS = ("execute", "executemany", "fetch", "fetchrow", "fetchval", "prepare", "copy_from_query")
LIFTED = "SET LOCAL statement_timeout = 0"
_recorded: ContextVar[list[str] | None] = ContextVar("_recorded", default=None)


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """The text of every statement that asyncpg sends within the block, in order, BEGIN and COMMIT included.

    Statements of tasks that started before the block are left out, those that switch a connection to or from generic
    plans, which are sent only after a use of the other kind, and behind PgBouncer those that lift the role's
    statement_timeout.
    """
    statements: list[str] = []

    def recording(method: Any) -> Any:
        def record(self: Any, query: str, *args: Any, **kwargs: Any) -> Any:
            left_out = query in {GENERIC_PLANS, DEFAULT_PLANS} or (engine().options.pgbouncer and query == LIFTED)
            if _recorded.get() is statements and not left_out:
                statements.append(query)
            return method(self, query, *args, **kwargs)

        return record

    token = _recorded.set(statements)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in METHODS:
                patch.setattr(asyncpg.Connection, name, recording(getattr(asyncpg.Connection, name)))
            yield statements
    finally:
        _recorded.reset(token)


def assert_snapshot(path: Path, statements: list[str], sandbox: Sandbox) -> None:
    """Compares the statements with the file. In it, the tenant's schema is t_tenant and the owner's id is all zeros."""
    texts = [
        dedent(statement)
        .strip()
        .rstrip(";")
        .replace(f"{sandbox.tenant.schema}.", "t_tenant.")
        .replace(str(sandbox.owner), "00000000-0000-0000-0000-000000000000")
        for statement in statements
    ]
    if os.environ.get("REWRITE_SNAPSHOTS"):
        path.write_text(";\n\n".join(texts) + ";\n")
    expected = path.read_text().removesuffix(";\n").split(";\n\n")
    assert texts == expected, "\n".join(unified_diff(expected, texts, lineterm=""))
