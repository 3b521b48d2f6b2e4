"""The actor of a change, for the audit log that database triggers write."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address

import msgspec


class Actor(msgspec.Struct, frozen=True):
    """`name` is for example staff:anna@example.com or cli:root; `address` is None at the command line."""

    name: str
    address: IPv4Address | IPv6Address | None = None


_current: ContextVar[Actor | None] = ContextVar("actor", default=None)


def current_actor() -> Actor | None:
    return _current.get()


def act_as(actor: Actor) -> None:
    """Records the actor with every later `database.transactions.transaction()` of the running task."""
    _current.set(actor)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Records the actor with every `database.transactions.transaction()` in the block."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)
