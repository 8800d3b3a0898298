"""A file that records which kernel state belongs to this gateway, for the next process after a kill.

The kernel keeps states, policies and routes when the process that added them dies, and does not record who added them.
Each is recorded here before it is added, as one line of JSON, and deleted from the file after it was removed. The file
holds no keys, and nothing of other programs. A running gateway holds a lock on its file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import msgspec

from ikev1.esp.networks import Network
from ikev1.esp.plane import PlaneError
from ikev1.esp.xfrm.policy import PolicyId
from ikev1.esp.xfrm.state import StateId
from ikev1.files.private import check_folder, open_private

_LONGEST = 4096  # lines added since the file was last rewritten, beyond as many as it had then


class StateNote(msgspec.Struct, frozen=True, array_like=True, tag="state"):
    """A state, and the reqid that identifies it as ours."""

    id: StateId
    reqid: int


class PolicyNote(msgspec.Struct, frozen=True, array_like=True, tag="policy"):
    """A policy, and the number that identifies it as ours (`ikev1.esp.xfrm.policy.Rule`)."""

    id: PolicyId
    reqid: int


class RouteNote(msgspec.Struct, frozen=True, array_like=True, tag="route"):
    """A route in our table."""

    network: Network


class AddressNote(msgspec.Struct, frozen=True, array_like=True, tag="address"):
    """A virtual address of this host."""

    address: str


Thing = StateNote | PolicyNote | RouteNote | AddressNote


class _Line(msgspec.Struct, frozen=True, array_like=True):
    there: bool
    thing: Thing


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Line)


class OwnershipFile:
    """The file ``path``, created if it does not exist, readable only by its owner.

    Raises:
        PlaneError: it cannot be used, or another running gateway uses it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        try:
            check_folder(self._path.parent)
            self._fd = _open_locked(self._path)
            self.left = tuple(self._read())
        except OSError as error:
            raise PlaneError(
                f"cannot use {path}, which records the kernel state of this gateway: {error.strerror}"
            ) from error
        self._lines = self._short = len(self.left)

    @property
    def number(self) -> int:
        """A number from 0 to 255, derived from the path; other paths usually have other numbers."""
        return crc32(os.fsencode(self._path)) & 0xFF

    def note(self, *things: Thing) -> None:
        """Record that these are about to be added.

        Raises:
            PlaneError: the file cannot be written.
        """
        try:
            self._write(True, things)
        except OSError as error:
            raise PlaneError(f"cannot write to {self._path}: {error.strerror}") from error

    def strike(self, *things: Thing) -> None:
        """Record that these were removed. If that fails, the next process looks for them, and finds nothing."""
        with contextlib.suppress(OSError):
            self._write(False, things)
            if self._lines > 2 * self._short + _LONGEST:
                self._short = self._lines  # if it cannot be rewritten, do not try again with each line
                self._shorten()

    def close(self) -> None:
        """Close the file, and delete it if it is empty."""
        with contextlib.suppress(OSError):
            if not self._read():
                self._path.unlink()
        os.close(self._fd)

    def _write(self, there: bool, things: Iterable[Thing]) -> None:
        self._lines += _append(self._fd, there, things)

    def _read(self) -> dict[Thing, None]:
        """The recorded entries, in the order in which they were added."""
        there: dict[Thing, None] = {}
        for line in self._path.read_bytes().splitlines():
            try:
                decoded = _DECODER.decode(line)
            except msgspec.DecodeError:  # a line cut off by a kill or a full disk
                continue
            if decoded.there:
                there[decoded.thing] = None
            else:
                there.pop(decoded.thing, None)
        return there

    def _shorten(self) -> None:
        """Rewrite the file without what was removed."""
        there = self._read()
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.unlink(missing_ok=True)
        fd = _open_locked(fresh)
        try:
            _append(fd, True, there)
            fresh.rename(self._path)
        except OSError:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd = fd
        self._lines = self._short = len(there)


def _append(fd: int, there: bool, things: Iterable[Thing]) -> int:
    """Append lines, all or none of which are valid; returns their number."""
    # each starts on a new line, even if the one before was cut off
    lines = [b"\n" + _ENCODER.encode(_Line(there, thing)) for thing in things]
    octets = b"".join(lines)
    if os.write(fd, octets) < len(octets):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return len(lines)


def _open_locked(path: Path) -> int:
    fd = open_private(path, os.O_RDWR | os.O_APPEND)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        replaced = os.fstat(fd).st_ino != path.stat().st_ino  # since it was opened
    except BlockingIOError:
        replaced = True
    if replaced:
        os.close(fd)
        raise PlaneError(f"{path} is in use by another gateway: each gateway needs a separate one")
    return fd
