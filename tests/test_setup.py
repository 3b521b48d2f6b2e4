"""`make env` installs exactly the locked packages, whatever the index offers, and finds the programs of the machine."""

import os
import re
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile, ZipInfo

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from settings import PROJECT

LOCKS = [
    "requirements-uv.txt",
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-connectors.txt",
    "requirements-node.txt",
]
ENVIRONMENT = "scripts/environment.sh"
HANG = 120


class Locked(NamedTuple):
    requirement: Requirement
    hashes: int

    @property
    def version(self) -> str:
        return str(self.requirement.specifier).removeprefix("==")


def read_lock(name: str) -> dict[str, Locked]:
    text = (PROJECT / name).read_text()
    entries = re.findall(r"^([a-z0-9].*?)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", text, re.MULTILINE)
    locked = [Locked(Requirement(line), hashes.count("--hash=")) for line, hashes in entries]
    return {canonicalize_name(entry.requirement.name): entry for entry in locked}


def run(directory: Path, environment: dict[str, str], *command: str, code: int = 0) -> str:
    result = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG,
    )
    output = result.stdout + result.stderr
    assert result.returncode == code, output
    return output


# --- the locks ---


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_and_hashes_every_package_and_names_no_index(name: str) -> None:
    lines = (PROJECT / name).read_text().splitlines()
    locked = read_lock(name)
    assert len(locked) == sum(not line.startswith((" ", "#")) for line in lines) > 0
    for package, entry in locked.items():
        assert re.fullmatch(r"==[^*,]+", str(entry.requirement.specifier)), package
        assert entry.hashes, package
    assert not [line for line in lines if "://" in line or line.startswith("-")]


def test_the_development_lock_contains_the_runtime_lock() -> None:
    runtime, development = read_lock("requirements.txt"), read_lock("requirements-dev.txt")
    for name, entry in runtime.items():
        assert development[name].version == entry.version
        assert development[name].requirement.extras >= entry.requirement.extras


def test_the_development_lock_names_every_package_and_extra_that_its_packages_require() -> None:
    locked = read_lock("requirements-dev.txt")
    assert "email" in locked["pydantic"].requirement.extras  # required by piccolo-api
    for distribution in distributions():
        entry = locked.get(canonicalize_name(distribution.name))
        if entry is None:  # pip, if it was installed by hand
            continue
        for required in map(Requirement, distribution.requires or []):
            extras = ["", *entry.requirement.extras]
            if required.marker and not any(required.marker.evaluate({"extra": extra}) for extra in extras):
                continue
            found = locked[canonicalize_name(required.name)]
            assert required.specifier.contains(found.version, prereleases=True), f"{distribution.name}: {required}"
            assert found.requirement.extras >= required.extras, f"{distribution.name}: {required}"


# --- installation ---


class Index:
    """A package index in a folder, and the same wheels in a flat folder, for --find-links."""

    def __init__(self, directory: Path) -> None:
        self.simple = directory / "simple"
        self.wheels = directory / "wheels"
        self.wheels.mkdir(parents=True)

    def add(self, name: str, version: str, *, requires: Iterable[str] = (), extras: Iterable[str] = ()) -> None:
        metadata = "\n".join(
            [
                *("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"),
                *(f"Provides-Extra: {extra}" for extra in extras),
                *(f"Requires-Dist: {requirement}" for requirement in requires),
                "",
            ]
        )
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": "",
            f"{info}/METADATA": metadata,
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        records = [f"{path},sha256={digest(text)},{len(text)}\n" for path, text in files.items()]
        wheel = self.wheels / f"{name}-{version}-py3-none-any.whl"
        with ZipFile(wheel, "w") as archive:
            for path, text in {**files, f"{info}/RECORD": "".join(records) + f"{info}/RECORD,,\n"}.items():
                archive.writestr(
                    ZipInfo(path), text
                )  # with a fixed date, so that the hash depends on the contents only
        page = self.simple / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        with page.open("a") as links:
            links.write(
                f'<a href="{wheel.as_uri()}#sha256={sha256(wheel.read_bytes()).hexdigest()}">{wheel.name}</a>\n'
            )


