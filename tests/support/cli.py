"""The command line on the tests' database."""

import os
import subprocess
import sys

from click.testing import CliRunner, Result

from cli import main
from settings import PROJECT

COMMAND = [sys.executable, str(PROJECT / "cli.py")]


def gokart(*arguments: str, given: str | None = None) -> Result:
    """A command in this process. `given` is what is typed at its questions."""
    return CliRunner().invoke(main, arguments, input=given, prog_name="gokart")


def cli_error(*arguments: str, given: str | None = None) -> str:
    """Why the command does nothing, told in a line and not in a traceback."""
    result = gokart(*arguments, given=given)
    assert result.exit_code in {1, 2}
    assert isinstance(result.exception, SystemExit), result.exception
    return result.stderr.strip().splitlines()[-1]


def spawn(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, as a person runs it."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
