"""Proof by signature (RFC 2409 §5.1, RFC 4754): with keys that are known, and with certificates to be examined."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypedDict

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from configured import ALICE, BOB, connection, policy, settings, suite, tunnel
from ikev1.core.records.certificate_check import Trusted, Untrusted
from ikev1.core.records.events import Code, MessageSeen
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Credential, Mode, Policy, Trust, TrustedKey
from ikev1.crypto import certificates, public_keys
from ikev1.wire.header import Header
from ikev1.wire.message import parse_message
from ikev1.wire.payloads import Certificate, CertificateRequest, Identification, Signature
from ikev1.wire.registry import AuthenticationMethod, NotifyType
from playbook import Couple, Network, Peer


class Kind(NamedTuple):
    """A kind of key, and the method that it signs with."""

    method: AuthenticationMethod
    make: Callable[[], Any]


class Both(TypedDict):
    """Settings for two."""

    alice: dict[str, Any]
    bob: dict[str, Any]


KINDS = {
    "rsa": Kind(AuthenticationMethod.RSA_SIGNATURES, lambda: rsa.generate_private_key(65537, 2048)),
    "p256": Kind(AuthenticationMethod.ECDSA_SHA256_P256, lambda: ec.generate_private_key(ec.SECP256R1())),
    "p384": Kind(AuthenticationMethod.ECDSA_SHA384_P384, lambda: ec.generate_private_key(ec.SECP384R1())),
    "p521": Kind(AuthenticationMethod.ECDSA_SHA512_P521, lambda: ec.generate_private_key(ec.SECP521R1())),
}
KEYS = {(kind, who): KINDS[kind].make() for kind in KINDS for who in ("alice", "bob", "carol")}


def signing(kind: str) -> tuple[Policy, ...]:
    return (replace(policy(), suite=replace(suite("aes128-sha1-ecp256"), authentication=int(KINDS[kind].method))),)


def credential(kind: str, who: str, *certified: bytes) -> Credential:
    octets = KEYS[kind, who].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Credential(octets, certified)


def public(kind: str, who: str) -> bytes:
    return public_keys.encode(KEYS[kind, who].public_key())


def certificate(kind: str, who: str) -> bytes:
    """A certificate signed by its own key: whether it may be believed is not the core's to say."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, who)])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, KEYS[kind, who].public_key(), 1, now, now + timedelta(days=365))
    return builder.sign(KEYS[kind, who], hashes.SHA256()).public_bytes(Encoding.DER)


def with_raw_keys(kind: str, **more: Any) -> Both:
    """Alice and bob know each other's keys."""

    def of(who: str, other: str) -> dict[str, Any]:
        believed = Trust(public_keys=(TrustedKey(public(kind, other)),))
        own = {"policies": signing(kind), "credential": credential(kind, who), "trust": believed}
        return {"secret": b""} | own | more

    return Both(alice=of("alice", "bob"), bob=of("bob", "alice"))


def with_certificates(kind: str = "p256", **more: Any) -> Both:
    """Alice and bob have certificates of CAs that the other names."""

    def of(who: str, other: str) -> dict[str, Any]:
        own = {"credential": credential(kind, who, certificate(kind, who))}
        believed = {"trust": Trust(authorities=(certificate(kind, other),))}
        return {"secret": b"", "policies": signing(kind)} | own | believed | more

    return Both(alice=of("alice", "bob"), bob=of("bob", "alice"))


def public_key_of(payload: Certificate) -> bytes:
    return certificates.public_key(payload.data)


def good(kind: str, who: str) -> Trusted:
    return Trusted(public(kind, who), f"CN={who}")


