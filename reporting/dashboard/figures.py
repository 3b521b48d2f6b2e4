"""Exact figures, as pages show them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Self

import msgspec

FIGURES = ("cost", "conversions", "clicks", "views")


class SpendMetrics(msgspec.Struct, frozen=True):
    """Figures, or how they differ. `cost` is exact: as many decimals as there are, six at most. Ratios have six
    decimals, half-even, as the API's; they are None if there is nothing to divide by.
    """

    cost: Decimal = Decimal(0)
    conversions: int = 0
    clicks: int = 0
    views: int = 0

    @property
    def cost_per_conversion(self) -> Decimal | None:
        return six_places(Fraction(self.cost) / self.conversions) if self.conversions else None

    @property
    def conversion_rate(self) -> Decimal | None:
        return six_places(Fraction(self.conversions, self.clicks)) if self.clicks else None

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in FIGURES))

    def __sub__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, name) - getattr(other, name) for name in FIGURES))


def add_up(metrics: Iterable[SpendMetrics]) -> SpendMetrics:
    return sum(metrics, start=SpendMetrics())


def six_places(value: Fraction) -> Decimal:
    return Decimal(round(value * 1_000_000)).scaleb(-6)


class SpendRow(msgspec.Struct, frozen=True):
    """A row of the table. `values` has the columns of the query's groups by name, such as offerId."""

    values: Mapping[str, Any]
    metrics: SpendMetrics


def metrics_of(row: Any) -> SpendMetrics:
    return SpendMetrics(row["cost"], *(int(row[name]) for name in FIGURES[1:]))
