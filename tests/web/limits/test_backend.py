"""Which store counts the limits."""

import pytest

from tests.test_settings import load

WHERE = "from web.limits.backend import limit_backend; print(limit_backend())"


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, "memory"),
        ({"GOKART_WORKERS": "4"}, "database"),
        ({"GOKART_WORKERS": "4", "GOKART_LIMITS": "memory"}, "memory"),
        ({"GOKART_LIMITS": "database"}, "database"),
        ({"GOKART_LIMITS": "redis://:secret@cache:6379/2"}, "redis://:secret@cache:6379/2"),
        ({"GOKART_LIMITS": "rediss://cache"}, "rediss://cache"),
        ({"GOKART_LIMITS": "valkey://cache"}, "redis://cache"),
        ({"GOKART_LIMITS": "valkeys://cache"}, "rediss://cache"),
    ],
)
def test_it_is_chosen_by_setting_or_by_the_number_of_workers(given: dict[str, str], where: str) -> None:
    result = load(WHERE, GOKART_DATABASE_URL="postgresql://nowhere", **given)
    assert result.stdout == f"{where}\n", result.stderr


@pytest.mark.parametrize("value", ["disk", "redis://", "memcached://cache", "redis://cache:many", "redis://cache/one"])
def test_an_invalid_url_is_rejected_without_showing_the_password(value: str) -> None:
    result = load(WHERE, GOKART_LIMITS=value)
    assert result.returncode == 1
    assert "GOKART_LIMITS: Value error, should be memory, database, redis://" in result.stderr
    assert value not in result.stderr.replace("redis://user", "")
