"""Images of other projects are pinned by tag and digest, so that each build and each start gets the same."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # of a package that schemathesis needs

from settings import PROJECT

PINNED = re.compile(r"[a-z0-9/.-]+:[\w.-]+@sha256:[0-9a-f]{64}")
COMPOSE_FILES = sorted(PROJECT.glob("deploy/**/compose*.yaml"))
# The Citus file is for trying a cluster; no source that we can check lists the digests of its image.
UNPINNED = {"citusdata/citus:14.2.0"}


def services(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())["services"]
    return found


def test_the_dockerfile_starts_from_pinned_images_and_its_own_stages() -> None:
    lines = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    stages = {stage for _, stage in lines}
    external = {image for image, _ in lines} - stages
    assert external
    assert [image for image in external if not PINNED.fullmatch(image)] == []


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_compose_file_names_pinned_images_and_those_that_it_builds(path: Path) -> None:
    images = {service["image"] for service in services(path).values() if "build" not in service}
    assert [image for image in images - UNPINNED if not PINNED.fullmatch(image)] == []


def test_compose_files_are_found() -> None:
    assert COMPOSE_FILES
