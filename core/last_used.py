"""A cache that keeps the values used last."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class LastUsed(Generic[K, V]):
    """At most `limit` values by key. Each request reads several of these caches, and cachetools' LRUCache, which is
    written in Python, takes ten times as long.
    """

    __slots__ = ("_limit", "_values")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, default: D) -> V | D:
        values = self._values
        if key not in values:
            return default
        values.move_to_end(key)
        return values[key]

    def put(self, key: K, value: V) -> V:
        """Returns the value."""
        self._values[key] = value
        if len(self._values) > self._limit:
            self._values.popitem(last=False)
        return value

    def remove(self, key: K) -> None:
        """Does nothing if the key is not there."""
        self._values.pop(key, None)

    def clear(self) -> None:
        self._values.clear()