@pytest.mark.parametrize("mode", list(Mode))
def test_an_address_as_a_name_is_no_address_where_the_key_belongs_to_an_identity(
    network: Network, couple: Couple, mode: Mode
) -> None:
    """A pre-shared key is that of the connection; a public key is that of whom it names."""
    options = with_raw_keys("p256", mode=mode)
    options["alice"] = {**options.get("alice", {}), "local_id": "@192.0.2.1"}
    alice, bob = couple(**options)
    alice.calls()
    network.run(1)
    assert set(bob.failures) & {Code.ID_MISMATCH, Code.NO_CONNECTION}
    assert not any(sa.is_up for sa in bob.engine.sas.values())


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("kind", KINDS)
def test_known_keys_prove_both_sides(network: Network, couple: Couple, kind: str, mode: Mode) -> None:
    alice, bob = couple(**with_raw_keys(kind, mode=mode))
    alice.calls()
    network.run(1)
    assert alice.sa.state is bob.sa.state is IkeState.ESTABLISHED
    assert alice.sa.keys == bob.sa.keys
    assert alice.carries.inbound == bob.carries.outbound


@pytest.mark.parametrize("mode", list(Mode))
def test_another_key_proves_nothing(network: Network, couple: Couple, mode: Mode) -> None:
    settings = with_raw_keys("p256", mode=mode)
    settings["bob"]["trust"] = Trust(public_keys=(TrustedKey(public("p256", "carol")),))
    alice, bob = couple(**settings)
    alice.calls()
    network.settle()
    assert bob.failures == [Code.AUTHENTICATION_FAILED]
    assert bob.children == []
    assert bob.sa.state is IkeState.CONNECTING, "a changed signature may be anybody's: a better one is still taken"
    network.run(5)
    assert not alice.engine.sas or mode is Mode.AGGRESSIVE, "who sent the last message hears of it by nothing proved"
    network.run(60)
    assert not bob.engine.sas


# --- certificates ---------------------------------------------------------------------------------------------------


def test_a_certificate_is_examined_before_its_message_is_taken(network: Network, couple: Couple) -> None:
    alice, bob = couple(**with_certificates())
    alice.calls()
    network.settle()
    assert [public_key_of(one) for one in bob.questions[0].certificates] == [public("p256", "alice")]
    assert bob.state == "MM_WAIT_MSG5"
    bob.is_told(good("p256", "alice"))
    network.settle()
    assert bob.sa.state is IkeState.ESTABLISHED
    assert alice.state == "MM_WAIT_MSG6"
    alice.is_told(good("p256", "bob"))
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


def test_a_repetition_asks_nothing_twice(network: Network, couple: Couple) -> None:
    alice, bob = couple(**with_certificates())
    alice.calls()
    network.run(10)
    assert network.labels("alice").count("MM5") > 1
    assert len(bob.questions) == 1


def with_two_authorities(network: Network, **of_sales: Any) -> tuple[Peer, Peer]:
    """Alice, whose CA bob trusts in his last connection, but not in his first one, and in those for other identities;
    all are for peers at any address.
    """
    options = with_certificates()
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), **options["alice"])))
    research = {**options["bob"], "trust": Trust(authorities=(certificate("p256", "carol"),))}
    others = {f"other{number}": {**options["bob"], "remote_id": f"{number}.example"} for number in range(20)}
    all_ = [
        connection(BOB, "%any", tunnel("net", mirrored=True), name=name, **({"remote_id": "%any"} | more))
        for name, more in {"research": research, **others, "sales": {**options["bob"], **of_sales}}.items()
    ]
    return alice, network.peer("bob", BOB, settings(*all_))


def test_the_authority_of_the_peer_selects_the_connection(network: Network) -> None:
    alice, bob = with_two_authorities(network)
    alice.calls()
    network.settle()
    (asked,) = bob.questions
    assert (asked.connection.name, [each.name for each in asked.others]) == ("research", ["sales"])
    bob.is_reborn()
    assert bob.engine.questions() == bob.questions
    bob.is_told(good("p256", "alice")._replace(connection=bob.settings.connection("sales")))
    network.settle()
    alice.is_told(good("p256", "bob"))
    network.settle()
    assert bob.sa.connection == "sales"
    assert alice.carries.inbound == bob.carries.outbound


