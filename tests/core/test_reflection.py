"""What is ours proves nothing of the peer: plays of somebody who has our own words, and no secret, for all methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import authority
from configured import ALICE, BOB, connection, policy, settings, suite
from dishonest import add, resealed
from ikev1.core.engine import CannotInitiate
from ikev1.core.records.certificate_check import Trusted
from ikev1.core.records.events import Code, IkeUp
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Credential, Mode, Policy, Trust, TrustedKey
from ikev1.crypto import certificates, public_key_encryption, public_keys
from ikev1.wire.header import HEADER_SIZE, NO_COOKIE, Header
from ikev1.wire.message import Message, build_message, parse_message
from ikev1.wire.payloads import (
    Encrypted,
    Hash,
    KeyExchange,
    Nonce,
    Payload,
    Signature,
    VendorId,
    build_body,
    parse_body,
)
from ikev1.wire.registry import AuthenticationMethod, ExchangeType, PayloadType
from playbook import Couple, Datagram, Network, Peer

METHODS = ("psk", "raw", "ca", "rsa", "revised")
ENCRYPTING = ("rsa", "revised")
NUMBERS = {
    "psk": AuthenticationMethod.PRE_SHARED_KEY,
    "raw": AuthenticationMethod.ECDSA_SHA256_P256,
    "ca": AuthenticationMethod.ECDSA_SHA256_P256,
    "rsa": AuthenticationMethod.RSA_ENCRYPTION,
    "revised": AuthenticationMethod.REVISED_RSA_ENCRYPTION,
}
NUMBER_OF = {"alice": 1, "bob": 2}
HIDDEN = frozenset({PayloadType.NONCE, PayloadType.KEY_EXCHANGE, PayloadType.IDENTIFICATION, PayloadType.NAT_D})
ROOT = authority.root("C=XX, O=lab, CN=root")

LEAVES = {
    who: authority.der(ROOT.issue(f"CN={who}", authority.ec_key(number), [f"{who}.example"]))
    for who, number in NUMBER_OF.items()
}

all_methods = pytest.mark.parametrize("method", METHODS)
both_modes = pytest.mark.parametrize("mode", list(Mode), ids=str)


@pytest.fixture
def network() -> Network:
    """A network of peers that stay as they are: a question on a certificate dies with the process that asked it."""
    return Network()


def key(method: str, who: str) -> authority.PrivateKey:
    number = NUMBER_OF[who]
    return authority.rsa_key(number) if method in ENCRYPTING else authority.ec_key(number)


def spki(method: str, who: str) -> bytes:
    return public_keys.encode(key(method, who).public_key())


def policies(method: str) -> tuple[Policy, ...]:
    return (replace(policy(), suite=replace(suite("aes128-sha256-ecp256"), authentication=int(NUMBERS[method]))),)


def side(method: str, who: str, other: str, **more: Any) -> dict[str, Any]:
    """The connection of ``who`` with ``other``, each with a name of its own."""
    named = {"local_id": f"{who}.example", "remote_id": f"{other}.example", "aggressive": Aggressive.ACCEPT_PSK}
    if method == "psk":
        return named | more
    octets = authority.pkcs8(key(method, who))
    if method == "ca":
        proof = {"credential": Credential(octets, (LEAVES[who],)), "trust": Trust(authorities=(ROOT.der,))}
    else:
        proof = {
            "credential": Credential(octets),
            "trust": Trust(public_keys=(TrustedKey(spki(method, other)),)),
        }
    return {"secret": b"", "policies": policies(method)} | proof | named | more


def two(
    couple: Couple, method: str, mode: Mode, alice: dict[str, Any] | None = None, bob: dict[str, Any] | None = None
) -> tuple[Peer, Peer]:
    return couple(
        alice=side(method, "alice", "bob", mode=mode) | (alice or {}),
        bob=side(method, "bob", "alice", mode=mode) | (bob or {}),
    )


def settle(network: Network) -> None:
    """All that is under way arrives; each certificate is found to be good."""
    network.settle()
    while any(peer.questions for peer in network.peers.values()):
        for peer in network.peers.values():
            if peer.questions:
                leaf = peer.questions[0].certificates[0].data
                peer.is_told(Trusted(certificates.public_key(leaf), "somebody"))
        network.settle()


def is_up(peer: Peer) -> bool:
    return bool(peer.saw(IkeUp))


def clear(datagram: Datagram) -> Message:
    header = Header.parse(datagram.octets)
    return parse_message(header, datagram.octets[HEADER_SIZE:], HIDDEN)


# --- the cast as it should be -----------------------------------------------------------------------------------------


@all_methods
@both_modes
def test_two_who_are_not_the_same_come_up(network: Network, couple: Couple, method: str, mode: Mode) -> None:
    alice, bob = two(couple, method, mode)
    alice.calls()
    settle(network)
    assert alice.failures == bob.failures == []
    assert alice.carries.inbound == bob.carries.outbound


# --- our own messages -------------------------------------------------------------------------------------------------


@all_methods
@both_modes
def test_a_mirror_answers_the_call(network: Network, couple: Couple, method: str, mode: Mode) -> None:
    def mirror(datagram: Datagram) -> list[Datagram]:
        return [datagram._replace(source=datagram.destination, destination=datagram.source)]

    alice, bob = two(couple, method, mode, alice={"remote_id": "%any"})
    network.link = mirror
    alice.calls()
    network.run(1)
    assert alice.failures == [Code.REFLECTION]
    assert network.labels("alice") == ["MM1" if mode is Mode.MAIN else "AM1"], "the mirror gets no answer"
    assert not is_up(alice)
    assert bob.events == []


def test_another_process_knows_the_calls_that_it_took_over(network: Network, couple: Couple) -> None:
    alice, _ = two(couple, "psk", Mode.MAIN)
    alice.calls()
    alice.is_reborn()
    alice.takes(network.sent[0].octets, UdpPath(ALICE, 500, BOB, 500))
    assert alice.failures == [Code.REFLECTION]


@all_methods
@both_modes
@pytest.mark.parametrize("genuine_follows", [False, True])
def test_the_answer_has_our_own_cookie(
    network: Network, couple: Couple, method: str, mode: Mode, genuine_follows: bool
) -> None:
    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label not in ("MM2", "AM2"):
            return [datagram]
        header = Header.parse(datagram.octets)
        forged = header._replace(CKY_R=header.CKY_I).build() + datagram.octets[HEADER_SIZE:]
        return [datagram._replace(octets=forged), *([datagram] if genuine_follows else [])]

    alice, bob = two(couple, method, mode)
    network.link = link
    alice.calls()
    settle(network)
    if genuine_follows:
        assert alice.carries.inbound == bob.carries.outbound
    else:
        network.run(3)
        assert alice.failures == [Code.REFLECTION]
        assert not is_up(alice)


@both_modes
def test_the_answer_has_the_cookie_of_another_call_of_ours(network: Network, mode: Mode) -> None:
    calls = [
        connection(ALICE, host, name=name, **side("psk", "alice", "bob", mode=mode))
        for name, host in (("bob", BOB), ("carol", "198.51.100.3"))
    ]
    alice = network.peer("alice", ALICE, settings(*calls))
    network.peer("bob", BOB, settings(connection(BOB, ALICE, **side("psk", "bob", "alice"))))
    alice.calls(None, connection="carol", host="198.51.100.3")
    cookie = Header.parse(network.flying.popleft().octets).CKY_I

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label not in ("MM2", "AM2"):
            return [datagram]
        header = Header.parse(datagram.octets)
        return [datagram._replace(octets=header._replace(CKY_R=cookie).build() + datagram.octets[HEADER_SIZE:])]

    network.link = link
    alice.calls(None, connection="bob", host=BOB)
    network.run(3)
    assert alice.failures == [Code.REFLECTION]
    assert not is_up(alice)


def answer_of(network: Network, bob: Peer, method: str, change: Callable[[KeyExchange, Nonce], list[Payload]]) -> None:
    """Has bob answer with another KE and nonce, made as he would have made them."""

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label not in ("MM4", "AM2"):
            return [datagram]
        message, share = clear(datagram), bob.sa.share
        assert share is not None
        ke, nonce = change(KeyExchange(share.g_xr), Nonce(share.Nr_b))
        if method not in ENCRYPTING:
            put: dict[int, Payload] = {PayloadType.KEY_EXCHANGE: ke, PayloadType.NONCE: nonce}
        else:
            theirs = key(method, "alice").public_key()
            identity = parse_body(PayloadType.IDENTIFICATION, bob.sa.IDir_b)
            sealed = partial_encryption(method, theirs, build_body(nonce), message.header.CKY_R)
            put = {PayloadType.NONCE: Encrypted(PayloadType.NONCE, rsa(theirs, build_body(nonce)))}
            put[PayloadType.KEY_EXCHANGE] = Encrypted(PayloadType.KEY_EXCHANGE, sealed(build_body(ke)))
            put[PayloadType.IDENTIFICATION] = Encrypted(PayloadType.IDENTIFICATION, sealed(build_body(identity)))
            if method == "rsa":
                put[PayloadType.KEY_EXCHANGE] = ke
        payloads = [put.get(number_of(payload), payload) for payload in message.payloads]
        payloads = [payload for payload in payloads if number_of(payload) != PayloadType.NAT_D]
        return [datagram._replace(octets=build_message(message.header, payloads))]

    network.link = link


def number_of(payload: Payload) -> int:
    if isinstance(payload, Encrypted):
        return payload.number
    if isinstance(payload, KeyExchange):
        return PayloadType.KEY_EXCHANGE
    return PayloadType.NONCE if isinstance(payload, Nonce) else 0


def rsa(theirs: Any, body: bytes) -> bytes:
    return public_key_encryption.encrypt(theirs, body)


def partial_encryption(method: str, theirs: Any, N_b: bytes, CKY: bytes) -> Callable[[bytes], bytes]:
    if method == "rsa":
        return lambda body: rsa(theirs, body)
    return public_key_encryption.body_cipher(4, 7, 128, N_b, CKY).encrypt


@all_methods
@both_modes
@pytest.mark.parametrize("what", ["public value", "nonce"])
def test_the_answer_has_our_own(network: Network, couple: Couple, method: str, mode: Mode, what: str) -> None:
    alice, bob = two(couple, method, mode)

    def reflected(ke: KeyExchange, nonce: Nonce) -> list[Payload]:
        ours = bob.sa.share
        assert ours is not None
        return [KeyExchange(ours.g_xi), nonce] if what == "public value" else [ke, Nonce(ours.Ni_b)]

    answer_of(network, bob, method, reflected)
    alice.calls()
    network.run(3)
    assert alice.failures == [Code.REFLECTION]
    assert not is_up(alice)


@all_methods
def test_our_answer_to_a_caller_is_no_oracle_for_our_call(network: Network, couple: Couple, method: str) -> None:
    """Somebody on the way has us answer, in Aggressive Mode, what we ourselves are asking in Main Mode."""
    alice, bob = two(couple, method, Mode.MAIN, bob={"mode": Mode.AGGRESSIVE})
    alice.calls()
    called = Header.parse(network.flying.popleft().octets)
    bob.calls()
    asked = next(datagram for datagram in network.flying)
    forged = Header.parse(asked.octets)._replace(CKY_I=called.CKY_I, exchange=ExchangeType.AGGRESSIVE)
    before = len(network.sent)
    alice.takes(forged.build() + asked.octets[HEADER_SIZE:], UdpPath(ALICE, 500, BOB, 500))
    assert alice.failures == [Code.REFLECTION]
    assert len(network.sent) == before
    assert alice.engine.half_open == 0


# --- our own proof ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["psk", "raw", "rsa", "revised"])
def test_our_own_proof_comes_back(network: Network, couple: Couple, method: str) -> None:
    alice, bob = two(couple, method, Mode.AGGRESSIVE)
    alice.calls(tunnel=None)
    network.deliver(network.flying.popleft())
    answer = network.flying[0]
    network.deliver(network.flying.popleft())
    genuine = network.flying.popleft()
    message = clear(answer)
    proof = [payload for payload in message.payloads if isinstance(payload, Hash | Signature)]
    assert len(proof) == 1
    header = message.header._replace(next_payload=0)
    bob.takes(build_message(header, proof), UdpPath(BOB, 500, ALICE, 500))
    assert bob.failures == [Code.REFLECTION]
    assert not is_up(bob)
    network.deliver(genuine)
    assert is_up(bob), "the genuine proof was taken all the same"


@pytest.mark.parametrize(("mode", "caller"), [(Mode.MAIN, "bob"), (Mode.AGGRESSIVE, "alice")])
def test_our_own_certificate_and_key_in_other_hands(network: Network, couple: Couple, mode: Mode, caller: str) -> None:
    """Key-compromise impersonation: whoever stole alice's key can be alice, but nobody else to her."""
    stolen = side("ca", "alice", "bob")["credential"]
    anybody = {"remote_id": "%any", "same_identity": True}
    thief = anybody | {"credential": stolen, "local_id": "alice.example"}
    alice, _ = two(couple, "ca", mode, alice=anybody, bob=thief)
    network.peers[caller].calls()
    network.run(3)
    assert alice.failures == [Code.REFLECTION]
    assert alice.questions == [], "nobody is asked about our own certificate"
    assert not is_up(alice)


