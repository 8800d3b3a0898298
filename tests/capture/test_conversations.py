"""Which message is what: labels, repetitions, and who is who, in what our own engines say."""

from __future__ import annotations

from itertools import zip_longest

import pytest

from captured import Recorder, analysed, answer, dh_keys, key_log, labels, only, two
from configured import ALICE, BOB, connection, esp, settings, tunnel
from ikev1.capture.analyse import Analyst
from ikev1.capture.records.packets import Datagram, Packet
from ikev1.core.records.settings import Aggressive, Mode, NatTraversal
from nat import NatBox
from playbook import Network

MAIN = ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3"]
AGGRESSIVE = ["AM1", "AM2", "AM3", "QM1", "QM2", "QM3"]
CALLS_AGGRESSIVELY = {"alice": {"mode": Mode.AGGRESSIVE}, "bob": {"aggressive": Aggressive.ACCEPT_PSK}}


def recorded(network: Network, **options: object) -> Recorder:
    """Alice calls bob, and everything arrives."""
    alice, _ = two(network, **options)  # type: ignore[arg-type]
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    return recorder


def moved(packet: Packet) -> Packet:
    """As if another host than alice had said it, or heard it."""
    if packet.source == ALICE:
        return packet._replace(source="192.0.2.9")
    return packet._replace(destination="192.0.2.9")


def test_main_and_quick_mode() -> None:
    network = Network()
    conversation = only(analysed(recorded(network).packets))
    assert labels(conversation) == MAIN
    assert [message.sender for message in conversation.messages[:4]] == ["initiator", "responder"] * 2
    assert (conversation.mode, conversation.authentication) == ("Main Mode", "PRE_SHARED_KEY")
    assert conversation.suite == "AES_CBC-128/SHA2_256/ECP_256/PRE_SHARED_KEY"
    assert conversation.outcome == "established"
    assert (conversation.initiator.address, conversation.responder.address) == (ALICE, BOB)
    assert [message.decrypted for message in conversation.messages] == [False] * 9


def test_aggressive_mode() -> None:
    conversation = only(analysed(recorded(Network(), **CALLS_AGGRESSIVELY).packets))
    assert labels(conversation) == AGGRESSIVE
    assert conversation.mode == "Aggressive Mode"
    assert conversation.outcome == "established"


def test_the_labels_are_those_of_the_engines_through_a_long_life() -> None:
    network = Network()
    alice, bob = two(network, tunnel_options={"lifetime": 1200})
    recorder = Recorder(network)
    alice.calls()
    network.run(4000)
    bob.does(lambda engine: engine.initiate("peer", "net", bob.sa.path, network.now))
    network.settle()
    spoken = [label.split()[0] for label in recorder.labels]
    conversation = only(analysed(recorder.packets, key_log(alice)))
    assert spoken.count("QM1") > 3
    assert [message.label for message in conversation.messages] == spoken
    assert all(message.decrypted for message in conversation.messages[4:])
    assert not any(message.problems for message in conversation.messages)


def test_several_conversations_at_once_are_told_apart() -> None:
    recorders = [recorded(Network()), recorded(Network(), **CALLS_AGGRESSIVELY)]
    second = [moved(packet) for packet in recorders[1].packets]  # the same initiator cookie, to make it harder
    mixed = [each for pair in zip_longest(recorders[0].packets, second) for each in pair if each is not None]
    report = analysed(mixed)
    assert sorted(conversation.mode for conversation in report.conversations) == ["Aggressive Mode", "Main Mode"]
    assert [labels(each) for each in sorted(report.conversations, key=lambda each: each.mode)] == [AGGRESSIVE, MAIN]


