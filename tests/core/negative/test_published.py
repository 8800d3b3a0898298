"""Negative catalogue: datagrams that ended other implementations, made from the public descriptions of the faults.

What the description leaves open is varied. After each, the tunnel that was up is up, and another one can be made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import authority
from configured import ALICE, BOB, connection, policy, settings, suite, tunnel
from dishonest import payloads_of, put
from ikev1.core.exchanges.informational import delete_child, delete_ike, notify
from ikev1.core.exchanges.quick_mode import SWITCHES_AFTER
from ikev1.core.records.events import Code
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Credential, Mode, Trust, TrustedKey
from ikev1.crypto.public_keys import encode
from ikev1.wire.header import Header
from ikev1.wire.message import build_message
from ikev1.wire.payloads import (
    Delete,
    KeyExchange,
    Nonce,
    Notification,
    Payload,
    SecurityAssociation,
    Signature,
    Unknown,
    VendorId,
)
from ikev1.wire.registry import DOI, ExchangeType, Flags, NotifyType, ProtocolId
from negative import Scene, answers_to, from_sender, rewritten, scene
from playbook import Couple, Network, Peer, establish, say

MALLORY = "203.0.113.66"
_FROM_ALICE, _FROM_MALLORY = UdpPath(BOB, 500, ALICE, 500), UdpPath(BOB, 500, MALLORY, 500)


def stands(network: Network, alice: Peer, bob: Peer) -> None:
    """The tunnel is up, and is replaced by either end."""
    assert Code.INTERNAL_ERROR not in alice.failures + bob.failures
    for peer in (alice, bob):
        peer.does(lambda engine, of=peer: engine.rekey_child(of.children[-1].unique_id, network.now))  # type: ignore[misc]
        network.settle()
    network.run(SWITCHES_AFTER)
    assert alice.children[-1].inbound.spi == bob.children[-1].outbound.spi


def clear(kind: int, payloads: list[Payload], *, cookies: bytes = b"mallory!" + bytes(8), message_id: int = 7) -> bytes:
    """A message in the clear."""
    return build_message(Header(cookies[:8], cookies[8:], 0, kind, 0, message_id, 0), payloads)


@pytest.mark.parametrize("kind", [NotifyType.R_U_THERE, NotifyType.R_U_THERE_ACK])
@pytest.mark.parametrize("known", [False, True], ids=["unknown SA", "known SA"])
@pytest.mark.parametrize("data", [b"\0\0\0\1", b"", bytes(3), bytes(300)], ids=len)
def test_cve_2009_0790_dpd_without_the_state_for_it(
    network: Network, alice: Peer, bob: Peer, kind: NotifyType, known: bool, data: bytes
) -> None:
    """R-U-THERE and its acknowledgement in the clear: before phase 1, and with the cookies of an ISAKMP SA."""
    establish(network, alice)
    cookies = bob.sa.cookies if known else b"mallory!" + bytes(8)
    payload = Notification(DOI.IPSEC, ProtocolId.ISAKMP, cookies, kind, data)
    before = bob.sa
    bob.takes(clear(ExchangeType.INFORMATIONAL, [payload], cookies=cookies), _FROM_MALLORY)
    assert "R_U_THERE_ACK" not in "".join(network.labels("bob"))
    assert len(network.flying) <= 1
    network.flying.clear()
    assert bob.sa == before
    stands(network, alice, bob)


@pytest.mark.parametrize("label", ["MM1", "AM1", "QM1"])
@pytest.mark.parametrize("doi", [0x80000001, 0xFFFFFFFF, 0, 2])
def test_cve_2015_3204_unassigned_bits_in_the_doi(label: str, doi: int) -> None:
    there = scene(label)
    said = answers_to(there, from_sender(there, put(SecurityAssociation, doi=doi)))
    assert [each.label for each in said if not each.label.startswith("INFO N(")] == []
    assert Code.INTERNAL_ERROR not in there.receiver.failures


@pytest.mark.parametrize("label", ["MM1", "MM3", "MM5", "AM1", "QM1", "INFO D(ESP)"])
@pytest.mark.parametrize("kind", [15, 16, 17, 18])
def test_cve_2015_3204_a_next_payload_of_gdoi(label: str, kind: int) -> None:
    """ISAKMP_NEXT_SAK, and the numbers beside it: in the header, and in the chain."""
    there = scene(label)
    datagram = there.due.octets
    assert len(answers_to(there, there.due._replace(octets=datagram[:16] + bytes([kind]) + datagram[17:]))) <= 1
    for payload in (Unknown(kind, b""), Unknown(kind, bytes(20))):
        if not label.startswith("INFO"):
            answers_to(there, from_sender(there, lambda payloads, more=payload: [*payloads, more]))  # type: ignore[misc]
    assert Code.INTERNAL_ERROR not in there.receiver.failures


@pytest.mark.parametrize("mode", list(Mode))
def test_cve_2016_5361_a_responder_repeats_nothing_by_itself(network: Network, couple: Couple, mode: Mode) -> None:
    """One first message from a forged address earns one answer, whatever time passes."""
    alice, bob = couple(mode=mode, aggressive=Aggressive.ACCEPT_PSK)
    alice.calls()
    first = network.flying.popleft()
    for _ in range(2):
        bob.takes(first.octets, _FROM_MALLORY)
        network.run(0)
    sent = [each for each in network.sent if each.sender == "bob"]
    network.link = lambda datagram: []
    network.run(600)
    assert len([each for each in network.sent if each.sender == "bob"]) == len(sent) <= 2
    assert all(each.destination[0] == MALLORY for each in sent)


def test_cve_2018_5389_nobody_gets_a_hash_to_guess_by_for_one_datagram(network: Network, couple: Couple) -> None:
    """A secret can be guessed against HASH_R of Aggressive Mode, which everybody gets who asks: by default nobody asks
    for it with success. In Main Mode there is a HASH for those only who have done Diffie-Hellman with us.
    """
    alice, bob = couple(alice={"mode": Mode.AGGRESSIVE})
    alice.calls()
    network.settle()
    assert "AM2" not in network.labels("bob")
    assert Code.WRONG_MODE in bob.failures


def test_cve_2018_5389_a_caller_sends_its_hash_to_nobody_but_whom_it_called(network: Network, couple: Couple) -> None:
    alice, _ = couple()
    alice.calls()
    network.deliver(network.flying.popleft())
    answer = network.flying.popleft()
    alice.takes(answer.octets, UdpPath(ALICE, 500, MALLORY, 500))
    assert all(each.destination[0] == BOB for each in network.sent if each.sender == "alice")
    assert not any(each.label == "MM5" for each in network.sent)


HASHLESS: dict[str, Any] = {
    "without HASH": lambda header, plain: (
        header._replace(next_payload=plain[0]),
        plain[int.from_bytes(plain[2:4]) :],
    ),
    "with another HASH": lambda header, plain: (header, plain[:4] + bytes(32) + plain[36:]),
}


@pytest.mark.parametrize("label", ["INFO D(ESP)", "INFO D(ISAKMP)"])
@pytest.mark.parametrize("change", HASHLESS.values(), ids=HASHLESS)
def test_cve_2019_10155_an_encrypted_informational_is_nothing_without_its_hash(label: str, change: Any) -> None:
    there = scene(label)
    pairs, sas = there.receiver.children, dict(there.receiver.engine.sas)
    assert answers_to(there, rewritten(there, change)) == []
    assert (there.receiver.children, dict(there.receiver.engine.sas)) == (pairs, sas)


@pytest.mark.parametrize("cookies", ["of an SA", "of half an SA", "of nobody", "zero"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "encrypted"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        bytes(3),
        bytes([0, 0, 0, 4]),
        bytes([0, 0, 255, 255]),
        bytes([11, 0, 0, 4, 12, 0, 0, 4, 0, 0, 0, 4]),
        bytes(64),
    ],
    ids=["nothing", "3 octets", "empty", "endless", "chain of empty ones", "zeros"],
)
def test_cve_2020_1763_informational_messages_that_nobody_proved(
    network: Network, alice: Peer, bob: Peer, cookies: str, encrypted: bool, body: bytes
) -> None:
    establish(network, alice)
    sa = bob.sa
    named = {
        "of an SA": sa.cookies,
        "of half an SA": sa.CKY_I + bytes(8),
        "of nobody": b"mallory!" * 2,
        "zero": bytes(16),
    }[cookies]
    for kind in (8, 11, 12, 1):
        flags = Flags.ENCRYPTION if encrypted else 0
        header = Header(named[:8], named[8:], kind, ExchangeType.INFORMATIONAL, flags, 0x01020304, 28 + len(body))
        for path in (_FROM_ALICE, _FROM_MALLORY):
            bob.takes(header.build() + body, path)
            assert len(network.flying) <= 1
            network.flying.clear()
    assert bob.sa == sa
    stands(network, alice, bob)


@pytest.mark.parametrize("exchange", [ExchangeType.IDENTITY_PROTECTION, ExchangeType.AGGRESSIVE, 1, 4, 32, 33, 5, 6])
@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "encrypted"])
@pytest.mark.parametrize("message_id", [0, 7])
def test_cve_2022_23094_a_refusal_before_there_is_a_state(
    network: Network, alice: Peer, bob: Peer, exchange: int, encrypted: bool, message_id: int
) -> None:
    """First messages that are refused, where no ISAKMP SA was made yet."""
    establish(network, alice)
    bodies: list[list[Payload]] = [
        [VendorId(b"x")],
        [Notification(DOI.IPSEC, ProtocolId.ISAKMP, b"", NotifyType.INVALID_COOKIE, b"")],
        [KeyExchange(bytes(64)), Nonce(bytes(16))],
        [SecurityAssociation(DOI.IPSEC, 1, ())],
    ]
    before = dict(bob.engine.sas)
    for payloads in bodies:
        octets = bytearray(clear(exchange, payloads, message_id=message_id))
        octets[19] = Flags.ENCRYPTION if encrypted else 0
        bob.takes(bytes(octets), _FROM_MALLORY)
        assert len(network.flying) <= 1
        network.flying.clear()
    assert dict(bob.engine.sas) == before
    stands(network, alice, bob)


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_cve_2023_38712_more_payloads_behind_a_delete_of_the_isakmp_sa(
    network: Network, alice: Peer, bob: Peer, who: str
) -> None:
    """A Delete of the ISAKMP SA, and behind it others and notifies that are about what is gone."""
    establish(network, alice)
    sender, receiver = (alice, bob) if who == "alice" else (bob, alice)
    sa = sender.sa
    about = notify(sa, NotifyType.R_U_THERE, b"\0\0\0\1")
    payloads: list[Payload] = [delete_ike(sa), delete_ike(sa), about, delete_child(sender.child), delete_ike(sa)]
    sender.does(lambda engine: say(engine, sa, payloads, network.now))
    network.settle()
    assert not any(each.is_up for each in receiver.engine.sas.values())
    assert receiver.failures == []
    sender.does(lambda engine: engine.close_ike(sa.unique_id, network.now))
    network.settle()
    alice.calls()
    network.settle()
    assert alice.child.inbound.spi == bob.child.outbound.spi


@pytest.mark.parametrize("twice", [1, 2, 60], ids=["once", "twice", "60 times"])
def test_cve_2023_38712_the_same_pair_deleted_again_and_again(
    network: Network, alice: Peer, bob: Peer, twice: int
) -> None:
    establish(network, alice)
    spi = alice.child.inbound.spi.to_bytes(4)
    alice.does(
        lambda engine: say(
            engine, alice.sa, [Delete(DOI.IPSEC, ProtocolId.ESP, (spi,) * twice)] * min(twice, 3), network.now
        )
    )
    network.settle()
    assert (bob.children, bob.inbound) == ([], {})
    assert bob.failures == []
    assert len(bob.engine.sas) == 1


@pytest.mark.parametrize("label", ["MM3", "MM4", "AM1", "AM2", "QM1", "QM2"])
@pytest.mark.parametrize("size", [0, 1, 63, 65, 128, 513, 4096, 60_000])
def test_the_class_of_cve_2023_41913_a_public_value_longer_than_its_place(label: str, size: int) -> None:
    """A buffer of the group's size, and a public value of another one."""
    there = scene(label)
    odd: Scene = there
    said = answers_to(odd, from_sender(there, put(KeyExchange, data=b"\4" * size)))
    assert [each.label for each in said if not each.label.startswith("INFO N(")] == []
    assert Code.INTERNAL_ERROR not in there.receiver.failures


