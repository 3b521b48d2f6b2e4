"""`make sbom` lists exactly the locked packages that the image contains."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from settings import PROJECT
from tests.test_setup import ENVIRONMENT, read_lock, run

FILES = ("Makefile", "requirements.txt", "requirements-dev.txt", "requirements-uv.txt", "requirements-node.txt")


@pytest.fixture(scope="module")
def sbom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes in a copy of the project that has the same environment."""
    copy = tmp_path_factory.mktemp("project")
    for name in FILES:
        shutil.copy(PROJECT / name, copy)
    shutil.copytree(PROJECT / "scripts", copy / "scripts")
    (copy / "assets").mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PROJECT / "assets" / name, copy / "assets")
    (copy / ".venv").symlink_to(PROJECT / ".venv")
    run(PROJECT, dict(os.environ), ENVIRONMENT, "uv", "--version")  # installs it, if only the tests are run
    (copy / ".tools").mkdir()
    (copy / ".tools/uv").symlink_to(PROJECT / ".tools/uv")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    run(copy, environment, "make", "--old-file=development", "sbom")
    return copy / "sbom"


def components(path: Path) -> list[dict[str, Any]]:
    document = json.loads(path.read_text())
    assert document["bomFormat"] == "CycloneDX"
    found: list[dict[str, Any]] = document["components"]
    return found


def test_it_lists_the_locked_python_packages_with_their_hashes(sbom: Path) -> None:
    listed = components(sbom / "python.json")
    locked = read_lock("requirements.txt")
    assert sorted((canonicalize_name(each["name"]), each["version"]) for each in listed) == sorted(
        (name, entry.version) for name, entry in locked.items()
    )
    for each in listed:
        hashes = [value for reference in each["externalReferences"] for value in reference["hashes"]]
        assert len(hashes) == locked[canonicalize_name(each["name"])].hashes


def test_it_lists_the_locked_javascript_packages_that_pages_load(sbom: Path) -> None:
    packages = json.loads((PROJECT / "assets/package-lock.json").read_text())["packages"]
    locked = {
        (path.rpartition("node_modules/")[2], entry["version"])
        for path, entry in packages.items()
        if path and not entry.get("dev")
    }
    purls = {each["purl"].removeprefix("pkg:npm/").replace("%40", "@") for each in components(sbom / "javascript.json")}
    assert purls == {f"{name}@{version}" for name, version in locked}
