"""Files that hold keys, or that a later process trusts: other users must not be able to read, change or replace them.

Another local user could prepare a symbolic link in place of the file, a file of their own, a hard link to it, or a file
that everybody can read. All are rejected except the last, whose mode is corrected.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_OTHERS = 0o177  # all rights but those of the owner to read and to write


def open_private(path: Path, flags: int) -> int:
    """Open ``path`` with ``flags`` of open(2), created with mode 0600 if missing; a file descriptor.

    If others can read or change the file, its mode is corrected.

    Raises:
        OSError: it cannot be opened, is a link, not a regular file, owned by another user, or has a second name.
    """
    return _checked(path, flags | os.O_CREAT)


def check_private(path: Path) -> None:
    """The same checks and correction for a file that a library will open; the file may be missing.

    They hold as long as others cannot write to its folder: see `check_folder`.

    Raises:
        OSError: as for `open_private`.
    """
    try:
        descriptor = _checked(path, os.O_RDWR)
    except FileNotFoundError:
        return
    os.close(descriptor)


def read_private(path: Path, *, of_user: bool = False) -> bytes:
    """The content of a file that holds secrets and that others wrote for this process: it is owned by root or by the
    user of this process, or by anybody if that is root and not ``of_user``, and nobody else can read or change it.

    Raises:
        OSError: it cannot be read, is a link, not a regular file, owned by another user, or others can use it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _refused(path, "is not a regular file")
        if (os.geteuid() or of_user) and status.st_uid not in (0, os.geteuid()):
            raise _refused(path, f"is owned by user {status.st_uid}, not by user {os.geteuid()} or root")
        allowed = stat.S_IRGRP if status.st_gid == 0 else 0  # root's group
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~allowed:
            mode = stat.S_IMODE(status.st_mode)
            raise _refused(path, f"others can read or change it (mode {mode:04o}): run `chmod 600` on it")
        return opened.read()


def check_folder(folder: Path) -> None:
    """Reject a ``folder`` in which others can create, replace or remove files, directly or by replacing a parent.

    Root's group and that of this process may write to it. A parent folder may be writable by everybody if it is sticky,
    such as ``/tmp``.

    Raises:
        OSError: it does not exist, or others can write to it.
    """
    real = Path(os.path.realpath(folder))
    _check_folder(real, may_be_sticky=False)
    for each in real.parents:
        _check_folder(each, may_be_sticky=True)


def _check_folder(folder: Path, *, may_be_sticky: bool) -> None:
    status = folder.stat()
    if status.st_uid not in (0, os.geteuid()):
        why = f"the folder is owned by user {status.st_uid}, who can replace its files: chown it or use another"
        raise _refused(folder, why)
    if may_be_sticky and status.st_mode & stat.S_ISVTX:
        return
    ours = status.st_gid in (0, os.getegid())
    if status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and not ours):
        mode = stat.S_IMODE(status.st_mode)
        raise _refused(
            folder, f"others can write to the folder (mode {mode:04o}): run `chmod go-w` on it or use another one"
        )


def _checked(path: Path, flags: int) -> int:
    try:
        # O_NONBLOCK: opening a FIFO would block
        descriptor = os.open(path, flags & ~os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refused(path, "is a symbolic link: give the path of the file itself") from error
        raise
    try:
        _make_private(descriptor, path)
        if flags & os.O_TRUNC:  # not before its owner has been checked
            os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _make_private(descriptor: int, path: Path) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise _refused(path, "is not a regular file")
    if status.st_uid != os.geteuid():
        raise _refused(
            path, f"is owned by user {status.st_uid}, not by user {os.geteuid()}: remove it or change its owner"
        )
    if status.st_nlink > 1:
        raise _refused(path, f"has {status.st_nlink} hard links: remove the others")
    if status.st_mode & _OTHERS:
        os.fchmod(descriptor, 0o600)


def _refused(path: Path, why: str) -> OSError:
    return PermissionError(errno.EPERM, why, str(path))
