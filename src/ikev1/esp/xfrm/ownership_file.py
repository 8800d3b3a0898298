"""A file that records which kernel state belongs to this gateway, for the next process after a kill.

The kernel keeps states, policies and routes when the process that added them dies, and does not record who added them.
The file holds no keys, and nothing of other programs. A running gateway holds a lock on its file.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from zlib import crc32

import msgspec

from ikev1.esp.networks import Network
from ikev1.esp.plane import PlaneError
from ikev1.esp.xfrm.policy import PolicyId
from ikev1.esp.xfrm.state import StateId
from ikev1.files.journal import Journal


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


class InterfaceNote(msgspec.Struct, frozen=True, array_like=True, tag="interface"):
    """An interface for packets of tunnels, and what it is made with."""

    name: str
    kind: str
    number: int
    local_host: str
    remote_host: str


Thing = StateNote | PolicyNote | RouteNote | AddressNote | InterfaceNote


class OwnershipFile(Journal[Thing]):
    """The file ``path``, created if it does not exist, readable only by its owner.

    Raises:
        PlaneError: it cannot be used, or another running gateway uses it.
    """

    def __init__(self, path: Path) -> None:
        try:
            super().__init__(path, Thing)
        except OSError as error:
            raise PlaneError(
                f"cannot use {path}, which records the kernel state of this gateway: {error.strerror}"
            ) from error

    @property
    def number(self) -> int:
        """A number from 0 to 255, derived from the path; other paths usually have other numbers."""
        return crc32(os.fsencode(self._path)) & 0xFF

    def note(self, *entries: Thing) -> None:
        """Record that these are about to be added.

        Raises:
            PlaneError: the file cannot be written.
        """
        try:
            super().note(*entries)
        except OSError as error:
            raise PlaneError(f"cannot write to {self._path}: {error.strerror}") from error

    def _open(self, path: Path) -> int:
        fd = super()._open(path)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            replaced = os.fstat(fd).st_ino != path.stat().st_ino  # since it was opened
        except BlockingIOError:
            replaced = True
        if replaced:
            os.close(fd)
            raise PlaneError(f"{path} is in use by another gateway: each gateway needs a separate one")
        return fd
