"""No octets make the analyst stumble, and none make it grow without end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captured import Recorder, analysed, dh_keys, two
from ikev1.capture.analyse import Analyst
from ikev1.capture.decrypt import conversation_keys
from ikev1.capture.keys import EspKeys, IkeKeys, KeyRing
from ikev1.capture.records.packets import Datagram, EspPacket, Packet
from ikev1.capture.track import conversation, esp_tracker, tracker
from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.core.records.settings import Aggressive, Mode
from playbook import Network


def recorded(**options: Any) -> Recorder:
    network = Network()
    alice, _ = two(network, **options)
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    return recorder


SPOKEN = [
    recorded(),
    recorded(alice={"mode": Mode.AGGRESSIVE}, bob={"aggressive": Aggressive.ACCEPT_PSK}),
]
RINGS = [dh_keys(recorder) for recorder in SPOKEN]
addresses = st.sampled_from(["192.0.2.1", "198.51.100.2", "2001:db8::1"])
ports = st.sampled_from([500, 4500, 40_001])


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """Anything, or something that was once a message."""
    source, destination = draw(addresses), draw(addresses)
    if draw(st.booleans()):
        sealed = draw(st.binary(max_size=200))
        return EspPacket((1,), 0.0, source, draw(ports), destination, draw(ports), sealed, draw(st.integers(0, 300)))
    genuine = draw(st.sampled_from([packet for recorder in SPOKEN for packet in recorder.packets]))
    payload = bytearray(genuine.payload)
    for _ in range(draw(st.integers(0, 4))):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    octets = draw(st.sampled_from([bytes(payload), bytes(payload[: draw(st.integers(0, len(payload)))])]))
    octets = draw(st.one_of(st.just(octets), st.binary(max_size=100)))
    return Datagram((1,), 0.0, source, draw(ports), destination, draw(ports), draw(st.booleans()), octets)


@settings(max_examples=150, deadline=None)
@given(st.lists(packets(), max_size=20), st.sampled_from(RINGS))
def test_no_packets_raise_anything(sent: list[Packet], key_ring: KeyRing) -> None:
    analyst = Analyst(key_ring)
    for packet in sent:
        analyst.describe(packet)
    report = analyst.report("test", len(sent), with_secrets=True)
    assert msgspec.json.decode(msgspec.json.encode(report), type=type(report)) == report


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from([0, 1]))
def test_a_conversation_with_spoiled_octets_is_told_all_the_same(data: st.DataObject, which: int) -> None:
    spoiled = list(SPOKEN[which].packets)
    place = data.draw(st.integers(0, len(spoiled) - 1))
    payload = bytearray(spoiled[place].payload)
    payload[data.draw(st.integers(16, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    spoiled[place] = spoiled[place]._replace(payload=bytes(payload))
    report = analysed(spoiled, RINGS[which])
    assert sum(len(each.messages) for each in report.conversations) + len(report.notes) >= len(spoiled)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 64))
def test_esp_keys_of_any_shape_raise_nothing(key: bytes, transform: int) -> None:
    keys = EspKeys("test", IpsecSuite(transform, 128, 2), IpsecKeys(0x01020304, key, key))
    ike = IkeKeys("test", b"", key)
    packet = EspPacket((1,), 0.0, "a", 0, "b", 0, bytes((1, 2, 3, 4)) + bytes(60), 64)
    analysed([*SPOKEN[0].packets, packet], KeyRing((ike,), (keys,)))


def test_a_flood_of_first_messages_is_cut_off_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "MOST_CONVERSATIONS", 10)
    first = SPOKEN[0].packets[0]
    flood = [first._replace(payload=number.to_bytes(8) + first.payload[8:]) for number in range(1, 31)]
    report = analysed(flood)
    assert len(report.conversations) == 10
    assert any(note.startswith("20 ISAKMP messages ") for note in report.notes)


def test_an_endless_conversation_is_cut_off_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MOST_MESSAGES", 12)
    report = analysed([*SPOKEN[0].packets, *SPOKEN[0].packets])
    assert len(report.conversations[0].messages) == 12
    (note,) = report.notes
    assert note.startswith("conversation 1: 6 messages ")


def test_spis_without_end_are_cut_off_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esp_tracker, "MOST_FLOWS", 5)
    report = analysed(EspPacket((1,), 0.0, "a", 0, "b", 0, number.to_bytes(4) + bytes(40), 44) for number in range(20))
    assert len(report.esp) == 5
    assert any(note.startswith("15 ESP packets ") for note in report.notes)


def test_many_answers_to_many_first_messages_do_not_multiply() -> None:
    first, second = SPOKEN[0].packets[:2]
    calls = [first._replace(payload=first.payload + bytes((number,))) for number in range(100)]
    answers = [
        second._replace(payload=second.payload[:8] + number.to_bytes(8) + second.payload[16:])
        for number in range(1, 51)
    ]
    report = analysed([*calls, *answers])
    assert len(report.conversations) == 50
    assert sum(len(each.messages) for each in report.conversations) < 500


def test_small_messages_are_not_kept_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "MOST_OCTETS", 10_000)
    first = SPOKEN[0].packets[0]
    empty = [
        first._replace(payload=first.payload[:20] + number.to_bytes(4) + bytes((0, 0, 0, 28))) for number in range(99)
    ]
    report = analysed(empty)
    assert len(report.conversations[0].messages) == 36
    assert any(note.startswith("63 ISAKMP messages ") for note in report.notes)


def test_exponents_that_do_not_fit_are_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a large group each attempt takes a tenth of a second."""
    tried: list[bytes] = []

    def never_fits(_: object, exponent: bytes, *publics: bytes) -> bytes:
        tried.append(exponent)
        return b""

    monkeypatch.setattr(conversation_keys, "_by_exponent", never_fits)
    packets = SPOKEN[0].packets
    last = packets[-1]
    more = [
        last._replace(payload=last.payload[:20] + number.to_bytes(4) + last.payload[24:]) for number in range(1, 30)
    ]
    analysed([*packets, *more], RINGS[0])
    assert len(tried) == len(RINGS[0].dh_secrets)
