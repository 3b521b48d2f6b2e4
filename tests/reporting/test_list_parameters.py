"""Calls whose parameters are only in the query."""

from typing import Any

import pytest

from tests.support.sandbox import Sandbox

PATHS = [
    "/api/v1/reports/query?period=today",
    "/api/v1/reports/changes",
    "/api/v1/reports/changes/explain?date=2025-05-19",
    "/api/v1/reports/status",
    "/api/v1/offers",
    "/api/v1/partners",
    "/api/v1/conversions",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_body_is_refused_unless_it_is_empty(module_sandbox: Sandbox, path: str) -> None:
    def get(**body: Any) -> Any:
        return module_sandbox.request("GET", path, token=module_sandbox.owner_key, **body)

    response = get(json={"date_from": "2025-05-01"})
    assert response.status_code == 400
    assert response.json()["errors"] == [{"field": "body", "message": "is not used: parameters are in the query"}]
    assert get(content=b" \r\n").status_code == 200
    assert get(content=b"x" * 1_025).status_code == 413
