"""What a place to count in has to do."""

from collections.abc import Sequence
from typing import Protocol
from uuid import uuid4

import msgspec

from core.errors import GokartError

PROCESS = uuid4().hex  # whose places these are
SHARE = 0.1  # of what is left of a limit is lent to a process that asks for less
LENT_FOR = 0.1  # seconds in which it uses that, or has given it back
HELD_FOR = 3.0  # seconds for which a place counts unless it is renewed: so long a killed process keeps it


class Ask(msgspec.Struct, frozen=True):
    """This process's business with one limit, in requests. `most` at a time is 0 where those are not counted.

    It gives `back` what it does not need, has `held` under way, and wants `want` more: none, or as many of them as the
    limit allows, and a share of what is left if that is more.
    """

    key: str
    rate: float
    burst: int
    most: int
    back: int
    held: int
    want: int


class Answer(msgspec.Struct, frozen=True):
    """`tokens` requests may be made, `taken` of them at once. `level` is left, without those. With `lent`, another
    process may soon give some back."""

    tokens: int
    taken: int
    level: float
    lent: bool


class Store(Protocol):
    """Whatever a method raises, the store is away."""

    async def settle(self, asks: Sequence[Ask]) -> list[Answer]:
        """All or nothing, each atomically among all processes. There are some, and no limit is in them twice."""

    async def tidy(self) -> bool:
        """Removes what says as much as nothing; whether there may be more of it."""

    async def close(self) -> None:
        """Hangs up. The next call connects again."""


class Away(GokartError):
    """The store does not answer: count elsewhere."""


def in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
