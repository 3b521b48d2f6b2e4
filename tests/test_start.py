"""What a server process imports, and when: `main` before the first request, the rest after the start."""

import subprocess
import sys

import pytest

from settings import PROJECT

NEVER = {"black", "piccolo.conf.apps", "tests", "pytest"}  # by a server
ON_USE = {"PIL", "apidocs.document", "apidocs.pages", "markdown_it", "piccolo_admin", "piccolo_api", "pyarrow", "redis"}
AFTER_START = {"aiosmtplib", "argon2", "cryptography", "jobs.worker", "page_sites", "segno", "ua_parser", "zxcvbn"}


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [("import main", NEVER | ON_USE | AFTER_START), ("import main; main.import_rest()", NEVER | ON_USE)],
    ids=["before the first request", "after the start"],
)
def test_heavy_modules_are_not_imported(code: str, unwanted: set[str]) -> None:
    command = [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"]
    done = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    assert unwanted & set(done.stdout.split()) == set()
