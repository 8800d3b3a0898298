"""Pools: which address a client gets, and when somebody else gets it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ikev1.core.records.settings import Pool
from ikev1.daemon.observe.event_log import EventLog
from ikev1.daemon.remote_access.pools import NoAddress, Owner, Pools, Usage
from ikev1.daemon.remote_access.saved_leases import SavedLeases
from ikev1.store import Lease, SqliteStore

ALICE, BOB, CAROL = Owner("alice", True), Owner("bob", True), Owner("carol", True)


def pool(name: str, *ranges: str, reserved: Iterable[tuple[str, str]] = ()) -> Pool:
    ends = [text.split("-") for text in ranges]
    packed = [(ip_address(first).packed, ip_address(last).packed) for first, last in ends]
    return Pool(name, tuple(packed), reserved=tuple(reserved))


OFFICE = pool("office", "10.99.0.10-10.99.0.12", "fd00::10-fd00::12")


class Clock:
    """A clock that goes on by one second each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def opened(*pools: Pool, store: SqliteStore | None = None, online: Sequence[tuple[Owner, str]] = ()) -> Pools:
    made = Pools(SavedLeases(store, EventLog()), Clock())
    made.resume(pools, online)
    return made


def address(pools: Pools, owner: Owner, version: int = 4, **keys: Any) -> str:
    return pools.assign(["office"], owner, version, **keys).address


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "sas.sqlite")) as made:
        yield made


def test_addresses_are_assigned_in_order_until_there_is_none() -> None:
    pools = opened(OFFICE)
    assert [address(pools, owner) for owner in (ALICE, BOB, CAROL)] == ["10.99.0.10", "10.99.0.11", "10.99.0.12"]
    with pytest.raises(NoAddress):
        address(pools, Owner("dave", True))
    assert address(pools, Owner("dave", True), 6) == "fd00::10"
    assert pools.usage() == {"office": Usage(6, 4, 0)}


def test_an_owner_comes_back_to_the_same_address() -> None:
    pools = opened(OFFICE)
    had = [address(pools, ALICE), address(pools, ALICE, 6)]
    pools.release(had)
    assert address(pools, BOB) == "10.99.0.11"
    assert [address(pools, ALICE), address(pools, ALICE, 6)] == had


def test_the_address_that_was_free_for_longest_goes_first() -> None:
    pools = opened(OFFICE)
    first, second, third = (address(pools, owner) for owner in (ALICE, BOB, CAROL))
    pools.release([second])
    pools.release([first])
    assert address(pools, Owner("dave", True)) == second
    assert address(pools, ALICE) == first
    pools.release([third])
    assert address(pools, BOB) == third


def test_one_owner_with_two_clients_has_two_addresses() -> None:
    pools = opened(OFFICE)
    one, two = address(pools, ALICE), address(pools, ALICE)
    assert one != two
    pools.release([one])
    pools.release([two])
    assert address(pools, ALICE, suggested=[one]) == one
    assert address(pools, ALICE) == two


def test_a_held_address_stays() -> None:
    pools = opened(OFFICE)
    had = address(pools, ALICE)
    assert address(pools, ALICE, held=[had, "fd00::12"]) == had
    assert address(pools, BOB, held=[had]) != had
    assert pools.usage()["office"].online == 2


def test_suggestions() -> None:
    pools = opened(pool("office", "10.99.0.10-10.99.0.20", reserved=[("dave", "10.99.0.20")]))
    assert address(pools, ALICE, suggested=["10.99.0.15"]) == "10.99.0.15"
    assert address(pools, BOB, suggested=["10.99.0.15"]) == "10.99.0.10"
    pools.release(["10.99.0.15"])
    assert address(pools, BOB, suggested=["10.99.0.15"]) == "10.99.0.11"  # it is kept for alice
    assert address(pools, CAROL, suggested=["10.99.0.20", "192.0.2.1", "fd00::10"]) == "10.99.0.12"
    assert address(pools, ALICE) == "10.99.0.15"


