"""The format of figures on pages."""

from decimal import Decimal

import pytest

from web.pages.formatting import format_count, format_money, format_percent, plain_decimal


@pytest.mark.parametrize(
    ("amount", "currency", "plain", "shown"),
    [
        ("0", "USD", "0", "0.00"),
        ("69", "USD", "69", "69.00"),
        ("1234.5", "EUR", "1234.5", "1,234.50"),
        ("0.000001", "USD", "0.000001", "0.000001"),
        ("1E+2", "USD", "100", "100.00"),
        ("9223372036854.775807", "USD", "9223372036854.775807", "9,223,372,036,854.775807"),
        ("-7.50", "USD", "-7.5", "\N{MINUS SIGN}7.50"),
        ("1500", "JPY", "1500", "1,500"),
        ("1500.5", "JPY", "1500.5", "1,500.5"),
        ("7.5", "KWD", "7.5", "7.500"),
    ],
)
def test_an_amount_is_never_rounded(amount: str, currency: str, plain: str, shown: str) -> None:
    assert plain_decimal(Decimal(amount)) == plain
    assert format_money(Decimal(amount), currency) == shown


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (None, "\N{EN DASH}"),
        ("0.0", "0.0%"),
        ("12.3", "+12.3%"),
        ("-12.3", "\N{MINUS SIGN}12.3%"),
        ("12345.6", "+12,345.6%"),
    ],
)
def test_a_change_has_its_sign(change: str | None, shown: str) -> None:
    assert format_percent(None if change is None else Decimal(change)) == shown


def test_large_counts_are_grouped() -> None:
    assert format_count(1234567) == "1,234,567"
