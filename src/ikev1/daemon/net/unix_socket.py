"""A Unix socket on which the daemon listens: for its user and group alone, and no second daemon takes it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path

_OWNER_AND_GROUP = 0o117  # the umask for mode 0660: whoever may write to the socket may use it


class UnixSocket:
    """The socket ``path``, with at most ``backlog`` connections that wait to be accepted."""

    def __init__(self, path: Path, backlog: int) -> None:
        self._path = path
        self._backlog = backlog
        self._made: tuple[int, int] | None = None

    def listen(self) -> socket.socket:
        """Make the socket, and its folder, and listen on it.

        Raises:
            OSError: the socket cannot be created, another daemon listens on it, or ``path`` is something else than a
                socket.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(self._path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        umask = os.umask(_OWNER_AND_GROUP)
        try:
            listener.bind(str(self._path))
            listener.listen(self._backlog)  # at once: another daemon would take one that does not listen for stale
            self._made = _inode(self._path)
        except OSError as error:
            listener.close()
            raise OSError(error.errno, os.strerror(error.errno or 0), str(self._path)) from error
        finally:
            os.umask(umask)
        return listener

    def remove(self) -> None:
        """Remove the socket that `listen` made, unless another one has taken its name."""
        with contextlib.suppress(FileNotFoundError):
            if _inode(self._path) == self._made:
                self._path.unlink()


def _inode(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def _remove_stale(path: Path) -> None:
    """Remove the socket that a daemon which no longer runs left behind, and nothing else."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        why = "not a socket: remove it, or configure another path"
        raise FileExistsError(errno.EEXIST, why, str(path))
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.setblocking(False)  # a daemon that runs may be too busy to accept
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            if _inode(path) == (status.st_dev, status.st_ino):
                path.unlink()
            return
        except FileNotFoundError:
            return
        except BlockingIOError:
            pass
        except OSError as error:
            why = f"another program uses this socket: {os.strerror(error.errno or 0)}"
            raise FileExistsError(errno.EEXIST, why, str(path)) from error
    raise FileExistsError(errno.EEXIST, "another daemon listens on this socket", str(path))