# --- CVE-2026-50721: a signature by RSA whose hash is shorter than expected, or which was made without the private key


@cache
def small_exponent_key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(3, 2048)


def signed_scene(label: str) -> Scene:
    """Phase 1 with signatures by RSA keys whose exponent is 3, before the message with the signature."""
    phase1 = replace(policy("aes128-sha256-x25519"), suite=replace(suite("aes128-sha256-x25519"), authentication=3))
    network = Network()
    ends = [("alice", ALICE, BOB), ("bob", BOB, ALICE)]
    alice, bob = (
        network.peer(
            name,
            own,
            settings(
                connection(
                    own,
                    other,
                    tunnel(mirrored=number == 1),
                    remote_id=other,
                    secret=b"",
                    policies=(phase1,),
                    credential=Credential(authority.pkcs8(small_exponent_key(number))),
                    trust=Trust(public_keys=(TrustedKey(encode(small_exponent_key(1 - number).public_key())),)),
                )
            ),
        )
        for number, (name, own, other) in enumerate(ends)
    )
    alice.calls()
    while network.flying[0].label != label:
        network.deliver(network.flying.popleft())
    return Scene(network, alice, bob, network.flying.popleft())


def cube_root(number: int) -> int:
    """The smallest whole number whose cube is not less than ``number``."""
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < number else (low, middle)
    return low