def test_repetitions_are_marked_and_the_silent_one_named() -> None:
    network = Network()
    alice, _ = two(network)
    recorder = Recorder(network)
    alice.calls()
    network.plays(
        "alice -x bob MM1", "5 s pass", "alice -> bob MM1", "bob -> alice MM2", "alice -> bob MM3", "bob -x alice MM4"
    )
    network.link = lambda datagram: recorder.record(datagram) and []
    network.run(60)
    conversation = only(analysed(recorder.packets))
    heard = labels(conversation)
    assert heard[:5] == ["MM1", "(MM1)", "MM2", "MM3", "MM4"]
    assert set(heard[5:]) <= {"(MM3)", "(MM4)"}
    assert conversation.messages[1].retransmission_of == 0
    assert conversation.messages[1].line == conversation.messages[0].line
    assert conversation.outcome == "unfinished"
    silence = answer(conversation, "silence")
    assert silence.codes == ("retransmission", "initiator-silent")
    assert conversation.messages[4].frames[0] in silence.frames


def test_nobody_answers() -> None:
    network = Network()
    alice, _ = two(network)
    recorder = Recorder(network)
    network.link = lambda datagram: recorder.record(datagram) and []
    alice.calls()
    network.run(100)
    conversation = only(analysed(recorder.packets))
    assert labels(conversation) == ["MM1"] + ["(MM1)"] * (len(recorder.packets) - 1)
    assert len(recorder.packets) > 3
    assert answer(conversation, "silence").codes == ("retransmission", "responder-silent")
    assert str(len(recorder.packets)) in answer(conversation, "silence").text
    assert conversation.responder_cookie == "00" * 8


@pytest.mark.parametrize("near", ["alice", "bob"])
def test_a_nat_is_seen_from_both_sides_of_it(near: str) -> None:
    network = Network()
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), remote_id=BOB)))
    network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True), remote_id=ALICE)))
    NatBox(network, alice, "203.0.113.1")
    recorder = Recorder(network, near)
    alice.calls()
    network.settle()
    conversation = only(analysed(recorder.packets))
    assert labels(conversation) == MAIN
    assert conversation.initiator.address == (ALICE if near == "alice" else "203.0.113.1")
    assert (conversation.initiator.behind_nat, conversation.responder.behind_nat) == (True, False)
    wrong = [
        (message.label, check.name)
        for message in conversation.messages
        for check in message.checks
        if check.right is False
    ]
    assert wrong == [("MM4", "NAT-D of the destination") if near == "alice" else ("MM3", "NAT-D of the source")]
    assert answer(conversation, "nat").codes == ("initiator-behind-nat", "port-4500")


def test_a_capture_on_both_sides_of_a_nat_is_one_conversation() -> None:
    """As `tcpdump -i any` on the NAT box makes it: everything is there twice."""
    network = Network()
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), remote_id=BOB)))
    network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True), remote_id=ALICE)))
    NatBox(network, alice, "203.0.113.1")
    outside = Recorder(network, "bob")
    inside = Recorder(network, "alice")
    alice.calls()
    network.settle()
    both = [
        packet
        for pair in zip(inside.packets, outside.packets, strict=True)
        for packet in (pair if pair[0].source == ALICE else pair[::-1])
    ]
    conversation = only(analysed(both, dh_keys(inside)))
    assert labels(conversation) == [each for label in MAIN for each in (label, f"({label})")]
    assert all(message.decrypted for message in conversation.messages if message.encrypted)
    assert (conversation.initiator.behind_nat, conversation.responder.behind_nat) == (True, False)
    assert answer(conversation, "nat").codes == ("initiator-translated", "port-4500")
    assert answer(conversation, "silence").codes == ("duplicated-by-capture",)


def test_without_a_nat_all_hashes_are_right() -> None:
    conversation = only(analysed(recorded(Network()).packets))
    checks = [check for message in conversation.messages for check in message.checks]
    assert [check.right for check in checks] == [True] * 4
    assert conversation.initiator.behind_nat is conversation.responder.behind_nat is False
    assert answer(conversation, "nat").codes == ("no-nat",)


