"""ESP: counted by SPI, opened where the keys are known, and told what was inside."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captured import Recorder, analysed, answer, dh_keys, esp, key_log, only, two
from configured import esp as proposal
from ikev1.capture.keys import EspKeys, KeyRing
from ikev1.capture.track.esp_flows import Sequence
from ikev1.core.records.record import replace
from ikev1.wire.registry import EspTransform
from playbook import Network, Peer

SUITES = ["aes128-sha1", "3des-md5", "aes256-sha512", "aes128gcm16", "aes256gcm8", "aes256ctr-sha256", "null-sha256"]
WITH_PFS = [f"{suite}-ecp256" for suite in SUITES[:2]]


def ping(source: str = "10.1.0.1", destination: str = "10.2.0.1", kind: int = 8) -> bytes:
    icmp = bytes((kind, 0)) + bytes(38)
    addresses = ip_address(source).packed + ip_address(destination).packed
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0) + addresses + icmp


def tunnel_of(suite: str) -> tuple[Recorder, Peer, Peer]:
    network = Network()
    alice, bob = two(network, tunnel_options={"proposals": (proposal(suite),)})
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    return recorder, alice, bob


@pytest.mark.parametrize("suite", SUITES + WITH_PFS)
def test_derived_keys_open_both_directions(suite: str) -> None:
    recorder, alice, bob = tunnel_of(suite)
    there = esp(alice.carries, alice.carries.outbound, [ping()] * 3, outbound=True, frame=10)
    back = esp(bob.carries, bob.carries.outbound, [ping("10.2.0.1", "10.1.0.1", 0)] * 2, outbound=True, frame=20)
    report = analysed([*recorder.packets, *there, *back], dh_keys(recorder))
    flows = only(report).esp
    assert [(flow.spi, flow.packets, flow.opened, flow.wrong, flow.missing) for flow in flows] == [
        (f"{alice.carries.outbound.spi:08x}", 3, 3, 0, 0),
        (f"{alice.carries.inbound.spi:08x}", 2, 2, 0, 0),
    ]
    assert [flow.inner for flow in flows] == [
        "10.1.0.1 -> 10.2.0.1 ICMP echo request ×3",
        "10.2.0.1 -> 10.1.0.1 ICMP echo reply ×2",
    ]
    assert [(flow.first_frame, flow.last_frame) for flow in flows] == [(10, 12), (20, 21)]
    assert flows[0].octets == sum(packet.length for packet in there)
    assert report.esp == ()
    assert "3 packets" in answer(only(report), "traffic").text


def test_a_packet_that_was_changed_has_a_wrong_icv() -> None:
    recorder, alice, _ = tunnel_of("aes128-sha256")
    packets = esp(alice.carries, alice.carries.outbound, [ping()] * 3, outbound=True)
    packets[1] = packets[1]._replace(payload=packets[1].payload[:-1] + bytes((packets[1].payload[-1] ^ 1,)))
    (flow,) = only(analysed([*recorder.packets, *packets], dh_keys(recorder))).esp
    assert (flow.packets, flow.opened, flow.wrong) == (3, 2, 1)


def test_without_keys_a_flow_belongs_to_the_conversation_between_its_ends() -> None:
    recorder, alice, _ = tunnel_of("aes128-sha256")
    packets = esp(alice.carries, alice.carries.outbound, [ping()] * 5, outbound=True)
    del packets[2]
    elsewhere = packets[0]._replace(source="203.0.113.9")
    report = analysed([*recorder.packets, *packets, elsewhere])
    (flow,) = only(report).esp
    assert (flow.packets, flow.opened, flow.missing, flow.suite, flow.inner) == (4, 0, 1, "", "")
    assert [foreign.source for foreign in report.esp] == ["203.0.113.9"]


def test_the_key_of_the_ike_sa_alone_tells_the_spis_but_opens_no_esp() -> None:
    recorder, alice, _ = tunnel_of("aes128-sha256")
    packets = esp(alice.carries, alice.carries.outbound, [ping()], outbound=True)
    (flow,) = only(analysed([*recorder.packets, *packets], key_log(alice))).esp
    assert (flow.opened, flow.wrong) == (0, 0)


def test_keys_from_elsewhere_serve_without_any_negotiation() -> None:
    _, alice, _ = tunnel_of("aes128-sha256")
    packets = esp(alice.carries, alice.carries.outbound, [ping()] * 2, outbound=True)
    right = EspKeys("a log", alice.carries.suite, alice.carries.outbound)
    wrong = EspKeys("a log", alice.carries.suite, replace(alice.carries.outbound, integrity_key=bytes(32)))
    (flow,) = analysed(packets, KeyRing(esp=(wrong, right))).esp
    assert (flow.opened, flow.wrong, flow.suite) == (2, 0, "AES_CBC-128/HMAC_SHA2_256")
    (flow,) = analysed(packets, KeyRing(esp=(wrong,))).esp
    assert (flow.opened, flow.wrong, flow.inner) == (0, 2, "")


@pytest.mark.parametrize("suite", SUITES[:2])
def test_nobody_says_that_an_icv_is_wrong_who_cannot_check_it(suite: str) -> None:
    """tcpdump's secrets have no integrity keys, and padding is right by chance once in 256 packets."""
    _, alice, _ = tunnel_of(suite)
    packets = esp(alice.carries, alice.carries.outbound, [ping()] * 600, outbound=True)
    rotated = alice.carries.outbound.encryption_key[1:] + alice.carries.outbound.encryption_key[:1]
    keys = EspKeys("tcpdump", alice.carries.suite, alice.carries.outbound, icv_size=12)
    (flow,) = analysed(packets, KeyRing(esp=(keys,))).esp
    assert (flow.opened, flow.wrong, flow.unopened) == (0, 0, 0)
    assert "echo request ×600 (" in flow.inner
    keys = replace(keys, keys=replace(keys.keys, encryption_key=rotated))
    (flow,) = analysed(packets, KeyRing(esp=(keys,))).esp
    assert (flow.opened, flow.wrong, flow.inner) == (0, 0, "")
    assert flow.unopened == 600


