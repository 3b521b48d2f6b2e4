"""Spans, where tracing is on: `monitoring.tracing` turns it on with `use_tracer`. `docs/tracing.md` lists the spans.

While it is off, no module of OpenTelemetry is imported, and these functions return an empty context manager.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Tracer(Protocol):
    def trace(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[object]: ...

    def span(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[object]: ...

    def statement(self, sql: str, pool: str) -> AbstractContextManager[object]: ...


_tracer: Tracer | None = None


def use_tracer(tracer: Tracer) -> None:
    """For this process."""
    global _tracer  # noqa: PLW0603  # one for the whole process, as in OpenTelemetry
    _tracer = tracer


def trace(name: str, **attributes: str) -> AbstractContextManager[object]:
    """A span for the block, which begins a trace. An attribute `x` is named `gokart.x`."""
    return nullcontext() if _tracer is None else _tracer.trace(name, attributes)


def span(name: str, **attributes: str) -> AbstractContextManager[object]:
    """A span for the block, if the running task belongs to a trace. An attribute `x` is named `gokart.x`."""
    return nullcontext() if _tracer is None else _tracer.span(name, attributes)


def statement(sql: str, pool: str) -> AbstractContextManager[object]:
    """A span for a COPY or a cursor of that statement. Other statements have theirs already."""
    return nullcontext() if _tracer is None else _tracer.statement(sql, pool)
