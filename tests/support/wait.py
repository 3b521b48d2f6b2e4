"""Waiting for a condition. The deadline only guards against hangs: no test depends on how fast the machine is."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
GUARD = 120.0  # seconds
PAUSE = 0.01  # between two checks, which leaves the processor to the awaited work


def wait_for_value(look: Callable[[], T], wanted: T, *, within: float = GUARD) -> bool:
    deadline = time.monotonic() + within
    while (seen := look()) != wanted:
        if time.monotonic() > deadline:
            raise AssertionError(f"still {seen!r}, not {wanted!r}")
        time.sleep(PAUSE)
    return True


def wait_until(condition: Callable[[], bool]) -> None:
    wait_for_value(lambda: bool(condition()), wanted=True)
