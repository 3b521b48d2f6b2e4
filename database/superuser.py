"""PostgreSQL refuses to run as root, so an unprivileged user runs it for root."""

import os
import pwd
import stat
from pathlib import Path
from typing import TypedDict

TRAVERSE = stat.S_IXOTH
READ = stat.S_IROTH


class Identity(TypedDict, total=False):
    """Arguments of subprocess.run."""

    user: int
    group: int
    extra_groups: list[int]


def unprivileged_user(directory: Path, program: Path) -> int | None:
    """The id of the user that runs the server: the owner of the directory, else nobody. None unless this is root.

    Allows that user to traverse (not list) the parent directories, and to read the programs.
    """
    if os.geteuid() != 0:
        return None
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    user = nearest.stat().st_uid or pwd.getpwnam("nobody").pw_uid
    for parent in (*directory.parents, *program.parents):
        if parent.stat().st_uid != user:
            _allow(parent, TRAVERSE)
    if not program.stat().st_mode & READ:
        package = program.parents[2]
        _publish(program.parents[1])
        _publish(package.with_name(f"{package.name}.libs"))
    return user


def chown_to(path: Path, user: int | None) -> None:
    if user is not None:
        os.chown(path, user, _group(user), follow_symlinks=False)


def process_identity(user: int | None) -> Identity:
    return {} if user is None else {"user": user, "group": _group(user), "extra_groups": []}


def _group(user: int) -> int:
    try:
        return pwd.getpwuid(user).pw_gid
    except KeyError:
        return user


def _publish(root: Path) -> None:
    """An installation under a strict umask is readable by root only."""
    for folder, _, files in os.walk(root):
        _allow(Path(folder), READ | TRAVERSE)
        for file in files:
            path = Path(folder, file)
            _allow(path, READ | (TRAVERSE if path.stat().st_mode & stat.S_IXUSR else 0))


def _allow(path: Path, rights: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & rights != rights:
        path.chmod(mode | rights)
