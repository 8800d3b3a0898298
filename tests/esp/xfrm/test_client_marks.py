"""The marks of clients behind one NAT: one for each peer, the same in every process."""

from __future__ import annotations

import pytest

from esp_packets import child
from ikev1.core.records.child_sa import ChildSa, IpsecMode, Mark, PacketMarks
from ikev1.core.records.record import replace
from ikev1.esp.plane import PlaneError
from ikev1.esp.xfrm import client_marks
from ikev1.esp.xfrm.client_marks import ClientMarks
from ikev1.esp.xfrm.translate import inbound_states, outbound_states

NOBODY = PacketMarks()


class There:
    """The marks, and their clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.marks = ClientMarks(lambda: self.now)

    def mark(self, pair: ChildSa) -> int:
        marked = self.marks.marked(pair).marks
        assert marked.mark_in == marked.mark_out
        assert marked.mark_in.mask == 0xFFFF_FFFF
        assert marked.mark_in.value >> 16 == 0x4553
        return marked.mark_in.value


def pair(peer: bytes, reqid: int, spi: int) -> ChildSa:
    made: ChildSa = replace(child(inbound_spi=spi), mode=IpsecMode.TRANSPORT, peer=peer, reqid=reqid)
    return made


def test_each_peer_has_a_mark_and_keeps_it() -> None:
    there = There()
    one, two = there.mark(pair(b"one", 1, 0x1000)), there.mark(pair(b"two", 2, 0x2000))
    assert one != two
    assert there.mark(pair(b"one", 1, 0x1001)) == one, "rekeyed"
    assert there.mark(pair(b"one", 7, 0x1002)) == one, "under another ISAKMP SA"
    assert there.mark(pair(b"another port", 1, 0x1003)) == one, "the peer's port has changed"
    again = There()
    assert (again.mark(pair(b"one", 1, 0x1000)), again.mark(pair(b"two", 2, 0x2000))) == (one, two)


def test_a_number_that_is_taken_is_not_given_twice() -> None:
    there = There()
    same = [(n * 65_535).to_bytes(8) for n in range(3)]
    marks = [there.mark(pair(name, reqid, 0x1000 + reqid)) for reqid, name in enumerate(same, start=1)]
    assert len(set(marks)) == 3


def test_a_mark_goes_to_nobody_else_soon() -> None:
    there = There()
    first, second = bytes(8), (65_535).to_bytes(8)
    gone = pair(first, 1, 0x1000)
    mark = there.mark(gone)
    there.marks.remove(gone)
    other = pair(second, 2, 0x2000)
    assert there.mark(other) != mark
    there.marks.remove(other)
    assert there.mark(pair(first, 3, 0x1001)) == mark, "its own, when it comes back"
    there.marks.remove(pair(first, 3, 0x1001))
    there.now += 301
    assert there.mark(pair(second, 4, 0x2001)) == mark


def test_a_peer_is_forgotten_with_its_last_pair() -> None:
    there = There()
    old, new = pair(b"one", 1, 0x1000), pair(b"one", 1, 0x1001)
    mark = there.mark(old)
    there.mark(new)
    there.marks.remove(old)
    assert there.mark(pair(b"one", 1, 0x1002)) == mark
    for each in (new, pair(b"one", 1, 0x1002), pair(b"never", 9, 0x9)):
        there.marks.remove(each)


def test_who_comes_from_the_old_port_of_a_peer_that_moved_is_another() -> None:
    there = There()
    mover = pair(b"port 4500", 1, 0x1000)
    mark = there.mark(mover)
    there.marks.moving(mover)
    assert there.mark(pair(b"port 4500", 2, 0x2000)) != mark
    assert there.mark(mover) == mark


@pytest.mark.parametrize("own", [NOBODY, PacketMarks(mark_in=Mark(42, 255))])
def test_who_has_an_address_or_marks_of_its_own_gets_none(own: PacketMarks) -> None:
    there = There()
    alone = replace(pair(b"" if own == NOBODY else b"one", 1, 0x1000), marks=own)
    assert there.marks.marked(alone) is alone


def test_there_are_as_many_as_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_marks, "_NUMBERS", 2)
    there = There()
    for number in (1, 2):
        there.mark(pair(bytes((number,)), number, number))
    with pytest.raises(PlaneError):
        there.mark(pair(b"\3", 3, 3))


def test_the_inbound_sa_marks_what_it_has_opened_and_the_outbound_one_is_for_the_mark() -> None:
    marked = There().marks.marked(pair(b"one", 1, 0x1000))
    (inbound,), (outbound,) = inbound_states(marked, 1), outbound_states(marked, 1, 4500)
    assert inbound.output_mark == marked.marks.mark_in.value
    assert inbound.id.mark == Mark()
    assert outbound.id.mark == marked.marks.mark_out
    assert outbound.output_mark == 4500