def test_any_address_that_a_client_asks_for() -> None:
    pools = opened(Pool("office", (), any=True), pool("other", "10.98.0.1-10.98.0.2"))
    assert address(pools, ALICE, permitted=["fd00::7", "10.99.0.7", "10.99.0.8"]) == "10.99.0.7"
    assert address(pools, ALICE, version=6, permitted=["fd00::7"]) == "fd00::7"
    for taken in ("10.99.0.7", "10.98.0.1"):
        with pytest.raises(NoAddress):
            address(pools, BOB, permitted=[taken])
    with pytest.raises(NoAddress):
        address(pools, BOB, suggested=["10.99.0.9"])
    pools.release(["10.99.0.7"])
    assert address(pools, BOB, permitted=["10.99.0.7"]) == "10.99.0.7"
    assert pools.base("office") == "%any"


@pytest.mark.parametrize(
    ("first", "last", "base"),
    [
        ("10.3.0.1", "10.3.0.14", "10.3.0.0"),
        ("10.3.0.17", "10.3.0.30", "10.3.0.16"),
        ("10.3.0.2", "10.3.0.15", "10.3.0.2"),
        ("10.3.0.10", "10.3.0.20", "10.3.0.10"),
        ("10.3.0.1", "10.3.0.1", "10.3.0.1"),
        ("fd00:3::1", "fd00:3::ff", "fd00:3::"),
        ("fd00:3::1", "fd00:3::fe", "fd00:3::1"),
    ],
)
def test_the_base_of_a_pool(first: str, last: str, base: str) -> None:
    office = Pool("office", ((ip_address(first).packed, ip_address(last).packed),))
    assert opened(office).base("office") == base


def test_reserved_addresses() -> None:
    pools = opened(
        pool("office", "10.99.0.10-10.99.0.11", reserved=[("alice", "10.99.0.10"), ("id:bob", "192.0.2.200")])
    )
    assert address(pools, BOB) == "10.99.0.11"
    with pytest.raises(NoAddress):
        address(pools, CAROL)
    assert address(pools, ALICE) == "10.99.0.10"
    with pytest.raises(NoAddress):
        address(pools, ALICE)  # a second client
    pools.release(["10.99.0.10"])
    with pytest.raises(NoAddress):
        address(pools, CAROL)
    assert address(pools, ALICE) == "10.99.0.10"
    assert address(pools, Owner("bob", False)) == "192.0.2.200"


def test_the_address_of_a_profile() -> None:
    pools = opened(OFFICE)
    assert pools.assign(["office"], ALICE, 4, static="10.99.0.11").address == "10.99.0.11"
    with pytest.raises(NoAddress):
        pools.assign(["office"], BOB, 4, static="10.99.0.11")
    assert [address(pools, BOB), address(pools, CAROL)] == ["10.99.0.10", "10.99.0.12"]
    assert pools.assign((), ALICE, 4, static="192.0.2.9") == Lease("192.0.2.9", "alice", changed_at=4.0)
    pools.release(["192.0.2.9"])
    assert "192.0.2.9" not in pools.leases


def test_a_user_and_an_identity_of_one_name_are_two_owners() -> None:
    pools = opened(OFFICE)
    had = address(pools, ALICE)
    pools.release([had])
    assert address(pools, Owner("alice", False)) != had


def test_several_pools_in_order() -> None:
    pools = opened(pool("small", "10.98.0.1-10.98.0.1"), OFFICE)
    names = ["small", "office", "gone"]
    found = [pools.assign(names, owner, 4) for owner in (ALICE, BOB)]
    assert [(lease.address, lease.pool) for lease in found] == [("10.98.0.1", "small"), ("10.99.0.10", "office")]
    assert pools.assign(names, ALICE, 6).address == "fd00::10"
    with pytest.raises(NoAddress):
        pools.assign(["small"], CAROL, 6)
    with pytest.raises(NoAddress):
        pools.assign(["gone"], CAROL, 4)


