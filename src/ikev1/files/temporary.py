"""Temporary folders that others of the same user can find while their process lives."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_PRIVATE = stat.S_IFDIR | 0o700  # as mkdtemp makes it


@contextmanager
def temporary_folder(prefix: str, undo: Callable[[Path], None] = lambda folder: None) -> Iterator[Path]:
    """A new folder for temporary files that only this user can enter, and that is removed at the end.

    It is locked while this process lives. Folders of this user with the same ``prefix`` and without a lock are removed
    first: their process was killed. ``undo`` gets each of them before.

    Raises:
        OSError: it cannot be created.
    """
    for folder in _own(prefix):
        with _tried(folder) as alone:
            if alone:
                undo(folder)
                shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as opened:
        yield _new(prefix, opened)


def folders_in_use(prefix: str) -> list[Path]:
    """The folders of this user that `temporary_folder` has made with ``prefix``, and whose process lives."""
    found = []
    for folder in _own(prefix):
        with _tried(folder) as alone:
            if not alone and folder.exists():
                found.append(folder)
    return found


def _new(prefix: str, opened: ExitStack) -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        with ExitStack() as tried:
            tried.callback(shutil.rmtree, folder, ignore_errors=True)
            try:
                tried.enter_context(locked(folder))
            except FileNotFoundError:
                continue  # another process took it for a folder that was left
            if folder.exists():
                opened.enter_context(tried.pop_all())
                return folder


def _own(prefix: str) -> list[Path]:
    """Folders, and no links, that only this user can enter: nobody else can replace them in a folder for temporary
    files. Others were made by somebody, and not by `temporary_folder`.
    """
    found = []
    for path in sorted(Path(tempfile.gettempdir()).glob(f"{prefix}*")):
        with suppress(FileNotFoundError):
            status = path.lstat()
            if status.st_mode & ~stat.S_ISGID == _PRIVATE and status.st_uid == os.geteuid():
                found.append(path)
    return found


@contextmanager
def _tried(folder: Path) -> Iterator[bool]:
    """Whether no process has the lock of a folder, which this process has then; False if there is no such folder."""
    with ExitStack() as opened:
        try:
            alone = opened.enter_context(locked(folder, wait=False))
        except OSError:
            alone = False
        yield alone


@contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a folder; without ``wait``, False if another process holds it.

    Raises:
        OSError: there is no such folder, or it is a link.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
