"""Who makes a change, for the audit log, which the database's triggers write."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address

import msgspec


class Actor(msgspec.Struct, frozen=True):
    """`name` is such as staff:anna@example.com or cli:root; `address` is None at the command line."""

    name: str
    address: IPv4Address | IPv6Address | None = None


_current: ContextVar[Actor | None] = ContextVar("actor", default=None)


def current_actor() -> Actor | None:
    return _current.get()


def act_as(actor: Actor) -> None:
    """Each `database.pool.transaction()` of the running task is this one's, from now on."""
    _current.set(actor)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """The same, for the block."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)
