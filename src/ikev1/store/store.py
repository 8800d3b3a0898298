"""Leases, and the interface of a store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ikev1.core.records.actions import Forget, Keep
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.record import Record
from ikev1.errors import LocalError


class Lease(Record, frozen=True):
    """A virtual address and its owner, who has it while ``online``, and gets it again afterwards if it is free.

    ``owner`` is the name of a user or, unless ``is_user``, the identity of a peer. ``changed_at`` is the time, by the
    clock of the caller, at which it was assigned or released.
    """

    address: str
    owner: str
    is_user: bool = True
    pool: str = ""  # empty: the address is not from a pool, but from the profile of the user
    online: bool = True
    changed_at: float = 0.0


class StoreError(LocalError):
    """The store cannot be opened, read or written; the text says which file and why."""

    code = "store"


class Store(Protocol):
    """Stores records of SAs. Every method may raise `StoreError`, and then has changed nothing."""

    def write(self, changes: Iterable[Keep | Forget]) -> None:
        """Apply ``changes`` in order, all or none; when this returns, they survive the end of the process."""

    def read(self) -> tuple[list[IkeSa], int]:
        """All stored SAs, and the number of unreadable records, which are deleted."""

    def write_leases(self, changed: Iterable[Lease], forgotten: Iterable[str]) -> None:
        """Store leases, each in place of the one of its address, and delete those of the addresses ``forgotten``."""

    def read_leases(self) -> list[Lease]:
        """All stored leases; unreadable ones are deleted."""

    def tidy(self) -> None:
        """Erase overwritten and deleted records: their keys could decrypt recorded traffic."""

    def close(self) -> None:
        """Close the store; its content stays."""
