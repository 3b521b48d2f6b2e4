"""Answers of this process that may be given again: of whole JSON reports, each with the ETag that it is of.

One is given again only to whoever is told the same ETag by the database at that moment, so none is ever stale.
"""

from collections.abc import Hashable

import msgspec
from cachetools import LRUCache

from settings import settings


class Answer(msgspec.Struct, frozen=True):
    """`items` are the inside of the JSON array, in UTF-8."""

    etag: str
    rows: int
    items: bytes


class Answers:
    """The last ones given, within a number of bytes."""

    def __init__(self, most: int) -> None:
        self._answers: LRUCache[Hashable, Answer] = LRUCache(most, getsizeof=lambda answer: len(answer.items) + 500)

    def recall(self, key: Hashable) -> Answer | None:
        return self._answers.get(key)

    def remember(self, key: Hashable, answer: Answer) -> None:
        """One that is larger than all may be together is not remembered."""
        if len(answer.items) < self._answers.maxsize // 8:
            self._answers[key] = answer


answers = Answers(settings.answers_remembered * 2**20)
