"""Whose data the running task works with, so that it gets a connection whose backend knows them already."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

owner: ContextVar[str | None] = ContextVar("owner", default=None)


@contextmanager
def near(name: str) -> Iterator[None]:
    """The block works with this one's data."""
    token = owner.set(name)
    try:
        yield
    finally:
        owner.reset(token)
