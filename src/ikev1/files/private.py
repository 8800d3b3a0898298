"""Files that hold keys, or that a later process believes: nobody else may have a hand in them.

What another local user could do is prepared before we come: a link in place of the file, a file of his own with our
name, a second name for it, or a file that is open to all. Each is refused, but the last, whose mode is corrected.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_OTHERS = 0o177  # all rights but those of the owner to read and to write


def open_private(path: Path, flags: int) -> int:
    """Open ``path`` with ``flags`` of open(2), made with mode 0600 if it is not there; a file descriptor.

    A file that others may read or change is closed to them first.

    Raises:
        OSError: it cannot be opened, or is a link, no regular file, another user's, or has a second name.
    """
    return _checked(path, flags | os.O_CREAT)


def check_private(path: Path) -> None:
    """The same checks, and the same correction, for a file that somebody else will open; one that is missing is fine.

    They hold for as long as nobody else may write to its folder: see `check_folder`.

    Raises:
        OSError: as for `open_private`.
    """
    try:
        descriptor = _checked(path, os.O_RDWR)
    except FileNotFoundError:
        return
    os.close(descriptor)


def check_folder(folder: Path) -> None:
    """Refuse a ``folder`` in which others can put, replace or remove files, directly or by replacing a folder above.

    Root's group and our own may write to it. In a folder above it everybody may, if it is sticky as ``/tmp`` is.

    Raises:
        OSError: it does not exist, or others can.
    """
    real = Path(os.path.realpath(folder))
    _check_folder(real, may_be_sticky=False)
    for each in real.parents:
        _check_folder(each, may_be_sticky=True)


def _check_folder(folder: Path, *, may_be_sticky: bool) -> None:
    status = folder.stat()
    if status.st_uid not in (0, os.geteuid()):
        why = f"user {status.st_uid} owns this folder, and could replace what is in it: chown it, or use another"
        raise _refused(folder, why)
    if may_be_sticky and status.st_mode & stat.S_ISVTX:
        return
    ours = status.st_gid in (0, os.getegid())
    if status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and not ours):
        mode = stat.S_IMODE(status.st_mode)
        raise _refused(folder, f"others may write to this folder (mode {mode:04o}): chmod go-w it, or use another")


def _checked(path: Path, flags: int) -> int:
    try:
        # without O_NONBLOCK a FIFO would have us wait for its other end
        descriptor = os.open(path, flags & ~os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refused(path, "this is a symbolic link: name the file itself") from error
        raise
    try:
        _take_for_ourselves(descriptor, path)
        if flags & os.O_TRUNC:  # not before it is known whose file that is
            os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _take_for_ourselves(descriptor: int, path: Path) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise _refused(path, "this is no regular file")
    if status.st_uid != os.geteuid():
        raise _refused(
            path, f"this file belongs to user {status.st_uid}, not to {os.geteuid()}: remove it, or chown it"
        )
    if status.st_nlink > 1:
        raise _refused(path, f"this file has {status.st_nlink} names (hard links): remove it, or the others")
    if status.st_mode & _OTHERS:
        os.fchmod(descriptor, 0o600)


def _refused(path: Path, why: str) -> OSError:
    return PermissionError(errno.EPERM, why, str(path))
