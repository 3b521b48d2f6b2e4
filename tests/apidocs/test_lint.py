"""Linters find nothing in the OpenAPI document that their rule files in apidocs/tools do not justify."""

import json
from pathlib import Path

import pytest

from tests.support.openapi_tools import TOOLS, run_tool, write_document


@pytest.fixture
def openapi(tmp_path: Path) -> Path:
    return write_document(tmp_path)


def test_spectral_with_the_owasp_rules_finds_nothing(openapi: Path) -> None:
    options = ("--ruleset", TOOLS / ".spectral.yaml", "--fail-severity", "hint")
    result = run_tool("spectral", "lint", *options, openapi)
    assert result.returncode == 0, result.stdout + result.stderr


def test_redocly_finds_nothing(openapi: Path) -> None:
    result = run_tool("redocly", "lint", "--config", TOOLS / "redocly.yaml", "--format=json", openapi)
    found = json.loads(result.stdout)
    assert found["problems"] == []
    assert found["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


def test_the_rules_are_in_force(openapi: Path) -> None:
    broken = json.loads(openapi.read_text())
    parameter = {"name": "broken", "in": "query", "description": "No limits.", "schema": {"type": "string"}}
    broken["paths"]["/api/v1/integrations/cost-report/json"]["get"]["parameters"].append(parameter)
    del broken["paths"]["/api/v1/integrations/cost-report/json"]["get"]["responses"]["401"]
    openapi.write_text(json.dumps(broken))
    result = run_tool("spectral", "lint", "--ruleset", TOOLS / ".spectral.yaml", openapi)
    assert "owasp:api4:2023-string-limit" in result.stdout
    assert "owasp:api8:2023-define-error-responses-401" in result.stdout


def test_the_lock_names_no_registry() -> None:
    packages = json.loads((TOOLS / "package-lock.json").read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert not [name for name, package in packages.items() if name and "integrity" not in package]
