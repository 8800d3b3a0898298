"""The file of the hooks that were run for ``up`` and not yet for ``down``. After a kill, the next process runs them for
``down``.

A run for ``up`` is recorded before it begins, one for ``down`` after its end. The file is rewritten when most of it is
outdated.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from ikev1.files.private import check_folder, open_private

_LONGEST = 1000  # outdated lines
_LARGEST = 16 << 20  # octets


class Raised(msgspec.Struct, frozen=True):
    """A hook that was run for ``up``, with its environment. ``verb`` is ``PLUTO_VERB`` of the run for ``down``.

    ``label`` is a text for the log, if this is no hook of a tunnel but a program for the resolver of this host.
    """

    key: str
    command: tuple[str, ...]
    environment: dict[str, str]
    verb: str
    label: str = ""


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    up: Raised | None = None
    down: str = ""


_ENCODER, _DECODER = msgspec.json.Encoder(), msgspec.json.Decoder(_Line)


class UpdownJournal:
    """The file at ``path``; ``left`` are the entries of an earlier process.

    Raises:
        OSError: it cannot be opened, or others can change it.
    """

    def __init__(self, path: Path) -> None:
        check_folder(path.parent)
        self._path = path
        self._file = open_private(path, os.O_RDWR | os.O_APPEND)
        self._raised = self._read()
        self._lines = len(self._raised)
        self.left = tuple(self._raised.values())

    def up(self, raised: Raised) -> None:
        """Record that the hook is about to be run for ``up``."""
        self._raised[raised.key] = raised
        self._write(_Line(up=raised))

    def down(self, key: str) -> None:
        """Record that the hook was run for ``down``."""
        if self._raised.pop(key, None) is not None:
            self._write(_Line(down=key))

    def close(self) -> None:
        """Close the file, unless it is closed already, and delete it if there is nothing left to do."""
        if self._file >= 0:
            os.close(self._file)
            if not self._raised:
                self._path.unlink(missing_ok=True)
        self._file = -1

    def _read(self) -> dict[str, Raised]:
        raised: dict[str, Raised] = {}
        with open(self._file, "rb", closefd=False) as opened:
            for line in opened.read(_LARGEST).splitlines():
                with contextlib.suppress(msgspec.DecodeError):  # a line that was not written to its end
                    found = _DECODER.decode(line)
                    if found.up is not None:
                        raised[found.up.key] = found.up
                    raised.pop(found.down, None)
        return raised

    def _write(self, line: _Line) -> None:
        self._lines += 1
        if self._lines > 2 * len(self._raised) + _LONGEST:
            self._shorten()
        else:
            os.write(self._file, _ENCODER.encode(line) + b"\n")

    def _shorten(self) -> None:
        """Replace the file by one without outdated lines."""
        new = self._path.with_name(f"{self._path.name}.new")
        descriptor = open_private(new, os.O_RDWR | os.O_APPEND | os.O_TRUNC)
        for raised in self._raised.values():
            os.write(descriptor, _ENCODER.encode(_Line(up=raised)) + b"\n")
        new.rename(self._path)
        os.close(self._file)
        self._file, self._lines = descriptor, len(self._raised)
