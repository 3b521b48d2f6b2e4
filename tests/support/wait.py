"""Waiting for a condition, such as workers hearing of a change."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 120.0  # seconds; guards against a hang
PAUSE = 0.01  # between two looks, which what is waited for needs a processor too


def wait_for_value(look: Callable[[], T], wanted: T, *, within: float = PATIENCE) -> bool:
    deadline = time.monotonic() + within
    while (seen := look()) != wanted:
        if time.monotonic() > deadline:
            raise AssertionError(f"still {seen!r}, not {wanted!r}")
        time.sleep(PAUSE)
    return True
