"""What may be had of us by whoever has shown nothing: octets, thoughts, and other callers' places are bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configured import ALICE, BOB, connection, policy, settings, tunnel
from ikev1.core.engine import Engine
from ikev1.core.machine.admission import (
    AGGRESSIVE_ANSWERS,
    AGGRESSIVE_OCTETS,
    ANSWER_RATIO,
    FIRST_MESSAGES,
    Budget,
    RefusalCache,
    RefusedFirstMessage,
)
from ikev1.core.negotiation.phase1_proposal import offer
from ikev1.core.records.actions import Send
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Aggressive, Mode
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import CertificateRequest, Payload, VendorId
from ikev1.wire.registry import ExchangeType
from playbook import Couple, Datagram, Network, Peer, Randomness

FROM_ALICE = UdpPath(BOB, 500, ALICE, 500)
AGGRESSIVE: dict[str, Any] = {"mode": Mode.AGGRESSIVE, "aggressive": Aggressive.ACCEPT_PSK}
MAIN = ExchangeType.IDENTITY_PROTECTION


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def pair(couple: Couple) -> tuple[Peer, Peer]:
    return couple(**AGGRESSIVE, bob={"remote_address": "%any"})


def message_1(cookie: bytes, *payloads: Payload, exchange: int = MAIN) -> bytes:
    return build_message(Header(cookie, bytes(8), 0, exchange, 0, 0, 0), [*payloads])


def offered(*extra: Payload, lifetime: int = 86_400, suite: str = "aes128-sha256-ecp256") -> list[Payload]:
    return [offer([policy(suite, lifetime=lifetime)]), *extra]


def cookie(number: int) -> bytes:
    return b"cook" + number.to_bytes(4)


def said(peer: Peer, octets: bytes, path: UdpPath = FROM_ALICE) -> list[Datagram]:
    """What a peer sends when this arrives."""
    before = len(peer.network.sent)
    peer.takes(octets, path)
    peer.network.flying.clear()
    return peer.network.sent[before:]


def aggressive_message_1(network: Network, alice: Peer) -> bytes:
    """A message 1 of Aggressive Mode, which nobody gets for now."""
    alice.calls(tunnel=None)
    (datagram,) = network.flying
    network.flying.clear()
    return datagram.octets


# --- octets ---------------------------------------------------------------------------------------------------------


def engine() -> Engine:
    """A responder that serves anybody in any mode."""
    served = connection(BOB, "%any", tunnel(mirrored=True), aggressive=Aggressive.ACCEPT_PSK)
    return Engine(settings(served), Randomness("bob"))


def calls(mode: Mode) -> bytes:
    """A first message as peers send it."""
    caller = Engine(settings(connection(ALICE, BOB, tunnel(), mode=mode)), Randomness("alice"))
    (sent,) = [
        action.datagram for action in caller.initiate("peer", None, UdpPath(ALICE, 500, BOB, 500), 0.0)
        if isinstance(action, Send)
    ]  # fmt: skip
    return sent


REAL = {mode: calls(mode) for mode in Mode}


@st.composite
def junk(draw: st.DrawFn) -> bytes:
    """A datagram that nobody has to prove anything for: any header before any octets, with a length that is right."""
    exchange = draw(st.sampled_from([*(int(kind) for kind in ExchangeType), 0, 255]))
    body = draw(st.binary(max_size=60))
    header = Header(
        draw(st.binary(min_size=8, max_size=8)),
        draw(st.sampled_from([bytes(8), b"R" * 8])),
        draw(st.integers(0, 255)),
        exchange,
        draw(st.sampled_from([0, 0, 1])),
        draw(st.sampled_from([0, 0, 1])),
        28 + len(body),
    )
    return header.build() + body


@st.composite
def altered(draw: st.DrawFn, mode: Mode) -> bytes:
    """A real first message, a few octets of it changed, or the end cut off; its length is right."""
    octets = bytearray(REAL[mode])
    for _ in range(draw(st.integers(0, 3))):
        octets[draw(st.integers(0, len(octets) - 1))] = draw(st.integers(0, 255))
    del octets[draw(st.sampled_from([len(octets), *range(28, len(octets))])) :]
    octets[24:28] = len(octets).to_bytes(4)
    return bytes(octets)


@st.composite
def scant(draw: st.DrawFn) -> bytes:
    """A message 1 of Main Mode with little in it: what we would like to say in return weighs most against that."""
    transform = policy(lifetime=draw(st.sampled_from([86_400, 60, 1 << 20])))
    vendors = draw(st.lists(st.sampled_from([policy_id.data for policy_id in parse_vendors()]), max_size=3))
    return message_1(draw(st.binary(min_size=8, max_size=8)), offer([transform]), *map(VendorId, vendors))


def parse_vendors() -> tuple[VendorId, ...]:
    header = Header.parse(REAL[Mode.MAIN])
    return parse_message(header, REAL[Mode.MAIN][28:]).all(VendorId)


@given(st.lists(st.one_of(junk(), altered(Mode.MAIN), scant()), max_size=6))
def test_who_shows_nothing_gets_hardly_more_octets_than_it_sends(datagrams: list[bytes]) -> None:
    bob = engine()
    for datagram in datagrams:
        if datagram[18] == ExchangeType.AGGRESSIVE and datagram[8:16] == bytes(8):
            continue
        for _ in range(2):  # the second time from memory
            replies = [each for each in bob.receive(datagram, FROM_ALICE, 0.0) if isinstance(each, Send)]
            assert sum(len(each.datagram) for each in replies) <= ANSWER_RATIO * len(datagram)
            assert {each.path for each in replies} <= {FROM_ALICE}


@given(st.lists(st.one_of(junk(), altered(Mode.AGGRESSIVE)), max_size=4))
def test_each_message_1_of_aggressive_mode_gets_one_answer_at_most(datagrams: list[bytes]) -> None:
    bob = engine()
    for number, datagram in enumerate([*datagrams, REAL[Mode.AGGRESSIVE]]):
        replies = [each for each in bob.receive(datagram, FROM_ALICE, float(number)) if isinstance(each, Send)]
        assert len(replies) <= 1
        if not any(each.datagram[18] == ExchangeType.AGGRESSIVE for each in replies):
            assert sum(len(each.datagram) for each in replies) <= ANSWER_RATIO * len(datagram)
    assert [each for each in bob.expire(29.0) if isinstance(each, Send)] == [], "the clock adds nothing"


def test_a_bare_header_earns_no_notify(bob: Peer) -> None:
    header = Header(b"A" * 8, bytes(8), 1, MAIN, 0, 0, 28)
    assert said(bob, header.build()) == []
    assert bob.failure.code is Code.MALFORMED


def test_a_short_message_1_is_answered_without_the_vendor_ids_that_it_does_not_pay_for(bob: Peer) -> None:
    (short,) = said(bob, message_1(b"A" * 8, *offered()))
    (longer,) = said(bob, message_1(b"B" * 8, *offered(*parse_vendors())))
    sizes = [len(parse_message(Header.parse(each.octets), each.octets[28:]).all(VendorId)) for each in (short, longer)]
    assert sizes == [0, 3]


# --- Aggressive Mode ------------------------------------------------------------------------------------------------


def test_message_2_goes_once_to_who_never_answers(network: Network, alice: Peer, bob: Peer) -> None:
    octets = aggressive_message_1(network, alice)
    assert [each.label for each in said(bob, octets)] == ["AM2"]
    network.link = lambda datagram: []
    network.run(40)
    assert network.labels("bob") == ["AM2"]
    assert not bob.engine.sas


def test_message_2_goes_again_to_who_repeats_message_1(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls(tunnel=None)
    network.plays(
        "alice -> bob AM1",
        "bob -x alice AM2",
        "5 s pass",
        "alice -> bob AM1",
        "bob -> alice AM2",
        "alice -> bob AM3",
    )
    assert bob.sa.state is IkeState.ESTABLISHED


def test_a_lost_message_3_is_asked_for_when_a_quick_mode_comes(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.plays(
        "alice -> bob AM1",
        "bob -> alice AM2",
        "alice -x bob AM3",
        "alice -> bob QM1",
        "bob -> alice AM2",
        "alice -> bob AM3",
        "1 s pass",
        "alice -> bob QM1",
        "bob -> alice QM2",
        "alice -> bob QM3",
    )
    assert bob.failures == alice.failures == []
    assert alice.carries.inbound == bob.carries.outbound


def test_a_quick_mode_that_overtakes_message_3_does_no_harm(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    for _ in range(2):
        network.deliver(network.flying.popleft())
    network.flying.reverse()
    network.run(10)
    assert bob.failures == alice.failures == []
    assert alice.carries.inbound == bob.carries.outbound


def asks_whether_we_live(alice: Peer, octets: int = 92) -> bytes:
    """An informational message under an ISAKMP SA that only alice believes in; bob cannot open it yet."""
    header = Header(alice.sa.CKY_I, alice.sa.CKY_R, 8, ExchangeType.INFORMATIONAL, 1, 77, octets)
    return header.build() + Randomness("sealed")(octets - 28)


def without_message_3(network: Network, alice: Peer) -> None:
    """Has alice believe that the SA is up, and loses her message 3."""
    network.link = lambda datagram: [] if datagram.label == "AM3" else [datagram]
    alice.calls(tunnel=None)
    network.settle()
    network.link = lambda datagram: [datagram]


def test_a_lost_message_3_is_asked_for_when_an_informational_message_comes(
    network: Network, alice: Peer, bob: Peer
) -> None:
    without_message_3(network, alice)
    bob.takes(asks_whether_we_live(alice), FROM_ALICE)
    network.plays("bob -> alice AM2", "alice -> bob AM3")
    network.run(60)
    assert bob.failures == []
    assert bob.sa.state is IkeState.ESTABLISHED


def test_what_does_not_open_is_told_when_no_message_3_follows(network: Network, alice: Peer, bob: Peer) -> None:
    without_message_3(network, alice)
    bob.takes(asks_whether_we_live(alice), FROM_ALICE)
    network.link = lambda datagram: [] if datagram.label == "AM3" else [datagram]
    network.run(1)
    assert bob.failures == []
    network.run(5)
    assert bob.failures == [Code.PSK_MISMATCH]
    network.run(60)
    assert bob.failures == [Code.PSK_MISMATCH]
    assert not bob.engine.sas


def test_message_2_is_not_to_be_had_again_without_end_or_from_elsewhere(
    network: Network, alice: Peer, bob: Peer
) -> None:
    without_message_3(network, alice)
    going_on = asks_whether_we_live(alice)
    assert said(bob, going_on, FROM_ALICE._replace(remote_host="203.0.113.66")) == []
    assert said(bob, Header.parse(going_on)._replace(flags=0).build() + going_on[28:]) == []
    answers = [said(bob, going_on) for _ in range(20)]
    assert [len(each) for each in answers] == [1] * 5 + [0] * 15


def test_a_forged_message_3_silences_nothing(network: Network, couple: Couple) -> None:
    """It comes in the clear, so anybody can send it; what the caller's own message shows is told all the same."""
    alice, bob = couple(alice={**AGGRESSIVE, "secret": b"another"}, bob=AGGRESSIVE)
    alice.calls()
    network.deliver(network.flying.popleft())
    forged = Header(bob.sa.CKY_I, bob.sa.CKY_R, 8, ExchangeType.AGGRESSIVE, 0, 0, 64).build()
    bob.takes(forged + bytes((0, 0, 0, 36)) + bytes(32), FROM_ALICE)
    genuine = Header.parse(forged + bytes(36))._replace(flags=1, length=HEADER_SIZE + 48).build()
    bob.takes(genuine + Randomness("other keys")(48), FROM_ALICE)
    assert bob.failures == [Code.PSK_MISMATCH, Code.PSK_MISMATCH]
    assert bob.saw(Failure)[0].text != bob.saw(Failure)[1].text


