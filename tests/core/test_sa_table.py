"""The table of SAs: a model that is checked against what it is to find."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.machine.sa_table import SaTable, deadline, same_peer
from ikev1.core.records.model import (
    Anchor,
    ChildSa,
    ChildState,
    IkeSa,
    IkeState,
    IpsecKeys,
    IpsecSuite,
    Nat,
    NatTraversalVersion,
    Role,
    UdpPath,
)
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector

NETWORKS = [Selector.parse(text) for text in ("0.0.0.0/0", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.9-10.1.3.1")]


@st.composite
def children(draw: st.DrawFn, number: int, connection: str) -> ChildSa:
    path = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
    keys = IpsecKeys(number + 50 * draw(st.integers(0, 1)), b"")
    local, remote = draw(st.sampled_from(NETWORKS)), draw(st.sampled_from(NETWORKS))
    expires_at = draw(st.sampled_from([0.0, 7.0]))
    bare = ChildSa(
        number, "net", connection, IpsecSuite(12), keys, keys, local, remote, path, False, True, 0.0, 0.0, expires_at
    )
    return replace(bare, state=draw(st.sampled_from(ChildState)))


@st.composite
def sas(draw: st.DrawFn) -> IkeSa:
    cookie = draw(st.sampled_from([b"one     ", b"two     ", b"three   "]))
    numbers = draw(st.sets(st.integers(0, 2))) if draw(st.booleans()) else set()
    connection = draw(st.sampled_from(["peer", "other"]))
    place = {b"one     ": 1000, b"two     ": 2000, b"three   ": 3000}[cookie]
    return IkeSa(
        place,
        connection,
        Role.INITIATOR,
        UdpPath("192.0.2.1", 500, draw(st.sampled_from(["192.0.2.2", "192.0.2.3"])), 500),
        cookie,
        b"R" * 8,
        0.0,
        state=draw(st.sampled_from(IkeState)),
        IDir_b=draw(st.sampled_from([b"", b"bob"])),
        anchor=draw(st.sampled_from([None, Anchor("192.0.2.1", "192.0.2.9")])),
        nat=draw(st.sampled_from([None, Nat(NatTraversalVersion.RFC_3947, remote_behind=True)])),
        awaits_user=draw(st.booleans()),
        rekey_at=draw(st.sampled_from([0.0, 5.0, 20.0])),
        expires_at=draw(st.sampled_from([0.0, 10.0, 30.0])),
        children=tuple(draw(children(place + number, connection)) for number in numbers),
    )


@given(st.lists(st.one_of(sas(), st.sampled_from([b"one     ", b"two     ", b"three   "]))))
def test_everything_is_found_by_all_its_names(steps: list[IkeSa | bytes]) -> None:
    table = SaTable()
    model: dict[bytes, IkeSa] = {}
    for step in steps:
        if isinstance(step, IkeSa):
            table.put(model.get(step.cookies), step)
            model[step.cookies] = step
        elif step + b"R" * 8 in model:
            table.drop(model.pop(step + b"R" * 8))
        assert dict(table.by_cookies) == model
        for name in ("peer", "other"):
            assert {sa.cookies for sa in table.of_connection(name)} == {
                cookies for cookies, sa in model.items() if sa.connection == name
            }
        for sa in model.values():
            assert {other.cookies for other in table.of_peer(sa)} == {
                other.cookies for other in model.values() if other is not sa and None is not other.peer == sa.peer
            }
            assert {other.cookies for other in table.of_host(sa.hosts[1])} == {
                other.cookies for other in model.values() if other.hosts[1] == sa.hosts[1]
            }
            for each in sa.children:
                assert table.of_spi(each.inbound.spi) == sa
        spis = {each.inbound.spi for sa in model.values() for each in sa.children}
        possible = {place + number for place in (1000, 2000, 3000) for number in (*range(3), *range(50, 53))}
        for spi in possible - spis:
            assert table.of_spi(spi) is None
        pairs = {each.unique_id: (sa, each) for sa in model.values() for each in sa.children}
        for number in possible:
            assert table.of_pair(number) == pairs.get(number)
            assert table.of_number(number) == next((sa for sa in model.values() if sa.unique_id == number), None)
        assert table.next_deadline() <= min(map(deadline, model.values()), default=math.inf)
    check_rivals(table, list(model.values()))


def check_rivals(table: SaTable, sas: list[IkeSa]) -> None:
    for sa in sas:
        others = [
            each
            for other in sas
            if not same_peer(sa, other)
            for each in other.children
            if each.state is ChildState.INSTALLED
        ]
        for local, remote in product(NETWORKS, repeat=2):
            overlapping = [each for each in others if each.local.overlaps(local) and each.remote.overlaps(remote)]
            for name in (None, "peer", "other"):
                expected = [each for each in overlapping if name in (None, each.connection)]
                assert by_number(table.rivals(sa, local, remote, name)) == by_number(expected)
            equal = [each for each in others if (each.local, each.remote) == (local, remote)]
            assert by_number(table.equals(sa, local, remote)) == by_number(equal)


def by_number(found: Iterable[ChildSa]) -> list[ChildSa]:
    return sorted(found, key=lambda each: each.unique_id)


@given(st.lists(sas(), unique_by=lambda sa: sa.cookies), st.sampled_from([4.0, 6.0, 15.0, 40.0]))
def test_what_is_due_comes_once(all_sas: list[IkeSa], now: float) -> None:
    table = SaTable()
    for sa in all_sas:
        table.put(None, sa)
    came = []
    for sa in table.due(now):
        came.append(sa.cookies)
        table.put(sa, replace(sa, rekey_at=0.0, expires_at=0.0, children=()))
    assert sorted(came) == sorted(sa.cookies for sa in all_sas if deadline(sa) <= now)
    assert list(table.due(now)) == []
    assert table.next_deadline() > now


def test_without_deadlines_nothing_is_ever_due() -> None:
    table = SaTable()
    assert table.next_deadline() == math.inf
    assert list(table.due(1e12)) == []