def test_encapsulation_that_is_asked_for_is_no_nat_of_others() -> None:
    network = Network()
    recorder = recorded(network, alice={"nat_traversal": NatTraversal.FORCE})
    conversation = only(analysed(recorder.packets))
    (wrong,) = [check for message in conversation.messages for check in message.checks if not check.right]
    assert wrong.name == "NAT-D of the source"
    assert answer(conversation, "nat").codes[0] == "initiator-behind-nat"


@pytest.mark.parametrize("first", range(1, 9))
def test_a_capture_may_begin_anywhere(first: int) -> None:
    network = Network()
    recorder = recorded(network)
    conversation = only(analysed(recorder.packets[first:]))
    if MAIN[first] in ("MM2", "MM4", "MM6", "QM2"):  # who speaks first is taken for the initiator
        assert len(conversation.messages) == 9 - first
    else:
        assert labels(conversation) == [*MAIN[first:-1], "QM3" if first < 8 else "QM1"]
    assert conversation.responder_cookie != "00" * 8


def test_quick_mode_of_the_responder() -> None:
    network = Network()
    alice, bob = two(network)
    recorder = Recorder(network)
    alice.calls(tunnel=None)
    network.settle()
    bob.calls()
    network.settle()
    conversation = only(analysed(recorder.packets, dh_keys(recorder)))
    assert labels(conversation) == MAIN
    assert [message.sender for message in conversation.messages[6:]] == ["responder", "initiator", "responder"]
    checks = [check for message in conversation.messages[4:] for check in message.checks]
    assert [(check.name, check.right) for check in checks] == [
        ("HASH_I", True),
        ("HASH_R", True),
        ("HASH(1)", True),
        ("HASH(2)", True),
        ("HASH(3)", True),
    ]


def test_a_message_is_told_as_it_comes() -> None:
    recorder = recorded(Network())
    analyst = Analyst()
    told = [analyst.describe(packet) for packet in recorder.packets]
    assert [message.label for message in told if message is not None] == MAIN
    assert [message.frames for message in told if message is not None] == [(frame,) for frame in range(1, 10)]
    assert analyst.describe(recorder.packets[0]._replace(payload=b"\xff")) is None  # a keepalive


def test_another_answer_to_a_repeated_first_message_is_another_conversation() -> None:
    network = Network()
    alice, _ = two(network)
    recorder = Recorder(network)
    alice.calls()
    network.plays(
        "alice -> bob MM1",
        "bob -> alice MM2",
        "alice -> bob MM3",
        "bob -> alice MM4",
        "alice -> bob MM5",
        "bob -> alice MM6",
        "alice -> bob QM1",
        "bob -> alice QM2",
        "alice -> bob QM3",
    )
    second = recorder.packets[1]
    assert isinstance(second, Datagram)
    other = second._replace(payload=second.payload[:8] + bytes(range(8)) + second.payload[16:])
    report = analysed([recorder.packets[0], other, *recorder.packets[1:]])
    assert [labels(conversation) for conversation in report.conversations] == [["MM1", "MM2"], MAIN]


def test_ikev2_is_left_out_and_said_so() -> None:
    first = recorded(Network()).packets[0]
    assert isinstance(first, Datagram)
    report = analysed([first._replace(payload=first.payload[:17] + b"\x20" + first.payload[18:])])
    assert report.conversations == ()
    assert len(report.notes) == 1


def test_perfect_forward_secrecy_is_said_of_what_was_decrypted() -> None:
    for proposal, code in (("aes128-sha256-ecp256", "yes"), ("aes128-sha256", "no")):
        network = Network()
        recorder = recorded(network, tunnel_options={"proposals": (esp(proposal),)})
        assert answer(only(analysed(recorder.packets, dh_keys(recorder))), "pfs").codes == (code,)
        assert answer(only(analysed(recorder.packets)), "pfs").codes in (("possible",), ("not-phase1-group",))