@pytest.mark.parametrize(("mode", "caller"), [(Mode.MAIN, "bob"), (Mode.AGGRESSIVE, "alice")])
def test_our_own_key_under_another_certificate(network: Network, couple: Couple, mode: Mode, caller: str) -> None:
    other = authority.der(ROOT.issue("CN=bob", key("ca", "alice"), ["bob.example"]))
    stolen = Credential(authority.pkcs8(key("ca", "alice")), (other,))
    alice, _ = two(couple, "ca", mode, bob={"credential": stolen})
    network.peers[caller].calls()
    network.settle()
    alice.is_told(Trusted(spki("ca", "alice"), "bob"))
    network.run(3)
    assert alice.failures == [Code.REFLECTION]
    assert not is_up(alice)


@pytest.mark.parametrize(("mode", "caller"), [(Mode.MAIN, "bob"), (Mode.AGGRESSIVE, "alice")])
def test_our_own_key_signs_as_the_peers(network: Network, couple: Couple, mode: Mode, caller: str) -> None:
    own = {"trust": Trust(public_keys=(TrustedKey(spki("raw", "alice")),))}
    thief = {"credential": Credential(authority.pkcs8(key("raw", "alice")))}
    alice, _ = two(couple, "raw", mode, alice=own, bob=thief)
    network.peers[caller].calls()
    network.run(3)
    assert alice.failures == [Code.REFLECTION]
    assert not is_up(alice)


