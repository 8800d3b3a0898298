"""The ISAKMP SAs in the store: written as the engine asks, read by the next process."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ikev1.core.records.actions import Forget, Keep
from ikev1.core.records.ike_sa import IkeSa
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.store import Store, StoreError

_TIDY_AFTER = 30.0  # seconds for which the store may hold keys of SAs that were closed or replaced
_KIND = "errors of the store"


class SavedSas:
    """Keeps ``store`` up to date, if there is one. A store that fails is reported, and the gateway goes on without."""

    def __init__(self, store: Store | None, log: EventLog, clock: Callable[[], float]) -> None:
        self._store = store
        self.are_stored = store is not None
        self._log = log
        self._clock = clock
        self.deadline = math.inf
        """The time at which `tidy` has something to do."""

    def read(self) -> list[IkeSa]:
        """The SAs of an earlier process.

        Raises:
            StoreError: the store cannot be read.
        """
        sas, unreadable = self._store.read() if self._store is not None else ([], 0)
        if unreadable:
            self._log.write(Level.WARNING, "IKE", f"{unreadable} stored ISAKMP SAs are unreadable and were deleted")
        return list(sas)

    def write(self, changes: Sequence[Keep | Forget]) -> None:
        """Perform ``changes`` in one write."""
        if self._store is None or not changes:
            return
        try:
            self._store.write(changes)
        except StoreError as error:
            # a gateway that serves without a store is better than one that does not serve
            text = f"cannot store SAs; the next process will not have them: {error}"
            self._log.write(Level.ERROR, "IKE", text, kind=_KIND, code=error.code)
        except Exception as error:
            if len(changes) > 1:  # one write for all failed because of one of them
                for change in changes:
                    self.write([change])
            else:
                self._log.bug(f"the storing of ISAKMP SA #{changes[0].sa.unique_id}", error)
        self.deadline = min(self.deadline, self._clock() + _TIDY_AFTER)

    def tidy(self, now: float) -> None:
        """Destroy keys that are no longer needed in the store; not at each write, because it waits for the disk."""
        if self._store is None or now < self.deadline:
            return
        self.deadline = math.inf
        try:
            self._store.tidy()
        except StoreError as error:
            self.deadline = now + _TIDY_AFTER
            text = f"the store may still hold keys of closed SAs: {error}"
            self._log.write(Level.ERROR, "IKE", text, kind=_KIND, code=error.code)

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
