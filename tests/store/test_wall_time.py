"""The store has wall-clock times, and the process those of its own clock."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from ikev1.core.records.actions import Forget, Keep
from ikev1.core.records.child_sa import ChildSa, IpsecKeys, IpsecSuite
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa, IkeState, Liveness, Probe, Renewal
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import Record, replace
from ikev1.core.records.selector import Selector
from ikev1.store import Lease, WallTimeStore
from ikev1.store.wall_time import shifted

PATH = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
SA = IkeSa(
    1, "branch", Role.INITIATOR, PATH, b"I" * 8, b"R" * 8, 1000.0, IkeState.ESTABLISHED,
    established_at=1001.0, rekey_at=0.0, expires_at=5000.0,
    liveness=Liveness(heard_at=1002.0, check_at=1020.0, renewals=(Renewal("net", 1003.0, 40.0),)),
    probe=Probe(PATH, 7, resend_at=1003.0),
)  # fmt: skip
NET = Selector.parse("10.1.0.0/16")
PAIR = ChildSa(
    2,
    "net",
    "branch",
    IpsecSuite(12),
    IpsecKeys(7),
    IpsecKeys(8),
    NET,
    NET,
    PATH,
    False,
    True,
    1004.0,
    expires_at=4000.0,
)
DURATIONS = {"quick_mode_wait"}


class Memory:
    """A store that is a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[int, IkeSa] = {}
        self.leases: dict[str, Lease] = {}

    def write(self, changes: Iterable[Keep | Forget]) -> None:
        for change in changes:
            if isinstance(change, Keep):
                self.kept[change.sa.unique_id] = change.sa
            else:
                del self.kept[change.sa.unique_id]

    def read(self) -> tuple[list[IkeSa], int]:
        return list(self.kept.values()), 0

    def write_leases(self, changed: Iterable[Lease], forgotten: Iterable[str]) -> None:
        for address in forgotten:
            del self.leases[address]
        self.leases |= {lease.address: lease for lease in changed}

    def read_leases(self) -> list[Lease]:
        return list(self.leases.values())

    def tidy(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_all_times_move_and_nothing_else() -> None:
    later = shifted(replace(SA, children=(PAIR,)), 100.0)
    (moved,) = later.children
    assert (later.created_at, later.established_at, later.rekey_at, later.expires_at) == (1100.0, 1101.0, 0.0, 5100.0)
    assert later.liveness == Liveness(heard_at=1102.0, check_at=1120.0, renewals=(Renewal("net", 1103.0, 40.0),))
    assert later.probe == Probe(PATH, 7, resend_at=1103.0)
    assert (moved.created_at, moved.rekey_at, moved.expires_at) == (1104.0, 0.0, 4100.0)
    assert shifted(later, -100.0) == replace(SA, children=(PAIR,))


def records(kind: Any) -> Iterator[type[Record]]:
    """All records that a record of this kind consists of."""
    if isinstance(kind, type) and issubclass(kind, Record):
        yield kind
        for hint in typing.get_type_hints(kind).values():
            yield from records(hint)
    for part in typing.get_args(kind):
        yield from records(part)


def test_every_number_with_a_fraction_is_a_time_or_known_to_be_a_duration() -> None:
    found = {IkeSa, Exchange, *records(IkeSa)}
    assert Probe in found
    floats = {
        name for kind in found for name, hint in typing.get_type_hints(kind).items() if hint is float
    }  # fmt: skip
    assert {name for name in floats if not name.endswith("_at")} == DURATIONS


@pytest.mark.parametrize("jump", [0.0, 7200.0, -7200.0])
def test_the_next_process_has_the_same_lifetime_left(jump: float) -> None:
    """Here the clock was set while the first process ran: both processes have their own idea of the time since."""
    memory, real = Memory(), [2000.0]
    first = WallTimeStore(memory, lambda: real[0], lambda: real[0] + jump)
    first.write([Keep(SA)])
    assert memory.kept[1].expires_at == SA.expires_at + jump
    real[0] += 60.0
    second = WallTimeStore(memory, lambda: real[0] + jump, lambda: real[0] + jump)
    ((sa,), unreadable) = second.read()
    assert unreadable == 0
    assert sa.expires_at - (real[0] + jump) == SA.expires_at - real[0]
    second.write([Forget(sa)])
    assert not memory.kept


def test_an_sa_does_not_live_longer_because_the_clock_was_set_back_between_two_processes() -> None:
    memory = Memory()
    WallTimeStore(memory, lambda: 2000.0, lambda: 2000.0).write([Keep(SA)])
    ((sa,), _) = WallTimeStore(memory, lambda: 100.0, lambda: 100.0).read()
    assert sa.established_at == 100.0
    assert sa.expires_at - sa.established_at == SA.expires_at - SA.established_at


def test_leases_have_wall_clock_times_in_the_store() -> None:
    memory = Memory()
    first = WallTimeStore(memory, lambda: 100.0, lambda: 5000.0)
    lease = Lease("10.99.0.10", "alice", pool="office", changed_at=90.0)
    first.write_leases([lease], [])
    assert memory.leases["10.99.0.10"].changed_at == 4990.0
    second = WallTimeStore(memory, lambda: 7.0, lambda: 5060.0)
    assert second.read_leases() == [replace(lease, changed_at=-63.0)]