@pytest.mark.parametrize("method", ENCRYPTING)
def test_nothing_is_encrypted_with_our_own_key_as_the_peers(network: Network, couple: Couple, method: str) -> None:
    own = {"trust": Trust(public_keys=(TrustedKey(spki(method, "alice")),))}
    alice, _ = two(couple, method, Mode.MAIN, alice=own)
    alice.calls()
    network.run(3)
    assert alice.failures == [Code.REFLECTION]
    assert "MM3" not in network.labels("alice")


@pytest.mark.parametrize("method", ENCRYPTING)
def test_nor_is_a_call_in_aggressive_mode(couple: Couple, method: str) -> None:
    own = {"trust": Trust(public_keys=(TrustedKey(spki(method, "alice")),))}
    alice, _ = two(couple, method, Mode.AGGRESSIVE, alice=own)
    with pytest.raises(CannotInitiate) as refused:
        alice.calls()
    assert refused.value.code is Code.REFLECTION


# --- our own identity -------------------------------------------------------------------------------------------------

TWIN = {"local_id": "gw.example", "remote_id": "gw.example"}


@all_methods
@both_modes
@pytest.mark.parametrize("strict", ["alice", "bob"])
def test_a_twin_is_refused_by_caller_and_called(
    network: Network, couple: Couple, method: str, mode: Mode, strict: str
) -> None:
    tolerant = TWIN | {"same_identity": True}
    alice, bob = two(
        couple, method, mode, alice=TWIN if strict == "alice" else tolerant, bob=TWIN if strict == "bob" else tolerant
    )
    alice.calls()
    settle(network)
    peer = network.peers[strict]
    assert peer.failures[:1] == [Code.REFLECTION]
    assert not is_up(peer)
    assert not alice.children
    assert not bob.children


