"""What the daemon asks of a store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ikev1.core.records.actions import Forget, Keep
from ikev1.core.records.model import IkeSa
from ikev1.errors import LocalError


class StoreError(LocalError):
    """The store cannot be opened, read or written; the text says which file and why."""

    code = "store"


class Store(Protocol):
    """Keeps records of SAs. Every method may raise `StoreError`; one that does has changed nothing."""

    def write(self, changes: Iterable[Keep | Forget]) -> None:
        """Obey ``changes`` in their order, all or none; when this returns, they survive the end of the process."""

    def read(self) -> tuple[list[IkeSa], int]:
        """All SAs that are kept, and how many records there were that nobody can read any more and that are dropped."""

    def tidy(self) -> None:
        """Destroy what was written over or deleted: it holds keys that may open traffic which somebody recorded."""

    def close(self) -> None:
        """Give the store back; what was written stays."""
