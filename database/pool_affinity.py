"""The tenant whose connections a task prefers: backends that have already cached that tenant's tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_affinity_key: ContextVar[str | None] = ContextVar("affinity_key", default=None)


def affinity_key() -> str | None:
    """The key of the innermost `pool_affinity` block of the running task."""
    return _affinity_key.get()


@contextmanager
def pool_affinity(key: str) -> Iterator[None]:
    """Within the block, the pool prefers connections that were used with the same key."""
    token = _affinity_key.set(key)
    try:
        yield
    finally:
        _affinity_key.reset(token)