@all_methods
@both_modes
def test_a_twin_is_taken_where_both_want_it(network: Network, couple: Couple, method: str, mode: Mode) -> None:
    alice, bob = two(couple, method, mode, alice=TWIN | {"same_identity": True}, bob=TWIN | {"same_identity": True})
    alice.calls()
    settle(network)
    assert alice.failures == bob.failures == []
    assert alice.carries.inbound == bob.carries.outbound


@pytest.mark.parametrize(("ours", "theirs"), [("GW.example", "gw.Example"), ("CN=gw", "cn=GW"), ("a@b.c", "A@b.c")])
def test_case_makes_nobody_else(network: Network, couple: Couple, ours: str, theirs: str) -> None:
    alice, bob = couple(alice={"local_id": ours, "remote_id": "%any"}, bob={"local_id": theirs, "remote_id": "%any"})
    alice.calls()
    network.settle()
    assert bob.failures == [Code.REFLECTION]
    assert not alice.children


# --- what may stand around a proof ------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["MM5", "MM6"])
@pytest.mark.parametrize("fault", ["before", "many", "large", "behind"])
def test_a_sled_of_blocks_around_the_identity(network: Network, couple: Couple, label: str, fault: str) -> None:
    """What lets somebody without the key try blocks until one of our own messages decrypts behind them."""
    alice, bob = two(couple, "psk", Mode.MAIN)
    extra = VendorId(b"sled" * 5)

    def change(payloads: list[Payload]) -> list[Payload]:
        return {
            "before": [extra, *payloads],
            "many": [*payloads, *[extra] * 60],
            "large": [*payloads, VendorId(bytes(6000))],
            "behind": payloads,
        }[fault]

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label != label:
            return [datagram]
        receiver = network.receiver(datagram)
        assert receiver is not None
        if fault == "behind":
            header = Header.parse(datagram.octets)
            longer = datagram.octets + bytes(16 * 40)
            return [datagram._replace(octets=header._replace(length=len(longer)).build() + longer[HEADER_SIZE:])]
        return [resealed(receiver, datagram, change)]

    network.link = link
    alice.calls()
    network.run(3)
    peer = bob if label == "MM5" else alice
    assert len(peer.failures) == 1
    assert not is_up(peer)


@pytest.mark.parametrize("label", ["MM5", "MM6"])
def test_what_real_peers_put_behind_their_proof_is_taken(network: Network, couple: Couple, label: str) -> None:
    alice, bob = two(couple, "psk", Mode.MAIN)

    def link(datagram: Datagram) -> list[Datagram]:
        receiver = network.receiver(datagram)
        assert receiver is not None
        vendors = [VendorId(bytes([number]) * 20) for number in range(20)]
        return [resealed(receiver, datagram, add(*vendors))] if datagram.label == label else [datagram]

    network.link = link
    alice.calls(tunnel=None)
    network.settle()
    receiver = bob if label == "MM5" else alice
    assert receiver.sa.state is IkeState.ESTABLISHED


def test_a_first_message_of_ours_is_known_until_the_call_is_over(network: Network, couple: Couple) -> None:
    alice, _ = two(couple, "psk", Mode.MAIN)
    network.link = lambda _: []
    alice.calls()
    octets = network.sent[0].octets
    assert Header.parse(octets).CKY_R == NO_COOKIE
    network.run(200)
    assert not alice.engine.sas
    alice.events.clear()
    alice.takes(octets, UdpPath(ALICE, 500, BOB, 500))
    assert Code.REFLECTION not in alice.failures