def digest(text: str) -> str:
    return urlsafe_b64encode(sha256(text.encode()).digest()).decode().rstrip("=")


def make_index(directory: Path) -> Index:
    index = Index(directory)
    index.add("peeler", "1.0")
    index.add("fruit", "1.0", extras=["peel"], requires=['peeler>=1; extra == "peel"'])
    index.add("basket", "1.0", requires=["fruit>=1", "fruit[peel]==1.*"])
    index.add("scale", "1.0")
    return index


def add_newer_versions(index: Index) -> None:
    index.add("peeler", "2.0")
    index.add("fruit", "1.1", extras=["peel"], requires=['peeler>=2; extra == "peel"'])
    index.add("basket", "1.1", requires=["fruit[peel]==1.*", "wrapping"])
    index.add("wrapping", "1.0")


def make_environment(index: Index, cache: Path) -> dict[str, str]:
    """The environment of a user whose pip uses the index."""
    foreign = ("PIP_", "UV_", "GOKART_", "MAKE", "PYTHON")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {
        **clean,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index.simple.as_uri(),
        "UV_CACHE_DIR": str(cache),
        "PYTHON": sys.executable,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.fixture(scope="module")
def locked_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The setup of this project, with locks for other packages."""
    run(PROJECT, dict(os.environ), ENVIRONMENT, "uv", "--version")  # installs it, if only the tests are run
    directory = tmp_path_factory.mktemp("setup")
    project = directory / "project"
    for folder in (".tools", "assets/node_modules", "apidocs/tools/node_modules"):
        (project / folder).mkdir(parents=True)
    (project / ".tools/uv").symlink_to(PROJECT / ".tools/uv")
    (project / ".tools/connectors/bin").mkdir(parents=True)
    (project / ".tools/connectors/bin/python").symlink_to(sys.executable)
    for folder in (".", ".tools/connectors"):
        (project / folder / "requirements-connectors.txt").touch()
    shutil.copytree(PROJECT / "scripts", project / "scripts")
    for name in ("Makefile", "requirements-uv.txt"):
        shutil.copy(PROJECT / name, project)
    for folder in ("assets", "apidocs/tools"):
        for name in ("package-lock.json", "node_modules/installed"):
            (project / folder / name).write_text("{}")
    (project / "pyproject.toml").write_text(
        '[project]\nname = "market"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["basket"]\n'
        '[dependency-groups]\ndev = ["scale"]\n'
    )
    lock(project, make_environment(make_index(directory / "index"), directory / "cache"))
    return project


@pytest.fixture
def project(tmp_path: Path, locked_project: Path) -> Path:
    return Path(shutil.copytree(locked_project, tmp_path / "project", symlinks=True))


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return make_index(tmp_path / "index")


@pytest.fixture
def environment(tmp_path: Path, index: Index) -> dict[str, str]:
    return make_environment(index, tmp_path / "cache")


def lock(project: Path, environment: dict[str, str], *options: str) -> None:
    run(project, environment, "make", "requirements-dev.txt", *options)


def installed(project: Path, environment: dict[str, str]) -> list[str]:
    output = run(project, environment, ".tools/uv/bin/uv", "pip", "freeze", "--quiet", "--python", ".venv/bin/python")
    return output.split()


OLD = ["basket==1.0", "fruit==1.0", "peeler==1.0"]


def test_higher_versions_in_the_index_do_not_change_what_is_installed(
    project: Path, environment: dict[str, str], index: Index
) -> None:
    add_newer_versions(index)
    run(project, environment, "make", "env")
    assert installed(project, environment) == OLD
    run(project, environment, ENVIRONMENT, "check")


def test_pip_installs_the_same_from_the_lock(
    project: Path, environment: dict[str, str], tmp_path: Path, index: Index
) -> None:
    add_newer_versions(index)
    python = Path(sys.base_prefix) / "bin/python3"
    version = subprocess.run(
        [python, "-c", "import pip; print(pip.__version__)"], check=False, capture_output=True, text=True
    ).stdout.strip()
    if not version or Version(version) < Version("23.3"):
        pytest.skip(f"{python} has no pip that holds a package to the version that is locked with an extra")
    options = ("--require-hashes", "--no-cache-dir", "--target", str(tmp_path / "pip"))
    run(project, environment, str(python), "-m", "pip", "install", *options, "-r", "requirements.txt")
    assert sorted(path.stem for path in (tmp_path / "pip").glob("*.dist-info")) == [
        name.replace("==", "-") for name in OLD
    ]


def test_locking_again_keeps_the_versions_and_upgrading_takes_the_newest(
    project: Path, environment: dict[str, str], index: Index
) -> None:
    add_newer_versions(index)
    before = (project / "requirements.txt").read_text()
    assert "fruit[peel]==1.0" in before
    lock(project, environment)
    assert (project / "requirements.txt").read_text() == before
    lock(project, environment, "UPGRADE=--upgrade")
    assert "fruit[peel]==1.1" in (project / "requirements.txt").read_text()


def test_packages_come_from_a_folder_where_pip_is_set_to_one(
    project: Path, environment: dict[str, str], index: Index
) -> None:
    del environment["PIP_INDEX_URL"]
    environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index.wheels)}
    run(project, environment, "make", "env")
    assert installed(project, environment) == OLD


def test_a_changed_wheel_is_not_installed(project: Path, environment: dict[str, str], index: Index) -> None:
    index.add("peeler", "1.0", requires=["fruit"])
    assert "hash" in run(project, environment, "make", "env", code=2).lower()


def test_the_packages_of_the_tests_stay_when_the_demo_starts(project: Path, environment: dict[str, str]) -> None:
    run(project, environment, "make", "development")
    assert installed(project, environment) == [*OLD, "scale==1.0"]
    assert run(project, environment, "make", "--no-print-directory", "env") == ""
    assert installed(project, environment) == [*OLD, "scale==1.0"]


def test_a_package_that_is_not_locked_fails_the_check(project: Path, environment: dict[str, str]) -> None:
    run(project, environment, "make", "env")
    uv = ".tools/uv/bin/uv"
    url = environment["PIP_INDEX_URL"]
    run(project, environment, uv, "pip", "install", "--python", ".venv/bin/python", "--default-index", url, "scale")
    assert "scale" in run(project, environment, ENVIRONMENT, "check", code=1)


def test_a_lock_that_lacks_a_required_package_fails_the_check(project: Path, environment: dict[str, str]) -> None:
    path = project / "requirements.txt"
    path.write_text(re.sub(r"^fruit.*?(?=^\w)", "", path.read_text(), flags=re.MULTILINE | re.DOTALL))
    run(project, environment, "make", "env")
    assert "fruit" in run(project, environment, ENVIRONMENT, "check", code=1)


# --- programs of the machine ---


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """A machine with the basic tools and without Python."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("dirname", "readlink", "mkdir", "cat", "env", "sh"):
        found = shutil.which(name)
        assert found
        (programs / name).symlink_to(found)
    return {"PATH": str(programs), "HOME": str(tmp_path), "PYTHON": ""}


def add_program(machine: dict[str, str], name: str, script: str, folder: Path | None = None) -> Path:
    folder = folder or Path(machine["PATH"])
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


RUNS = 'echo "$0"'  # prints its path, like the script's check and description of a Python
FAILS = "exit 127"  # like a shim of pyenv for a version that is not selected


def test_the_newest_python_that_runs_is_chosen(machine: dict[str, str]) -> None:
    add_program(machine, "python3.14", FAILS)
    add_program(machine, "python3", RUNS)
    oldest = add_program(machine, "python3.11", RUNS)
    assert run(PROJECT, machine, ENVIRONMENT, "python") == f"{oldest}\n"
    newer = add_program(machine, "python3.12", RUNS)
    assert run(PROJECT, machine, ENVIRONMENT, "python") == f"{newer}\n"


def test_a_python_of_pyenv_is_chosen_where_it_is_newer(machine: dict[str, str], tmp_path: Path) -> None:
    add_program(machine, "python3.12", RUNS)
    newer = add_program(machine, "python", RUNS, tmp_path / ".pyenv/versions/3.13.4/bin")
    add_program(machine, "python", FAILS, tmp_path / ".pyenv/versions/3.14.0/bin")
    assert run(PROJECT, machine, ENVIRONMENT, "python") == f"{newer}\n"


def test_a_named_python_is_used_or_refused(machine: dict[str, str], tmp_path: Path) -> None:
    add_program(machine, "python3.13", RUNS)
    mine = add_program(machine, "python", RUNS, tmp_path / "mine")
    assert run(PROJECT, {**machine, "PYTHON": str(mine)}, ENVIRONMENT, "python") == f"{mine}\n"
    old = add_program(machine, "python3.9", FAILS)
    assert "python3.9 is not one" in run(PROJECT, {**machine, "PYTHON": str(old)}, ENVIRONMENT, "python", code=1)


def test_without_a_supported_python_it_says_which_are(machine: dict[str, str]) -> None:
    add_program(machine, "python3", FAILS)
    assert "Python 3.11 to 3.14" in run(PROJECT, machine, ENVIRONMENT, "python", code=1)


def test_the_python_of_the_tests_is_supported() -> None:
    chosen = run(PROJECT, {**os.environ, "PYTHON": sys.executable}, ENVIRONMENT, "python")
    assert chosen == f"Python {sys.version.split()[0]} in {sys.base_prefix}\n"


SYSTEM_PACKAGES = "scripts/system_packages.sh"


@pytest.fixture
def debian(machine: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A machine whose apt-get logs its arguments, and installs the files of the folder `archive`."""
    (tmp_path / "archive").mkdir()
    add_program(machine, "id", "echo 0")
    add_program(
        machine,
        "apt-get",
        f"""
        echo "$@" >>{tmp_path}/apt_calls
        for package in "$@"; do
            case $package in -* | DPkg* | update | install) continue ;; esac
            [ -e {tmp_path}/archive/$package ] || exit 100
        done
        for package in "$@"; do
            [ ! -e {tmp_path}/archive/$package ] || /bin/cp {tmp_path}/archive/$package {machine["PATH"]}
        done
        """,
    )
    return machine


def apt_calls(tmp_path: Path) -> list[str]:
    lines = (tmp_path / "apt_calls").read_text().splitlines()
    return [re.sub(r"-\S+ |DPkg\S+ ", "", line) for line in lines]


def test_missing_system_packages_are_installed_together(debian: dict[str, str], tmp_path: Path) -> None:
    add_program(debian, "redis-server", RUNS)
    for name in ("curl", "wrk"):
        add_program(debian, name, RUNS, tmp_path / "archive")
    run(PROJECT, debian, SYSTEM_PACKAGES, "curl", "redis-server", "wrk")
    assert apt_calls(tmp_path) == ["update", "install curl wrk"]


def test_a_system_package_that_there_is_not_leaves_the_others_installed(debian: dict[str, str], tmp_path: Path) -> None:
    add_program(debian, "curl", RUNS, tmp_path / "archive")
    output = run(PROJECT, debian, SYSTEM_PACKAGES, "curl", "chromium-headless-shell", code=1)
    assert (Path(debian["PATH"]) / "curl").exists()
    assert "sudo apt install chromium-headless-shell" in output
    assert "make CHROMIUM=" in output


def test_chromium_is_installed_where_there_is_no_headless_shell(debian: dict[str, str], tmp_path: Path) -> None:
    add_program(debian, "chromium", RUNS, tmp_path / "archive")
    run(PROJECT, debian, SYSTEM_PACKAGES, "chromium-headless-shell")
    assert (Path(debian["PATH"]) / "chromium").exists()


def test_without_rights_it_says_what_to_type(debian: dict[str, str], tmp_path: Path) -> None:
    add_program(debian, "id", "echo 1000")
    output = run(PROJECT, debian, SYSTEM_PACKAGES, "curl", "wrk", code=1)
    assert "sudo apt install curl wrk" in output
    assert not (tmp_path / "apt_calls").exists()


def test_what_is_there_needs_no_package(machine: dict[str, str]) -> None:
    mine = add_program(machine, "my-browser", RUNS)
    add_program(machine, "valkey-server", RUNS)
    environment = {**machine, "CHROMIUM": str(mine)}
    assert run(PROJECT, environment, SYSTEM_PACKAGES, "chromium-headless-shell", "redis-server") == ""
