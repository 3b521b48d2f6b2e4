"""Processes of a test's own, forked from one that has imported the packages already, which takes most of a start.

The command line runs as it does in production: `cli.py` as a program, from its first line on.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]  # not from the project's settings, which a new process reads in its own environment
CLI = str(ROOT / "cli.py")
APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.support.preloaded"])


def start_cli(*arguments: str, environment: Mapping[str, str], stdout: Path, stderr: Path) -> BaseProcess:
    """Starts `gokart ARGUMENTS` in the project's directory. `stdout` and `stderr` may be the same file."""
    process = FORKSERVER.Process(target=_run_cli, args=(arguments, dict(environment), stdout, stderr))
    process.start()
    return process


def run_cli_process(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The result of a command that needs no input."""
    with TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        return _result(start_cli(*arguments, environment=environment, stdout=stdout, stderr=stderr), stdout, stderr)


def run_code(code: str, *, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The result of a program in Python that is started in the project's directory."""
    with TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        process = FORKSERVER.Process(target=_run_code, args=(code, dict(environment), stdout, stderr))
        process.start()
        return _result(process, stdout, stderr)


def _result(process: BaseProcess, stdout: Path, stderr: Path) -> subprocess.CompletedProcess[str]:
    process.join()
    assert process.exitcode is not None
    return subprocess.CompletedProcess(process.name, process.exitcode, stdout.read_text(), stderr.read_text())


def _run_cli(arguments: tuple[str, ...], environment: dict[str, str], stdout: Path, stderr: Path) -> None:
    _become(environment, stdout, stderr)
    sys.argv = [CLI, *arguments]
    try:
        runpy.run_path(CLI, run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves them out


def _run_code(code: str, environment: dict[str, str], stdout: Path, stderr: Path) -> None:
    _become(environment, stdout, stderr)
    exec(code, {"__name__": "__main__"})  # noqa: S102  # a program that stands in the test


def _become(environment: dict[str, str], stdout: Path, stderr: Path) -> None:
    for stream, file, flags in (0, os.devnull, os.O_RDONLY), (1, stdout, APPEND), (2, stderr, APPEND):
        opened = os.open(file, flags)
        os.dup2(opened, stream)
        os.close(opened)
    sys.stdin = os.fdopen(0)  # multiprocessing opens another, which a server's workers would not inherit
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
