"""Times in a store are wall-clock times, because another process has another clock.

The times in records are the fields whose names end in ``_at``, in seconds by the clock of the caller, 0.0 for never.
That clock need not show the time of day; the engine expects only that it does not go back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from inspect import get_annotations
from typing import Any, TypeVar

from ikev1.core.records.actions import Forget, Keep
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.record import Record, replace
from ikev1.store.store import Lease, Store

_NOT_WORTH_IT = 1.0  # seconds: a difference up to this changes nothing that matters, and to shift a record costs time
T = TypeVar("T")

_SUFFIX = "_at"
_PLAIN = frozenset({"bool", "bytes", "float", "int", "str"})


class WallTimeStore:
    """A `Store` for records whose times are those of ``clock``; ``store`` has them in wall-clock time.

    ``wall`` gives wall-clock time. If that was set back since an SA was stored, the SA would seem to be established in
    the future: it is taken for one just established, so that it does not live longer than it was negotiated for.
    """

    def __init__(self, store: Store, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._wall = wall

    def write(self, changes: Iterable[Keep | Forget]) -> None:
        offset = self._wall() - self._clock()
        if abs(offset) > _NOT_WORTH_IT:
            changes = [change._replace(sa=shifted(change.sa, offset)) for change in changes]
        self._store.write(changes)

    def read(self) -> tuple[list[IkeSa], int]:
        sas, unreadable = self._store.read()
        now = self._clock()
        offset = now - self._wall()
        return [_not_in_the_future(shifted(sa, offset), now) for sa in sas], unreadable

    def write_leases(self, changed: Iterable[Lease], forgotten: Iterable[str]) -> None:
        offset = self._wall() - self._clock()
        self._store.write_leases([shifted(lease, offset) for lease in changed], forgotten)

    def read_leases(self) -> list[Lease]:
        offset = self._clock() - self._wall()
        return [shifted(lease, offset) for lease in self._store.read_leases()]

    def tidy(self) -> None:
        self._store.tidy()

    def close(self) -> None:
        self._store.close()


def _not_in_the_future(sa: IkeSa, now: float) -> IkeSa:
    return sa if sa.established_at <= now else shifted(sa, now - sa.established_at)


def shifted(value: T, seconds: float) -> T:
    """A record with all times in it, and in the records that it consists of, ``seconds`` later."""
    if not isinstance(value, Record):
        return value
    changes: dict[str, Any] = {}
    for name in _times_of(type(value)):
        at = getattr(value, name)
        if at:
            changes[name] = at + seconds
    for name in _others_of(type(value)):
        part = getattr(value, name)
        if isinstance(part, Record) or (part and type(part) is tuple):
            later = shifted(part, seconds) if isinstance(part, Record) else tuple([shifted(p, seconds) for p in part])
            if later is not part:
                changes[name] = later
    result: T = replace(value, **changes) if changes else value
    return result


@cache
def _times_of(kind: type[Record]) -> list[str]:
    return [name for name in kind.__struct_fields__ if name.endswith(_SUFFIX)]


@cache
def _others_of(kind: type[Record]) -> list[str]:
    """The fields that may hold records."""
    written = get_annotations(kind)
    return [name for name in kind.__struct_fields__ if written.get(name) not in _PLAIN and not name.endswith(_SUFFIX)]
