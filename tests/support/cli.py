"""Runs the command line on the tests' database."""

import os
import subprocess
import sys

from click.testing import CliRunner, Result

from cli import main
from settings import PROJECT
from tests.support.processes import run_cli_process

COMMAND = [sys.executable, str(PROJECT / "cli.py")]


def gokart(*arguments: str, given: str | None = None) -> Result:
    """Runs a command in this process. `given` is the standard input, for its prompts."""
    return CliRunner().invoke(main, arguments, input=given, prog_name="gokart")


def cli_error(*arguments: str, given: str | None = None) -> str:
    """Runs a command that must fail without a traceback, and returns the last line of its error output."""
    result = gokart(*arguments, given=given)
    assert result.exit_code in {1, 2}
    assert isinstance(result.exception, SystemExit), result.exception
    return result.stderr.strip().splitlines()[-1]


def spawn(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, as a person runs it."""
    return run_cli_process(*arguments, environment={**os.environ, **variables})
