"""A file that lists what this process has to remove or undo, for the next process after a kill.

An entry is recorded before it is added, as one line of JSON, and struck out after it was removed. The file is rewritten
when most of it is outdated.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from ikev1.files.private import check_folder, open_private

_LARGEST = 1 << 18  # octets added since the file was last rewritten, beyond as many as it had then

Entry = TypeVar("Entry")


class Journal(Generic[Entry]):
    """The file ``path``, created if it does not exist, readable only by its owner; its entries are of the type
    ``kind``. ``left`` are those of an earlier process, in the order in which they were added.

    Raises:
        OSError: it cannot be opened, or others can change it.
    """

    def __init__(self, path: Path, kind: Any) -> None:
        self._path = path.absolute()
        self._decoder = msgspec.json.Decoder(tuple[bool, kind])
        check_folder(self._path.parent)
        self._fd = self._open(self._path)
        self.left: tuple[Entry, ...] = tuple(self._read().values())
        self._octets = self._short = os.fstat(self._fd).st_size

    def note(self, *entries: Entry) -> None:
        """Record that these are about to be added.

        Raises:
            OSError: the file cannot be written.
        """
        self._octets += _append(self._fd, True, entries)

    def strike(self, *entries: Entry) -> None:
        """Record that these were removed. If that fails, the next process looks for them, and finds nothing."""
        with contextlib.suppress(OSError):
            self._octets += _append(self._fd, False, entries)
            if self._octets > 2 * self._short + _LARGEST:
                self._short = self._octets  # if it cannot be rewritten, do not try again with each line
                self._shorten()

    def close(self) -> None:
        """Close the file, unless it is closed already, and delete it if it is empty."""
        if self._fd < 0:
            return
        with contextlib.suppress(OSError):
            if not self._read():
                self._path.unlink()
        os.close(self._fd)
        self._fd = -1

    def _open(self, path: Path) -> int:
        return open_private(path, os.O_RDWR | os.O_APPEND)

    def _read(self) -> dict[bytes, Entry]:
        """The recorded entries by their JSON, in the order in which they were added."""
        there: dict[bytes, Entry] = {}
        for line in self._path.read_bytes().splitlines():
            with contextlib.suppress(msgspec.DecodeError):  # a line cut off by a kill or a full disk
                added, entry = self._decoder.decode(line)
                key = msgspec.json.encode(entry)
                if added:
                    there[key] = entry
                else:
                    there.pop(key, None)
        return there

    def _shorten(self) -> None:
        """Rewrite the file without what was removed."""
        there = self._read().values()
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.unlink(missing_ok=True)
        fd = self._open(fresh)
        try:
            octets = _append(fd, True, there)
            fresh.rename(self._path)
        except OSError:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd = fd
        self._octets = self._short = octets


def _append(fd: int, added: bool, entries: Iterable[object]) -> int:
    """Append lines, all or none of which are valid; returns the number of octets."""
    # each starts on a new line, even if the one before was cut off
    lines = [b"\n" + msgspec.json.encode((added, entry)) for entry in entries]
    octets = b"".join(lines)
    if os.write(fd, octets) < len(octets):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return len(octets)