def test_certificates_of_all_authorities_are_requested(network: Network) -> None:
    alice, _ = with_two_authorities(network)
    alice.calls()
    network.settle()
    authorities = [certificates.names(certificate("p256", who)).subject for who in ("carol", "alice")]
    assert [authority for _, authority in alice.sa.requested] == authorities


@pytest.mark.parametrize(
    "more", [{"policies": signing("rsa")}, {"remote_id": "somebody.example"}, {"local_address": "192.0.2.77"}]
)
def test_a_connection_that_is_not_for_this_peer_is_no_alternative(network: Network, more: dict[str, Any]) -> None:
    alice, bob = with_two_authorities(network, **more)
    alice.calls()
    network.settle()
    assert bob.questions[0].others == ()
    bob.is_told(good("p256", "alice")._replace(connection=bob.settings.connection("sales")))
    network.settle()
    assert bob.failures == [Code.NO_CONNECTION]


def test_an_authority_that_is_no_longer_trusted_selects_no_connection(network: Network) -> None:
    """The operator removes the CA while the certificate is being checked."""
    alice, bob = with_two_authorities(network)
    alice.calls()
    network.settle()
    *known, sales = bob.settings.connections
    bob.is_given(settings(*known, replace(sales, trust=Trust(authorities=(certificate("p256", "bob"),)))))
    bob.is_told(good("p256", "alice")._replace(connection=sales))
    network.settle()
    assert bob.failures == [Code.NO_CONNECTION]


def test_a_process_that_takes_over_asks_again(network: Network, couple: Couple) -> None:
    alice, bob = couple(**with_certificates())
    alice.calls()
    network.settle()
    bob.is_reborn()
    assert bob.engine.questions() == bob.questions
    network.run(5)
    assert len(bob.questions) == 1, "a repetition is no new question"
    bob.is_told(good("p256", "alice"))
    assert bob.sa.state is IkeState.ESTABLISHED
    assert bob.engine.questions() == []


def test_a_bad_certificate_is_refused_with_the_verdicts_words(network: Network, couple: Couple) -> None:
    alice, bob = couple(**with_certificates())
    alice.calls()
    network.settle()
    bob.is_told(Untrusted(Code.CERTIFICATE_REVOKED, "it was revoked", NotifyType.INVALID_CERTIFICATE))
    network.run(3)
    assert (bob.failure.code, bob.failure.text) == (Code.CERTIFICATE_REVOKED, "it was revoked")
    assert not alice.engine.sas
    assert not bob.engine.sas


def test_a_responder_with_a_bad_certificate_is_told_and_lets_go(network: Network, couple: Couple) -> None:
    alice, bob = couple(**with_certificates())
    alice.calls()
    network.settle()
    bob.is_told(good("p256", "alice"))
    network.settle()
    assert bob.sa.state is IkeState.ESTABLISHED
    alice.is_told(Untrusted(Code.CERTIFICATE_REVOKED, "it was revoked", NotifyType.INVALID_CERTIFICATE))
    network.settle()
    assert alice.failures == [Code.CERTIFICATE_REVOKED]
    assert not alice.engine.sas
    assert not bob.engine.sas


def test_what_comes_right_behind_an_examined_message_is_not_lost(network: Network, couple: Couple) -> None:
    alice, bob = couple(**with_certificates(mode=Mode.AGGRESSIVE))
    alice.calls()
    network.settle()
    alice.is_told(good("p256", "bob"))
    network.settle()
    assert network.labels("alice") == ["AM1", "AM3", "QM1"]
    bob.is_told(good("p256", "alice"))
    network.settle()
    assert network.labels("alice") == ["AM1", "AM3", "QM1", "QM3"]
    assert alice.carries.inbound == bob.carries.outbound