def test_a_restart(store: SqliteStore) -> None:
    before = opened(OFFICE, store=store)
    kept, lost = address(before, ALICE), address(before, BOB)
    before.release([address(before, CAROL)])
    after = opened(OFFICE, store=store, online=[(ALICE, kept)])
    assert {lease.address: lease.online for lease in after.leases.values()} == {
        kept: True,
        lost: False,
        "10.99.0.12": False,
    }
    assert [address(after, owner) for owner in (CAROL, BOB)] == ["10.99.0.12", lost]
    with pytest.raises(NoAddress):
        address(after, Owner("dave", True))


def test_a_restart_without_the_leases(store: SqliteStore) -> None:
    after = opened(OFFICE, store=store, online=[(BOB, "10.99.0.10")])
    assert address(after, ALICE) == "10.99.0.11"
    assert after.leases["10.99.0.10"].owner == "bob"


def test_other_pools_after_a_reload() -> None:
    pools = opened(OFFICE)
    online, offline = address(pools, ALICE), address(pools, BOB)
    pools.release([offline])
    pools.adopt([pool("office", "10.99.0.10-10.99.0.10", "10.97.0.1-10.97.0.1")])
    assert offline not in pools.leases
    assert address(pools, BOB) == "10.97.0.1"
    with pytest.raises(NoAddress):
        address(pools, CAROL)
    pools.adopt([])
    assert pools.leases[online].online
    pools.release([online])
    assert online not in pools.leases


def test_an_address_that_was_reserved_meanwhile() -> None:
    pools = opened(OFFICE)
    had = address(pools, ALICE)
    pools.release([had])
    pools.adopt([pool("office", "10.99.0.10-10.99.0.12", reserved=[("bob", had)])])
    assert address(pools, ALICE) != had
    assert address(pools, BOB) == had


def test_a_pool_that_is_too_large_to_be_listed() -> None:
    pools = opened(pool("office", "fd00::-fd00::ffff:ffff:ffff:ffff"))
    found = [address(pools, Owner(str(number), True), 6) for number in range(300)]
    assert len(set(found)) == 300
    pools.release(found)
    assert address(pools, Owner("7", True), 6) == found[7]


class PoolMachine(RuleBasedStateMachine):
    """Owners come and go, the process starts again, the configuration changes: no address ever has two clients."""

    @initialize()
    def begin(self) -> None:
        self.pool = OFFICE
        self.clients: dict[str, Owner] = {}  # as ISAKMP SAs have them
        self.pools = opened(self.pool)

    @rule(
        owner=st.sampled_from([ALICE, BOB, CAROL, Owner("alice", False), Owner("dave", True)]),
        version=st.sampled_from([4, 6]),
        suggested=st.sampled_from([(), ("10.99.0.12",), ("fd00::11", "10.99.0.10")]),
    )
    def connect(self, owner: Owner, version: int, suggested: tuple[str, ...]) -> None:
        try:
            lease = self.pools.assign(["office"], owner, version, suggested=suggested)
        except NoAddress:
            free = [
                number
                for first, last in self.pool.ranges
                if len(first) == (4 if version == 4 else 16)
                for number in range(int.from_bytes(first), int.from_bytes(last) + 1)
                if str(ip_address(number.to_bytes(len(first)))) not in self.clients
            ]
            assert not free
            return
        assert lease.address not in self.clients
        assert (":" in lease.address) is (version == 6)
        self.clients[lease.address] = owner

    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        if self.clients:
            gone = data.draw(st.sampled_from(sorted(self.clients)))
            del self.clients[gone]
            self.pools.release([gone])

    @rule(wide=st.booleans())
    def reload(self, wide: bool) -> None:
        self.pool = OFFICE if wide else pool("office", "10.99.0.11-10.99.0.13", "fd00::12-fd00::12")
        self.pools.adopt([self.pool])

    @rule()
    def restart(self) -> None:
        self.pools = opened(self.pool, online=[(owner, found) for found, owner in self.clients.items()])

    @invariant()
    def leases_are_those_of_the_clients(self) -> None:
        online = [lease for lease in self.pools.leases.values() if lease.online]
        assert {lease.address: Owner(lease.owner, lease.is_user) for lease in online} == self.clients


PoolMachine.TestCase.settings = hypothesis_settings(max_examples=50, stateful_step_count=30, deadline=None)
TestPools = PoolMachine.TestCase
