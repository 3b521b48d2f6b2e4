"""Processes of a test's own, forked from one that has imported the packages already, which takes most of a start.

The command line runs as it does in production: `cli.py` as a program, from its first line on.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.support.wait import GUARD

ROOT = Path(__file__).parents[2]  # not from the project's settings, which a new process reads in its own environment
CLI = str(ROOT / "cli.py")
APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.support.preloaded"])


def start_cli(*arguments: str, environment: Mapping[str, str], stdout: Path, stderr: Path) -> BaseProcess:
    """Starts `gokart ARGUMENTS` in the project's directory. `stdout` and `stderr` may be the same file."""
    return _start(partial(_cli, arguments), environment, stdout, stderr)


def run_cli_process(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The result of a command that needs no input."""
    return _run(partial(_cli, arguments), environment)


def run_code(code: str, *, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The result of Python code that runs as a program in the project's directory."""
    return _run(partial(exec, code, {"__name__": "__main__"}), environment)


@contextmanager
def running_code(code: str, *, environment: Mapping[str, str]) -> Iterator[BaseProcess]:
    """Runs Python code as a program in the project's directory, and kills it at the end of the block."""
    process = _start(partial(exec, code, {"__name__": "__main__"}), environment, Path(os.devnull), Path(os.devnull))
    try:
        yield process
    finally:
        process.kill()
        process.join()


def kill_tree(pid: int) -> None:
    """Ends the process and its descendants with SIGKILL, as a failing machine does."""
    process = psutil.Process(pid)
    for each in [*process.children(recursive=True), process]:
        with suppress(psutil.NoSuchProcess):
            each.kill()


def _run(program: Callable[[], None], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    with TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        process = _start(program, environment, stdout, stderr)
        process.join(GUARD)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"the process did not end:\n{stderr.read_text()}")
        return subprocess.CompletedProcess(process.name, process.exitcode, stdout.read_text(), stderr.read_text())


def _start(program: Callable[[], None], environment: Mapping[str, str], stdout: Path, stderr: Path) -> BaseProcess:
    process = FORKSERVER.Process(target=_become, args=(program, dict(environment), stdout, stderr))
    process.start()
    return process


def _become(program: Callable[[], None], environment: dict[str, str], stdout: Path, stderr: Path) -> None:
    for stream, file, flags in (0, os.devnull, os.O_RDONLY), (1, stdout, APPEND), (2, stderr, APPEND):
        opened = os.open(file, flags)
        os.dup2(opened, stream)
        os.close(opened)
    sys.stdin = os.fdopen(0)  # multiprocessing opens another, which a server's workers would not inherit
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    try:
        program()
    finally:
        atexit._run_exitfuncs()  # multiprocessing does not run them


def _cli(arguments: tuple[str, ...]) -> None:
    sys.argv = [CLI, *arguments]
    runpy.run_path(CLI, run_name="__main__")