@pytest.mark.parametrize("group", ["modp1024", "ecp256", "curve25519"])
def test_with_the_exponents_of_both_exchanges_keymat_is_told_behind_perfect_forward_secrecy(group: str) -> None:
    recorder, alice, bob = tunnel_of(f"aes128-sha256-{group}")
    formulas = [
        formula
        for message in only(analysed(recorder.packets, dh_keys(recorder))).messages
        for formula in message.formulas
        if formula.name.startswith("KEYMAT")
    ]
    held = [each.encryption_key + each.integrity_key for each in (alice.carries.outbound, bob.carries.outbound)]
    assert [formula.result for formula in formulas] == [octets.hex() for octets in held]
    assert {formula.inputs[1][0] for formula in formulas} == {"g(qm)^xy"}
    phase_1_alone = KeyRing(
        dh_keys(recorder).ike, (), dh_keys(recorder).dh_secrets[:1], dh_keys(recorder).pre_shared_keys
    )
    opened = only(analysed(recorder.packets, phase_1_alone))
    assert all(message.decrypted for message in opened.messages if message.encrypted)
    assert not [each for message in opened.messages for each in message.formulas if each.name.startswith("KEYMAT")]


def test_packets_that_the_capture_cut_are_not_blamed() -> None:
    _, alice, _ = tunnel_of("aes128-sha256")
    packets = [
        packet._replace(payload=packet.payload[:30])
        for packet in esp(alice.carries, alice.carries.outbound, [ping()], outbound=True)
    ]
    (flow,) = analysed(packets, KeyRing(esp=(EspKeys("a log", alice.carries.suite, alice.carries.outbound),))).esp
    assert (flow.packets, flow.opened, flow.wrong) == (1, 0, 0)
    assert flow.octets == packets[0].length


def test_an_unknown_transform_opens_nothing() -> None:
    _, alice, _ = tunnel_of("aes128-sha256")
    packets = esp(alice.carries, alice.carries.outbound, [ping()], outbound=True)
    suite = replace(alice.carries.suite, encryption=int(EspTransform.SEED_CBC))
    (flow,) = analysed(packets, KeyRing(esp=(EspKeys("a log", suite, alice.carries.outbound),))).esp
    assert (flow.opened, flow.wrong, flow.suite) == (0, 0, "SEED_CBC-128/HMAC_SHA2_256")


@given(st.lists(st.integers(1, 200), min_size=1, max_size=100))
def test_missing_numbers_are_those_between_the_first_and_the_last(numbers: list[int]) -> None:
    sequence = Sequence()
    for number in numbers:
        sequence.add(number)
    assert sequence.missing() == len(set(range(min(numbers), max(numbers))) - set(numbers))