def test_a_good_certificate_with_anothers_signature_is_refused(network: Network, couple: Couple) -> None:
    alice, bob = couple(**with_certificates())
    alice.calls()
    network.settle()
    bob.is_told(good("p256", "carol"))
    assert bob.failures == [Code.AUTHENTICATION_FAILED]


def test_an_answer_that_nobody_waits_for_is_ignored(network: Network, couple: Couple) -> None:
    alice, bob = couple(**with_certificates())
    alice.calls()
    network.settle()
    (question,) = bob.questions
    network.link = lambda _: []
    network.run(40)
    assert not bob.engine.sas
    assert bob.engine.answered(question.request, good("p256", "alice"), network.now) == []
    assert bob.engine.answered(12345, good("p256", "alice"), network.now) == []


def test_no_certificate_where_one_is_needed(network: Network, couple: Couple) -> None:
    settings = with_certificates()
    settings["alice"]["credential"] = credential("p256", "alice")
    alice, bob = couple(**settings)
    alice.calls()
    network.run(3)
    assert bob.failures == [Code.CERTIFICATE_MISSING]


# --- what an eavesdropper gets --------------------------------------------------------------------------------------


def in_the_clear(network: Network) -> dict[str, set[type]]:
    """The kinds of payload that pass in the clear, by message."""
    seen: dict[str, set[type]] = {}
    for datagram in network.sent:
        header = Header.parse(datagram.octets)
        if not header.encrypted:
            seen[datagram.label] = set(map(type, parse_message(header, datagram.octets[28:]).payloads))
    return seen


def test_main_mode_shows_neither_identities_nor_certificates(network: Network, couple: Couple) -> None:
    alice, _ = couple(**with_certificates())
    alice.calls()
    network.settle()
    clear = in_the_clear(network)
    assert sorted(clear) == ["MM1", "MM2", "MM3", "MM4"]
    assert all(not {Identification, Certificate, Signature} & kinds for kinds in clear.values())
    assert CertificateRequest in clear["MM3"], "which CAs are believed is no secret"


def requests(network: Network, label: str) -> int:
    """How many authorities are asked for in a message that passes in the clear."""
    (octets,) = (datagram.octets for datagram in network.sent if datagram.label == label)
    return len(parse_message(Header.parse(octets), octets[28:]).all(CertificateRequest))


def test_each_authority_is_requested_once_and_none_where_keys_are_known(network: Network, couple: Couple) -> None:
    """Both stand beside the key exchange: some peers stumble over requests in message 5."""
    authorities = tuple(certificate("p256", who) for who in ("alice", "bob", "alice"))
    alice, _ = couple(**with_certificates(trust=Trust(authorities=authorities)))
    alice.calls()
    network.settle()
    assert [requests(network, label) for label in ("MM3", "MM4")] == [2, 2]
    network.sent.clear()
    alice, bob = couple(**with_raw_keys("p256"))
    alice.calls()
    network.settle()
    assert [requests(network, label) for label in ("MM3", "MM4")] == [0, 0]
    for peer in (alice, bob):
        encrypted = [seen.message for seen in peer.saw(MessageSeen) if seen.message.header.encrypted]
        assert encrypted
        assert not any(message.all(CertificateRequest) for message in encrypted)


def test_aggressive_mode_shows_both_identities_and_the_responders_certificate(network: Network, couple: Couple) -> None:
    alice, _ = couple(**with_certificates(mode=Mode.AGGRESSIVE))
    alice.calls()
    network.settle()
    alice.is_told(good("p256", "bob"))
    network.settle()
    clear = in_the_clear(network)
    assert sorted(clear) == ["AM1", "AM2"]
    assert Identification in clear["AM1"]
    assert {Identification, Certificate, Signature} <= clear["AM2"]
    (last,) = [seen for seen in alice.saw(MessageSeen) if seen.label == "AM3"]
    assert {Certificate, Signature} <= set(map(type, last.message.payloads)), "the initiator's are encrypted"
