"""Measures contenders alternately in several rounds, so that other load on the machine affects all of them."""

from collections.abc import Callable, Hashable, Mapping
from statistics import median
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)
T = TypeVar("T")

TIMES = "\N{MULTIPLICATION SIGN}"


def alternate(contenders: Mapping[Name, Callable[[], T]], rounds: int, *, warm: bool = True) -> dict[Name, list[T]]:
    """Returns the results of each contender, by round. With `warm`, each runs once before, which does not count."""
    if warm:
        for measure in contenders.values():
            measure()
    results: dict[Name, list[T]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            results[name].append(measure())
    return results


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """The ratio of each round."""
    return [our / their for our, their in zip(ours, theirs, strict=True)]


def spread(values: list[float], unit: str = "") -> str:
    """The median with the lowest and the highest value, such as "12.3 ms (11.9 to 14.2)"."""
    middle = f"{short(median(values))} {unit}".rstrip()
    return f"{middle} ({short(min(values))} to {short(max(values))})" if len(values) > 1 else middle


def short(value: float) -> str:
    """The number with about three significant digits."""
    size = abs(value)
    return f"{value:,.{0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or not size else 3}f}"
