"""The table of SAs: a model that is checked against what it is to find."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.model import Anchor, ChildSa, Flavour, IkeSa, IkeState, IpsecKeys, IpsecSuite, Nat, Path, Role
from ikev1.core.record import replace
from ikev1.core.selector import Selector
from ikev1.core.table import SaTable, deadline

NET = Selector(bytes(4), bytes(4))


def child(spi: int, expires_at: float) -> ChildSa:
    path = Path("192.0.2.1", 500, "192.0.2.2", 500)
    keys = IpsecKeys(spi, b"")
    return ChildSa(spi, "net", "peer", IpsecSuite(12), keys, keys, NET, NET, path, False, True, 0.0, 0.0, expires_at)


@st.composite
def sas(draw: st.DrawFn) -> IkeSa:
    cookie = draw(st.sampled_from([b"one     ", b"two     ", b"three   "]))
    spis = draw(st.sets(st.integers(0, 2))) if draw(st.booleans()) else set()
    place = {b"one     ": 1000, b"two     ": 2000, b"three   ": 3000}[cookie]
    return IkeSa(
        place,
        draw(st.sampled_from(["peer", "other"])),
        Role.INITIATOR,
        Path("192.0.2.1", 500, draw(st.sampled_from(["192.0.2.2", "192.0.2.3"])), 500),
        cookie,
        b"R" * 8,
        0.0,
        state=draw(st.sampled_from(IkeState)),
        IDir_b=draw(st.sampled_from([b"", b"bob"])),
        anchor=draw(st.sampled_from([None, Anchor("192.0.2.1", "192.0.2.9")])),
        nat=draw(st.sampled_from([None, Nat(Flavour.RFC_3947, remote_behind=True)])),
        awaits_user=draw(st.booleans()),
        rekey_at=draw(st.sampled_from([0.0, 5.0, 20.0])),
        expires_at=draw(st.sampled_from([0.0, 10.0, 30.0])),
        children=tuple(child(place + spi, draw(st.sampled_from([0.0, 7.0]))) for spi in spis),
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
        for spi in {place + number for place in (1000, 2000, 3000) for number in range(3)} - spis:
            assert table.of_spi(spi) is None
        assert table.next_deadline() <= min(map(deadline, model.values()), default=math.inf)


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
