"""What is true within a moment: workers hear of changes, within a second, by the database's notice."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 2.0  # of a machine that is busy with other tests too
PAUSE = 0.01  # between two looks, which what is waited for needs a processor too


def wait_for_value(look: Callable[[], T], wanted: T, *, within: float = PATIENCE) -> bool:
    deadline = time.monotonic() + within
    while (seen := look()) != wanted:
        if time.monotonic() > deadline:
            raise AssertionError(f"still {seen!r}, not {wanted!r}")
        time.sleep(PAUSE)
    return True