def padded(data: bytes, kind: int = 1, padding: int | None = None) -> bytes:
    """The encryption block of RFC 2313 §8.1 of 256 octets; with less ``padding`` zeros follow the data."""
    filled = 256 - 3 - len(data) if padding is None else padding
    return (bytes((0, kind)) + (b"\0" if kind == 0 else b"\xff") * filled + b"\0" + data).ljust(256, b"\0")


def without_the_key(HASH: bytes) -> bytes:
    """A root whose cube begins with a block that has the hash, and goes on with anything."""
    begin = padded(HASH, padding=8)
    root = cube_root(int.from_bytes(begin))
    assert (root**3).to_bytes(256)[: 11 + len(HASH)] == begin[: 11 + len(HASH)]
    return root.to_bytes(256)


def with_the_key(key: rsa.RSAPrivateKey, block: bytes) -> bytes:
    numbers = key.private_numbers()
    return pow(int.from_bytes(block), numbers.d, numbers.public_numbers.n).to_bytes(256)


BLOCKS: dict[str, Callable[[bytes], bytes]] = {
    "half of the hash": lambda HASH: padded(HASH[:16]),
    "an octet of the hash": lambda HASH: padded(HASH[:1]),
    "no hash": lambda HASH: padded(b""),
    "no end of the padding": lambda HASH: b"\0\1" + b"\xff" * 254,
    "something behind the hash": lambda HASH: padded(HASH + b"\0"),
    "little padding": lambda HASH: padded(HASH, padding=8),
    "block type 2": lambda HASH: padded(HASH, kind=2),
    "block type 0": lambda HASH: padded(HASH, kind=0),
    "zeros": lambda HASH: bytes(256),
}


@pytest.mark.parametrize("label", ["MM5", "MM6"])
@pytest.mark.parametrize("block", ["none", *BLOCKS])
def test_cve_2026_50721_a_signature_whose_hash_is_not_all_that_is_signed(label: str, block: str) -> None:
    there = signed_scene(label)
    key = small_exponent_key(0 if label == "MM5" else 1)
    (genuine,) = (each.data for each in payloads_of(there.receiver, there.due) if isinstance(each, Signature))
    numbers = key.public_key().public_numbers()
    HASH = pow(int.from_bytes(genuine), numbers.e, numbers.n).to_bytes(256)[-32:]
    assert genuine == with_the_key(key, padded(HASH))
    forged = without_the_key(HASH) if block == "none" else with_the_key(key, BLOCKS[block](HASH))
    answers_to(there, from_sender(there, put(Signature, data=forged)))
    assert not there.receiver.sa.is_up
    assert Code.INTERNAL_ERROR not in there.receiver.failures
    there.network.deliver(there.due)
    there.network.settle()
    assert there.alice.child.inbound.spi == there.bob.child.outbound.spi
