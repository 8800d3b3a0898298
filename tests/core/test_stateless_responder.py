"""The cookies of answers to first messages, without an engine around them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.machine.stateless_responder import FirstMessages
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath

PATH = UdpPath("198.51.100.2", 500, "192.0.2.1", 500)
TEMPLATE = IkeSa(0, "peer", Role.RESPONDER, PATH, b"I" * 8, bytes(8), 0.0)
CAPACITY = 4096

paths = st.builds(
    UdpPath,
    st.sampled_from(["198.51.100.2", "2001:db8::2"]),
    st.sampled_from([500, 4500]),
    st.sampled_from(["192.0.2.1", "192.0.2.11", "2001:db8::1"]),
    st.sampled_from([500, 4500, 1500]),
)
callers = st.tuples(st.binary(min_size=8, max_size=8), paths, st.integers(0, 200))


def key(number: int) -> tuple[int, tuple[str, ...], bytes]:
    return 0, ("peer",), number.to_bytes(4)


def kept(numbers: range) -> FirstMessages:
    messages = FirstMessages(b"a secret")
    for number in numbers:
        messages.keep(key(number), TEMPLATE, 1, b"chain")
    return messages


@given(callers, callers)
def test_a_cookie_is_good_for_one_caller_for_a_while(
    one: tuple[bytes, UdpPath, int], other: tuple[bytes, UdpPath, int]
) -> None:
    messages = kept(range(2))
    answer = messages.recall(key(1))
    assert answer is not None
    CKY_R = messages.cookie(answer, one[0], one[1], one[2])
    assert len(CKY_R) == 8
    slots = other[2] // 32 - one[2] // 32
    recognised = messages.recognise(other[0], CKY_R, other[1], other[2])
    assert (recognised is answer) is (one[:2] == other[:2] and slots in (0, 1))


def test_another_secret_recognises_nothing() -> None:
    mine, theirs = kept(range(1)), FirstMessages(b"another secret")
    answer = mine.recall(key(0))
    assert answer is not None
    theirs.keep(key(0), TEMPLATE, 1, b"chain")
    assert theirs.recognise(b"I" * 8, mine.cookie(answer, b"I" * 8, PATH, 0), PATH, 0) is None


def test_the_oldest_that_nobody_followed_up_makes_room() -> None:
    messages = kept(range(CAPACITY + 10))
    assert messages.recall(key(9)) is None
    assert messages.recall(key(10)) is not None
    unproven = messages.dump()[2]
    assert len(unproven) == CAPACITY


def test_what_was_followed_up_outlives_any_number_that_was_not() -> None:
    messages = kept(range(1))
    answer = messages.recall(key(0))
    assert answer is not None
    CKY_R = messages.cookie(answer, b"I" * 8, PATH, 0)
    assert messages.recognise(b"I" * 8, CKY_R, PATH, 0) is answer
    for number in range(1, 3 * CAPACITY):
        messages.keep(key(number), TEMPLATE, 1, b"chain")
    assert messages.recognise(b"I" * 8, CKY_R, PATH, 40) is answer


def test_a_number_that_is_used_again_does_not_revive_old_cookies() -> None:
    messages = kept(range(1))
    answer = messages.recall(key(0))
    assert answer is not None
    CKY_R = messages.cookie(answer, b"I" * 8, PATH, 0)
    for number in range(1, 65_536 + 10):
        messages.keep(key(number), TEMPLATE, 1, b"chain")
    assert messages.recognise(b"I" * 8, CKY_R, PATH, 0) is None


def test_a_dump_is_all_of_it() -> None:
    messages = kept(range(10))
    answer = messages.recall(key(3))
    assert answer is not None
    CKY_R = messages.cookie(answer, b"I" * 8, PATH, 0)
    messages.recognise(b"I" * 8, CKY_R, PATH, 0)
    loaded = FirstMessages.load(*messages.dump())
    assert loaded.dump() == messages.dump()
    assert loaded.recognise(b"I" * 8, CKY_R, PATH, 0) == answer
    newest = loaded.keep(key(11), TEMPLATE, 1, b"chain")
    assert newest.index not in {each.index for each in (*messages.dump()[2], *messages.dump()[3])}