def test_a_forged_message_3_keeps_nobody_out(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.deliver(network.flying.popleft())
    forged = Header(bob.sa.CKY_I, bob.sa.CKY_R, 8, ExchangeType.AGGRESSIVE, 0, 0, 64).build()
    bob.takes(forged + bytes((0, 0, 0, 36)) + bytes(32), FROM_ALICE)
    network.run(5)
    assert alice.carries.inbound == bob.carries.outbound


def test_strangers_share_a_budget_of_answers(network: Network, alice: Peer, bob: Peer) -> None:
    bob.engine.trace = lambda sa, label, sent: False
    octets = aggressive_message_1(network, alice)
    answers = [len(said(bob, cookie(number) + octets[8:])) for number in range(AGGRESSIVE_ANSWERS + 20)]
    assert answers == [1] * AGGRESSIVE_ANSWERS + [0] * 20
    assert bob.failures == [Code.OVERLOADED]
    network.wait(0.5)
    answers = [len(said(bob, cookie(1000 + number) + octets[8:])) for number in range(AGGRESSIVE_ANSWERS)]
    assert sum(answers) == AGGRESSIVE_ANSWERS // 2


def test_repetitions_share_a_budget_of_octets(network: Network, alice: Peer, bob: Peer) -> None:
    bob.engine.trace = lambda sa, label, sent: False
    octets = aggressive_message_1(network, alice)
    sizes = [sum(len(each.octets) for each in said(bob, octets)) for _ in range(1500)]
    assert AGGRESSIVE_OCTETS <= sum(sizes) < AGGRESSIVE_OCTETS + max(sizes)
    assert sizes[-1] == 0


@pytest.mark.parametrize(("octets", "taken"), [(8192, True), (8193, False)])
def test_message_1_has_a_largest_size(network: Network, alice: Peer, bob: Peer, octets: int, taken: bool) -> None:
    first = aggressive_message_1(network, alice)
    message = parse_message(Header.parse(first), first[28:])
    padding = CertificateRequest(4, bytes(octets - len(first) - 5))
    large = build_message(message.header, [*message.payloads, padding])
    assert len(large) == octets
    assert [each.label for each in said(bob, large)] == (["AM2"] if taken else [])


def test_message_1_of_yesterday_gets_other_cookies(network: Network, alice: Peer, bob: Peer) -> None:
    octets = aggressive_message_1(network, alice)
    today = {said(bob, octets)[0].octets[8:16]}
    network.now += 29
    today |= {said(bob, octets)[0].octets[8:16]}
    assert len(today) == 1, "a repetition is known until the caller is given up"
    network.link = lambda datagram: []
    network.run(86_400)
    assert not bob.engine.sas
    assert said(bob, octets)[0].octets[8:16] not in today


# --- thoughts -------------------------------------------------------------------------------------------------------


def test_first_messages_never_seen_before_share_a_budget(network: Network, bob: Peer) -> None:
    bob.engine.trace = lambda sa, label, sent: False
    answered = [
        len(said(bob, message_1(b"A" * 8, *offered(lifetime=1000 + number)))) for number in range(FIRST_MESSAGES + 10)
    ]
    assert answered == [1] * FIRST_MESSAGES + [0] * 10
    assert bob.failures == [Code.OVERLOADED]
    assert len(said(bob, message_1(b"B" * 8, *offered(lifetime=1000)))) == 1, "what was seen before is answered"
    network.wait(0.1)
    assert len(said(bob, message_1(b"A" * 8, *offered(lifetime=999)))) == 1


def test_callers_for_whom_nobody_is_configured_spend_nothing(network: Network, couple: Couple) -> None:
    _, bob = couple()
    bob.engine.trace = lambda sa, label, sent: False
    for number in range(FIRST_MESSAGES + 10):
        said(bob, message_1(b"A" * 8, *offered(lifetime=number)), FROM_ALICE._replace(remote_host="203.0.113.66"))
    assert set(bob.failures) == {Code.NO_CONNECTION}
    assert [each.label for each in said(bob, message_1(b"A" * 8, *offered()))] != []


@pytest.mark.parametrize("exchange", [MAIN, ExchangeType.AGGRESSIVE])
def test_what_was_refused_is_refused_again_without_a_thought(network: Network, bob: Peer, exchange: int) -> None:
    """The budget tells: it is not touched."""
    bob.engine.trace = lambda sa, label, sent: False
    hostile = offered(VendorId(b"V"), suite="3des-md5-modp1024")
    times = max(FIRST_MESSAGES, AGGRESSIVE_ANSWERS) + 10
    for number in range(times):
        source = FROM_ALICE._replace(remote_port=1000 + number)
        bob.takes(message_1(cookie(number), *hostile, exchange=exchange), source)
    assert Code.OVERLOADED not in bob.failures
    assert len(bob.failures) == times
    assert len(set(bob.failures)) == 1
    assert bob.saw(Failure)[-1].peer.endswith(f"[{999 + times}]"), "each is told with its own address"


def test_refusals_are_remembered_for_one_generation_of_settings(network: Network, bob: Peer) -> None:
    octets = message_1(b"A" * 8, *offered(suite="3des-md5-modp1024"))
    said(bob, octets)
    assert bob.failures == [Code.NO_PROPOSAL_CHOSEN]
    accepts = connection(BOB, ALICE, tunnel(mirrored=True), policies=(policy("3des-md5-modp1024"),))
    bob.engine.reconfigure(settings(accepts), network.now)
    assert [each.label for each in said(bob, octets)] == ["MM2"]


def test_remembered_refusals_are_bounded() -> None:
    refusals = RefusalCache(b"a secret")
    marks = [refusals.mark(0, ("peer",), number.to_bytes(4)) for number in range(5000)]
    for mark in marks:
        refusals.keep(mark, RefusedFirstMessage(Code.MALFORMED, "x" * 10_000, None))
    assert len(refusals) == 4096
    assert refusals.recall(marks[0]) is None
    kept = refusals.recall(marks[-1])
    assert kept is not None
    assert len(kept.text) == 500


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 200)), max_size=50))
def test_a_budget_gives_a_seconds_worth_and_what_time_brings(steps: list[tuple[float, float]]) -> None:
    budget, now, spent = Budget(100), 0.0, 0.0
    for seconds, amount in steps:
        now += seconds
        if budget.is_open(now):
            budget.spend(amount)
            spent += amount
            assert spent <= 100 + 100 * now + amount


