"""The table of SAs: a model that is checked against what it is to find."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.machine.sa_table import SaTable, deadline, same_peer
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from some_sas import NETWORKS, sas


@given(st.lists(st.one_of(sas(), st.sampled_from([b"one     ", b"two     ", b"three   "]))))
def test_everything_is_found_by_all_its_names(steps: list[IkeSa | bytes]) -> None:
    table = SaTable()
    model: dict[bytes, IkeSa] = {}
    for step in steps:
        if isinstance(step, IkeSa):
            table.put(model.get(step.cookies), step, step.cookies)
            table.settle(step.cookies, model.get(step.cookies))
            model[step.cookies] = step
        elif step + b"R" * 8 in model:
            gone = model.pop(step + b"R" * 8)
            table.drop(gone)
            table.settle(gone.cookies, gone)
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
        others = [each for other in sas if not same_peer(sa, other) for each in other.children if each.carries]
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
        table.put(None, sa, sa.cookies)
        table.settle(sa.cookies, None)
    came = []
    for sa in table.due(now, 10):
        came.append(sa.cookies)
        table.put(sa, replace(sa, rekey_at=0.0, expires_at=0.0, children=()), sa.cookies)
        table.settle(sa.cookies, sa)
    assert sorted(came) == sorted(sa.cookies for sa in all_sas if deadline(sa) <= now)
    assert list(table.due(now, 10)) == []
    assert table.next_deadline() > now


def test_without_deadlines_nothing_is_ever_due() -> None:
    table = SaTable()
    assert table.next_deadline() == math.inf
    assert list(table.due(1e12, 10)) == []


def test_of_many_sas_that_are_due_the_first_ones_come() -> None:
    table = SaTable()
    for number in range(5):
        sa = IkeSa(number, "a", Role.INITIATOR, UdpPath("", 0, "", 0), bytes([number] * 8), b"R" * 8, 0.0, rekey_at=1.0)
        table.put(None, sa, sa.cookies)
        table.settle(sa.cookies, None)
    came = []
    for most in (3, 10):
        assert table.next_deadline() == 1.0
        for sa in table.due(2.0, most):
            came.append(sa.unique_id)
            table.put(sa, replace(sa, rekey_at=0.0), sa.cookies)
            table.settle(sa.cookies, sa)
        assert len(came) == min(5, most), "the others come next time"
    assert sorted(came) == [0, 1, 2, 3, 4]
