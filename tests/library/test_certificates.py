"""`ikev1.certificate`: the endpoint asks whether a certificate is good, and its user answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import ikev1
from authority import NOW, ec_key, pkcs8, root, rsa_key
from ikev1.events import CertificateVerdict, CheckCertificate, ChildUp, Code, Trusted, Untrusted
from ikev1.testing import Network, Peer
from library import ALICE, BOB, ESP, IKE

CA = root("C=XX, O=lab, CN=root", 300)
STRANGER = root("C=XX, O=elsewhere, CN=root", 301)
Check = Callable[[CheckCertificate, float], CertificateVerdict]


def pair(network: Network, check: Check | None, *, rsa: bool = False, authority: bytes = CA.der) -> tuple[Peer, Peer]:
    network.now = NOW
    lan = ikev1.tunnel("lan", "10.1.0.0/16", "10.2.0.0/16", esp=ESP)
    mirrored = ikev1.tunnel("lan", "10.2.0.0/16", "10.1.0.0/16", esp=ESP)
    peers = []
    for number, (name, host, tunnel) in enumerate((("alice", ALICE[0], lan), ("bob", BOB[0], mirrored))):
        key = rsa_key(number) if rsa else ec_key(310 + number)
        own = CA.issue(f"C=XX, O=lab, CN={name}", key).public_bytes(Encoding.PEM)
        connection = ikev1.certificate("peer", pkcs8(key), own, authority, tunnel, ike=IKE, revocation="off")
        peers.append(network.peer(name, host, connection))
        peers[-1].check_certificate = check
    return peers[0], peers[1]


@pytest.mark.parametrize("rsa", [False, True], ids=["ecdsa", "rsa"])
def test_certificates_are_checked_where_the_packages_are_installed(rsa: bool) -> None:
    network = Network()
    alice, bob = pair(network, ikev1.check_certificate, rsa=rsa)
    alice.connect("lan")
    network.settle()
    assert alice.failures == bob.failures == []
    assert alice.child.inbound == bob.child.outbound


def test_a_certificate_of_another_authority_is_not_believed() -> None:
    network = Network()
    alice, bob = pair(network, ikev1.check_certificate, authority=STRANGER.der)
    alice.connect("lan")
    network.run(300)
    assert Code.CERTIFICATE_UNTRUSTED in bob.failures
    assert alice.saw(ChildUp) == []


def test_the_user_decides() -> None:
    asked: list[CheckCertificate] = []

    def refuse(question: CheckCertificate, now: float) -> CertificateVerdict:
        asked.append(question)
        return Untrusted(Code.CERTIFICATE_REVOKED, "revoked by hand", ikev1.NotifyType.INVALID_CERTIFICATE)

    network = Network()
    alice, bob = pair(network, refuse)
    alice.connect("lan")
    network.run(300)
    assert Code.CERTIFICATE_REVOKED in bob.failures
    assert asked[0].certificates[0].encoding == ikev1.CertificateEncoding.X509_SIGNATURE
    assert asked[0].identity.id_type == ikev1.IdType.DER_ASN1_DN
    assert alice.saw(ChildUp) == []


def test_an_answer_may_come_later() -> None:
    network = Network()
    alice, bob = pair(network, None)
    alice.connect("lan")
    network.settle()
    assert network.labels("bob")[-1] == "MM4"
    for peer in (bob, alice):
        (question,) = peer.saw(CheckCertificate)
        verdict = ikev1.check_certificate(question, network.now)
        assert isinstance(verdict, Trusted)
        peer.does(lambda ike, asked=question, known=verdict: ike.certificate_checked(asked.request, known, network.now))  # type: ignore[misc]
        network.settle()
    assert alice.child.inbound == bob.child.outbound
    alice.does(lambda ike: ike.certificate_checked(4711, verdict, network.now))  # nobody waits for that
    assert alice.failures == []
