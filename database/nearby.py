"""Whose data the running task works with, so that it gets a connection whose backend knows them already."""

from contextvars import ContextVar

owner: ContextVar[str | None] = ContextVar("owner", default=None)
