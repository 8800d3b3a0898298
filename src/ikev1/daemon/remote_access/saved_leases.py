"""The leases in the store: written before the address is sent to the client, read by the next process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.store import Lease, Store, StoreError

_KIND = "errors of the store"


class SavedLeases:
    """Keeps the leases in ``store``, if there is one. Errors of the store are logged, and have no other effect."""

    def __init__(self, store: Store | None, log: EventLog) -> None:
        self._store = store
        self._log = log

    def read(self) -> list[Lease]:
        """The leases of an earlier process, none if they cannot be read."""
        if self._store is None:
            return []
        try:
            return self._store.read_leases()
        except StoreError as error:
            self._tell("cannot read the leases of an earlier process", error)
            return []

    def write(self, changed: Sequence[Lease], forgotten: Iterable[str] = ()) -> None:
        """Store ``changed`` leases, and delete those of the addresses ``forgotten``."""
        if self._store is None:
            return
        try:
            self._store.write_leases(changed, forgotten)
        except StoreError as error:
            self._tell("cannot store leases; the next process will not know them", error)

    def _tell(self, text: str, error: StoreError) -> None:
        self._log.write(Level.ERROR, "CFG", f"{text}: {error}", kind=_KIND, code=error.code)