def test_a_clock_that_goes_back_gives_nothing() -> None:
    budget = Budget(100)
    assert budget.is_open(1000.0)
    budget.spend(100)
    assert not budget.is_open(10.0)
    assert budget.is_open(10.5)


# --- other callers' places ------------------------------------------------------------------------------------------


def test_a_flood_of_aggressive_mode_pushes_out_nobody_in_main_mode(network: Network, couple: Couple) -> None:
    alice, bob = couple(
        bob={"remote_address": "%any", "aggressive": Aggressive.ACCEPT_PSK}, settings_options={"half_open_limit": 5}
    )
    mallory = network.peer("mallory", "192.0.2.66", settings(connection("192.0.2.66", BOB, tunnel(), **AGGRESSIVE)))
    alice.calls(host=BOB)
    for _ in range(3):
        network.deliver(network.flying.popleft())
    held = network.flying.popleft()
    mallory.calls(tunnel=None, host=BOB)
    octets = network.flying.popleft().octets
    for number in range(50):
        bob.takes(cookie(number) + octets[8:], FROM_ALICE._replace(remote_host=f"192.0.2.{100 + number}"))
    network.flying.clear()
    assert bob.failures == [Code.HALF_OPEN_LIMIT] * 45
    assert {failure.peer for failure in bob.saw(Failure)} == {f"192.0.2.{100 + number}" for number in range(45)}
    assert bob.engine.half_open == 1 + 5
    network.deliver(held)
    network.settle()
    assert alice.state == "QM_IDLE"
    assert alice.carries.inbound in {child.outbound for child in bob.inbound.values()}


