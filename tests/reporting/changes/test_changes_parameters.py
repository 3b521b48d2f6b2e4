"""The parameters of GET /api/v1/reports/changes."""

import pytest

from tests.support.follower import CHANGES
from tests.support.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(module_sandbox: Sandbox) -> Sandbox:
    return module_sandbox


def test_a_cursor_of_another_advertiser_is_refused(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    for token, where in (sandbox.rival_key, sandbox), (other_sandbox.owner_key, other_sandbox):
        cursor = where.get(CHANGES, token=token).json()["cursor"]
        response = sandbox.get(CHANGES, since=cursor)
        assert response.status_code == 400
        assert response.json()["errors"] == [
            {"field": "since", "message": "is not a cursor of this advertiser, as responses have it"}
        ]


@pytest.mark.parametrize("cursor", ["c", "0", "2025-05-01", "cAAAA", "c" + "A" * 46, "ü", "c%", " "])
def test_a_malformed_cursor_is_refused(sandbox: Sandbox, cursor: str) -> None:
    response = sandbox.get(CHANGES, since=cursor)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["since"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "-1"),
        ("limit", "100001"),
        ("limit", "ten"),
        ("limit", "²"),
        ("format", "csv"),
        ("decimals", "float"),
        ("until", "x"),
        ("date_from", "2025-01-01"),
    ],
)
def test_an_invalid_parameter_is_named(sandbox: Sandbox, name: str, value: str) -> None:
    response = sandbox.get(CHANGES, **{name: value})
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["field"] == name
    assert "valid" in error["message"] or "from 1 to" in error["message"]


def test_a_key_without_the_scope_is_refused(sandbox: Sandbox) -> None:
    assert sandbox.get(CHANGES, token=sandbox.create_api_key("singular")).status_code == 403


def test_head_is_get_without_the_body(module_sandbox: Sandbox) -> None:
    response = module_sandbox.request("HEAD", CHANGES, token=module_sandbox.owner_key)
    assert (response.status_code, response.content) == (200, b"")
    assert "etag" not in response.headers
