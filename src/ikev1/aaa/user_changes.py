"""Atomic changes of the file of users; concurrent changes are not lost.

The new content is written to a new file in the same directory, which then replaces the old one, with the same owner and
mode. The file itself is locked; after waiting for the lock, a process checks whether the file was replaced meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ikev1.aaa.users_file import KnownUser, UsersFileError, parse_users
from ikev1.files.private import check_folder, read_private


def add_user(file: Path, user: KnownUser) -> None:
    """Add ``user`` to ``file``, which is created if it is missing.

    Raises:
        UsersFileError: the file is wrong, or has this user.
        OSError: the file cannot be read or written, or others can read or change it.
    """
    with _locked(file, create=True) as content:
        if user.name in parse_users(content):
            raise UsersFileError(f"user {user.name!r} exists: change the password by `ikev1 user passwd`")
        _replace(file, _with_line(content, None, user.line()))


def change_user(file: Path, name: str, change: Callable[[KnownUser], KnownUser]) -> None:
    """Replace the line of the user ``name``.

    Raises:
        UsersFileError: the file is wrong, or does not have this user.
        OSError: as for `add_user`.
    """
    with _locked(file) as content:
        _replace(file, _with_line(content, name, change(_known(content, name)).line()))


def delete_user(file: Path, name: str) -> None:
    """Remove the line of the user ``name``.

    Raises:
        UsersFileError: the file is wrong, or does not have this user.
        OSError: as for `add_user`.
    """
    with _locked(file) as content:
        _known(content, name)
        _replace(file, _with_line(content, name, None))


def _known(content: bytes, name: str) -> KnownUser:
    user = parse_users(content).get(name)
    if user is None:
        raise UsersFileError(f"there is no user {name!r}")
    return user


def _with_line(content: bytes, name: str | None, line: str | None) -> bytes:
    """The content with ``line`` in place of that of the user ``name``, or at the end; comments stay."""
    lines = content.decode().rstrip("\n").split("\n") if content.strip() else []
    if name is not None:
        at = next(number for number, each in enumerate(lines) if each.startswith(f"{name}:"))
        lines[at : at + 1] = [] if line is None else [line]
    elif line is not None:
        lines.append(line)
    return "".join(f"{each}\n" for each in lines).encode()


@contextmanager
def _locked(file: Path, *, create: bool = False) -> Iterator[bytes]:
    """The content of ``file``, while no other process changes it."""
    check_folder(file.parent)
    while True:
        descriptor = _opened(file, create=create)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not _is(descriptor, file):
                continue
            yield read_private(file)
            return
        finally:
            os.close(descriptor)


def _opened(file: Path, *, create: bool) -> int:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    return os.open(file, flags | (os.O_CREAT if create else 0), 0o600)


def _is(descriptor: int, file: Path) -> bool:
    try:
        now = os.stat(file, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), now)


def _replace(file: Path, content: bytes) -> None:
    """Replace ``file`` as a whole; it keeps its owner and mode."""
    old = os.stat(file, follow_symlinks=False)
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)  # left by a killed process: only the holder of the lock writes it
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, old.st_uid, old.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
        with os.fdopen(descriptor, "wb", closefd=False) as opened:
            opened.write(content)
        os.fsync(descriptor)
        new.rename(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    _sync(file.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