def delete(network: Network, alice: Peer) -> None:
    alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
    network.settle()


@pytest.mark.parametrize("seconds", [0, 31, 63])
def test_the_cookies_of_a_deleted_sa_bring_no_other(network: Network, couple: Couple, seconds: int) -> None:
    alice, bob = couple()
    alice.calls(tunnel=None)
    network.settle()
    message_3 = next(each.octets for each in network.sent if each.label == "MM3")
    delete(network, alice)
    assert not bob.engine.sas
    network.now += seconds
    drawn = bob.random.drawn
    assert said(bob, message_3) == []
    bob.is_reborn()
    assert said(bob, message_3) == []
    assert not bob.engine.sas
    assert bob.random.drawn == drawn + 64, "no Diffie-Hellman: only what another process begins with"


def test_a_message_3_that_was_refused_spends_no_cookies(network: Network, couple: Couple) -> None:
    alice, bob = couple()
    alice.calls(tunnel=None)
    for _ in range(2):
        network.deliver(network.flying.popleft())
    (held,) = network.flying
    said(bob, held.octets[:16] + b"\x0d" + held.octets[17:])
    assert not bob.engine.sas
    network.flying.append(held)
    network.settle()
    assert bob.state == "QM_IDLE"


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("up", [False, True])
def test_a_caller_with_a_cookie_of_ours_is_refused(network: Network, couple: Couple, mode: Mode, up: bool) -> None:
    alice, bob = couple(mode=mode, aggressive=Aggressive.ACCEPT_PSK)
    alice.calls(tunnel=None)
    octets = network.flying[0].octets
    if up:
        network.settle()
    own: Callable[[Peer], bytes] = lambda peer: peer.sa.CKY_I if peer is alice else peer.sa.CKY_R  # noqa: E731
    for peer in (alice, bob) if up else (alice,):
        before = dict(peer.engine.sas)
        path = UdpPath(peer.address, 500, network.other(peer).address, 500)
        assert said(peer, own(peer) + octets[8:], path) == []
        assert peer.failure.code is Code.REFLECTION
        assert dict(peer.engine.sas) == before
    if up:
        delete(network, alice)
        assert said(bob, octets) != [], "a cookie that is not in use is anybody's"
