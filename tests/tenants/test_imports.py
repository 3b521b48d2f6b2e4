"""`tenants` can be used by another project: of GoKart, it imports only `core` and `database`."""

import ast
from pathlib import Path

import pytest

from settings import PROJECT

OWN = {path.stem if path.is_file() else path.name for path in PROJECT.iterdir() if not path.name.startswith(".")}


def imported_packages(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
    return names & OWN


@pytest.mark.parametrize(
    ("package", "needed"),
    [
        ("core", set()),
        ("database", {"core"}),
        ("tenants", {"core", "database"}),
        ("examples", {"core", "database", "tenants"}),
    ],
)
def test_a_package_imports_only_the_layers_below_it(package: str, needed: set[str]) -> None:
    imports = {name for path in (PROJECT / package).rglob("*.py") for name in imported_packages(path)}
    assert imports - {package} <= needed
