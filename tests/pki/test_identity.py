from __future__ import annotations

import pytest
from cryptography import x509

from authority import NOW, der, ec_key
from ikev1.pki.errors import IdentityMismatch
from ikev1.pki.verify import verify_peer
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import IdType, NotifyType
from small_pki import Pki, cert_payload


@pytest.mark.parametrize(
    "identity",
    [
        "C=XX, O=lab, CN=alice",
        "C=xx, O=LAB, CN=Alice",
        "alice@lab.example",
        "ALICE@LAB.example",
        "alice.lab.example",
        "Alice.Lab.Example",
        "192.0.2.1",
    ],
)
def test_identities_in_the_certificate(pki: Pki, alice: x509.Certificate, identity: str) -> None:
    assert pki.verify(alice, identity=identity)


@pytest.mark.parametrize(
    "identity",
    [
        "C=XX, O=lab, CN=bob",
        "C=XX, O=lab",
        "O=lab, C=XX, CN=alice",
        "CN=alice",
        "alice",
        "bob@lab.example",
        "alice@lab.example.org",
        "@alice@lab.example",
        "lab.example",
        "192.0.2.2",
        "::ffff:192.0.2.1",
        "keyid:alice",
    ],
)
def test_identities_that_are_not(pki: Pki, alice: x509.Certificate, identity: str) -> None:
    with pytest.raises(IdentityMismatch) as caught:
        pki.verify(alice, identity=identity)
    assert (caught.value.code, caught.value.notify) == ("cert-id-mismatch", NotifyType.INVALID_ID_INFORMATION)


def test_a_mismatch_shows_both(pki: Pki, alice: x509.Certificate) -> None:
    with pytest.raises(IdentityMismatch) as caught:
        pki.verify(alice, identity="bob@lab.example")
    for name in "bob@lab.example", "C=XX, O=lab, CN=alice", "192.0.2.1", "alice.lab.example":
        assert name in str(caught.value)


def test_a_mismatch_shows_not_all_of_many(pki: Pki) -> None:
    leaf = pki.root.issue("CN=alice", ec_key(10), [f"host{number}.example" for number in range(50)])
    with pytest.raises(IdentityMismatch, match=" 41 "):
        pki.verify(leaf, identity="host.example")


def test_a_host_in_the_common_name_does_not_count(pki: Pki) -> None:
    with pytest.raises(IdentityMismatch):
        pki.verify(pki.root.issue("CN=gw.example", ec_key(10)), identity="gw.example")


def test_an_asterisk_in_a_certificate_is_one(pki: Pki) -> None:
    leaf = pki.root.issue("CN=all", ec_key(10), ["*.example"])
    with pytest.raises(IdentityMismatch):
        pki.verify(leaf, identity="gw.example")
    assert pki.verify(leaf, identity="*.example")


def test_a_certificate_without_subject(pki: Pki) -> None:
    leaf = pki.root.issue("", ec_key(10), ["2001:db8::1", "gw.example"])
    assert pki.verify(leaf, identity="2001:db8::1").subject.startswith("serial number ")
    assert pki.verify(leaf, identity="gw.example")
    with pytest.raises(IdentityMismatch):
        verify_peer([cert_payload(der(leaf))], Identification(IdType.DER_ASN1_DN, 0, 0, b"\x30\x00"), pki.trust, NOW)


def test_the_certificate_for_the_identity_is_taken(pki: Pki, alice: x509.Certificate) -> None:
    bob = pki.root.issue("CN=bob", ec_key(11))
    for sent in ((alice, bob), (bob, alice)):
        assert pki.verify(*sent, identity="CN=bob").subject == "CN=bob"
        assert pki.verify(*sent, identity="alice@lab.example").subject == "C=XX, O=lab, CN=alice"


@pytest.mark.parametrize("id_type", [*IdType, 200])
def test_no_type_of_identity_is_too_odd(pki: Pki, alice: x509.Certificate, id_type: int) -> None:
    with pytest.raises(IdentityMismatch):
        verify_peer([cert_payload(der(alice))], Identification(id_type, 0, 0, b"\xff\x00\n"), pki.trust, NOW)
