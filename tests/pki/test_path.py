"""Which paths are believed, and why the others are not."""

from __future__ import annotations

import itertools
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from authority import DAY, NOW, Authority, der, ec_key, key_usage, root, rsa_key, signed_weakly
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Revocation, Trust
from ikev1.crypto import public_keys
from ikev1.pki.errors import Expired, Malformed, Missing, Untrusted, Unusable
from ikev1.wire.registry import NotifyType
from small_pki import Pki

ALICE = "C=XX, O=lab, CN=alice"


def test_a_peer_directly_below_the_authority(pki: Pki, alice: x509.Certificate) -> None:
    peer = pki.verify(alice)
    assert peer.subject == ALICE
    assert peer.certificate == der(alice)
    assert peer.authority == "C=XX, O=lab, CN=root"
    assert public_keys.load(peer.public_key) == ec_key(10).public_key()


@pytest.mark.parametrize("key", [rsa_key(), rsa_key(1, 3072), ec_key(0, ec.SECP384R1), ec_key(0, ec.SECP521R1)])
def test_keys_of_every_kind(pki: Pki, key: ec.EllipticCurvePrivateKey) -> None:
    peer = pki.verify(pki.root.issue(ALICE, key))
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert peer.public_key == spki


def test_intermediate_certificates_in_any_order_and_with_others_among_them(pki: Pki) -> None:
    low = pki.middle.subordinate("CN=low", 3)
    stranger = root("CN=stranger", 4)
    leaf = low.issue(ALICE, ec_key(10))
    for sent in itertools.permutations([leaf, low.certificate, pki.middle.certificate, stranger.certificate]):
        assert pki.verify(*sent).certificate == der(leaf)
    assert pki.verify(leaf, leaf, low.certificate, low.certificate, pki.middle.certificate).subject == ALICE


def test_intermediate_certificates_that_are_configured(pki: Pki) -> None:
    leaf = pki.middle.issue(ALICE, ec_key(10))
    with pytest.raises(Untrusted) as caught:
        pki.verify(leaf)
    assert "C=XX, O=lab, CN=root" in str(caught.value)
    assert pki.verify(leaf, trust=replace(pki.trust, intermediates=(pki.middle.der,)))


def test_an_intermediate_authority_may_be_the_trusted_one(pki: Pki) -> None:
    trust = Trust((pki.middle.der,), revocation=Revocation.OFF)
    assert pki.verify(pki.middle.issue(ALICE, ec_key(10)), trust=trust).authority == "C=XX, O=lab, CN=middle"
    with pytest.raises(Untrusted):
        pki.verify(pki.root.issue(ALICE, ec_key(10)), pki.root.certificate, trust=trust)


def test_several_authorities(pki: Pki, alice: x509.Certificate) -> None:
    other = root("CN=other", 5)
    trust = replace(pki.trust, authorities=(other.der, pki.root.der))
    assert pki.verify(alice, trust=trust).authority == "C=XX, O=lab, CN=root"
    assert pki.verify(other.issue(ALICE, ec_key(10)), trust=trust).authority == "CN=other"


def test_an_authority_that_is_configured_twice(pki: Pki, alice: x509.Certificate) -> None:
    assert pki.verify(alice, trust=replace(pki.trust, authorities=(pki.root.der, pki.root.der)))


def test_two_authorities_of_one_name(pki: Pki, alice: x509.Certificate) -> None:
    namesake = root("C=XX, O=lab, CN=root", 6)
    trust = replace(pki.trust, authorities=(namesake.der, pki.root.der))
    assert pki.verify(alice, trust=trust)
    with pytest.raises(Untrusted):
        pki.verify(alice, trust=replace(pki.trust, authorities=(namesake.der,)))


def test_a_stranger_who_brings_an_authority(pki: Pki) -> None:
    stranger = root("CN=stranger", 4)
    with pytest.raises(Untrusted) as caught:
        pki.verify(stranger.issue(ALICE, ec_key(10)), stranger.certificate)
    assert (caught.value.code, caught.value.notify) == ("cert-untrusted", NotifyType.INVALID_CERTIFICATE)


def test_a_certificate_signed_by_itself(pki: Pki) -> None:
    with pytest.raises(Untrusted):
        pki.verify(root(ALICE, 10).certificate)


def test_a_peer_whose_own_certificate_is_configured(pki: Pki) -> None:
    mine = root(ALICE, 10).issue(ALICE, ec_key(10))
    trust = Trust((), peers=(der(mine),), revocation=Revocation.STRICT)
    assert pki.verify(mine, trust=trust).authority == ALICE
    assert pki.verify(trust=trust).certificate == der(mine)
    with pytest.raises(Untrusted):
        pki.verify(root(ALICE, 10).issue(ALICE, ec_key(10)), trust=trust)
    with pytest.raises(Expired):
        pki.verify(mine, trust=trust, now=NOW + 400 * DAY)


def test_a_configured_peer_issues_nothing(pki: Pki) -> None:
    """A version 1 certificate signed by itself, too old to say whether it is a CA, is one to OpenSSL."""
    bob = root("CN=bob", 7)
    trust = Trust((), peers=(bob.der,), revocation=Revocation.OFF)
    with pytest.raises(Untrusted):
        pki.verify(bob.issue(ALICE, ec_key(10)), bob.certificate, trust=trust)


def test_no_certificate(pki: Pki) -> None:
    with pytest.raises(Missing, match="CN=alice") as caught:
        pki.verify()
    assert (caught.value.code, caught.value.notify) == ("cert-missing", NotifyType.CERTIFICATE_UNAVAILABLE)


@pytest.mark.parametrize("days", [-2, 366])
def test_a_certificate_out_of_its_time(pki: Pki, alice: x509.Certificate, days: int) -> None:
    with pytest.raises(Expired, match=r"CN=alice .* 2027-01-14 .* 2028-01-15") as caught:
        pki.verify(alice, now=NOW + days * DAY)
    assert caught.value.code == "cert-expired"


def test_an_authority_out_of_its_time(pki: Pki) -> None:
    low = pki.root.subordinate("CN=low", 3, ends=10 * DAY)
    leaf = low.issue(ALICE, ec_key(10))
    assert pki.verify(leaf, low.certificate)
    with pytest.raises(Expired, match="CN=low"):
        pki.verify(leaf, low.certificate, now=NOW + 11 * DAY)


def test_certificates_beyond_2038_and_2050() -> None:
    ca = root("CN=root", 8, ends=100 * 365 * DAY)
    leaf = ca.issue(ALICE, ec_key(10), ends=90 * 365 * DAY)
    pki = Pki(ca, ca, Trust((ca.der,), revocation=Revocation.OFF))
    for years in (1, 12, 30, 80):
        assert pki.verify(leaf, now=NOW + years * 365 * DAY)
    with pytest.raises(Expired):
        pki.verify(leaf, now=NOW + 95 * 365 * DAY)


def test_a_path_that_is_longer_than_allowed(pki: Pki) -> None:
    last = pki.root.subordinate("CN=last", 3, path_length=0)
    beyond = last.subordinate("CN=beyond", 4)
    assert pki.verify(last.issue(ALICE, ec_key(10)), last.certificate)
    with pytest.raises(Unusable):
        pki.verify(beyond.issue(ALICE, ec_key(10)), beyond.certificate, last.certificate)


def test_an_issuer_that_is_no_authority(pki: Pki) -> None:
    bob = Authority(pki.root.issue("CN=bob", ec_key(11)), ec_key(11))
    with pytest.raises(Unusable):
        pki.verify(bob.issue(ALICE, ec_key(10)), bob.certificate)


def test_an_issuer_that_only_its_key_usage_calls_an_authority(pki: Pki) -> None:
    bob = Authority(pki.root.issue("CN=bob", ec_key(11), usage=key_usage("key_cert_sign")), ec_key(11))
    with pytest.raises(Unusable):
        pki.verify(bob.issue(ALICE, ec_key(10)), bob.certificate)


def test_name_constraints(pki: Pki) -> None:
    basic = (x509.BasicConstraints(ca=True, path_length=None), True)
    limits = (x509.NameConstraints([x509.DNSName("lab.example")], None), True)
    certificate = pki.root.issue("CN=limited", ec_key(3), more=(basic, limits))
    limited = Authority(certificate, ec_key(3))
    inside, outside = (limited.issue(ALICE, ec_key(10), [host]) for host in ("gw.lab.example", "gw.other.example"))
    assert pki.verify(inside, certificate, identity="gw.lab.example")
    with pytest.raises(Unusable):
        pki.verify(outside, certificate, identity="gw.other.example")


def test_a_critical_extension_that_nobody_knows(pki: Pki) -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    assert pki.verify(pki.root.issue(ALICE, ec_key(10), more=[(unknown, False)]))
    with pytest.raises(Unusable):
        pki.verify(pki.root.issue(ALICE, ec_key(10), more=[(unknown, True)]))


@pytest.mark.parametrize(
    "names", [("digital_signature",), ("content_commitment",), ("digital_signature", "key_agreement")]
)
def test_key_usage_that_signs(pki: Pki, names: tuple[str, ...]) -> None:
    assert pki.verify(pki.root.issue(ALICE, ec_key(10), usage=key_usage(*names)))


def test_key_usage_that_does_not_sign(pki: Pki) -> None:
    with pytest.raises(Unusable, match="digitalSignature") as caught:
        pki.verify(pki.root.issue(ALICE, ec_key(10), usage=key_usage("key_encipherment")))
    assert (caught.value.code, caught.value.notify) == ("cert-unusable", NotifyType.INVALID_CERTIFICATE)


@pytest.mark.parametrize(
    ("purposes", "suits"),
    [
        ([ExtendedKeyUsageOID.IPSEC_IKE], True),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ExtendedKeyUsageOID.CODE_SIGNING], True),
        ([ExtendedKeyUsageOID.SERVER_AUTH], True),
        ([ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.OCSP_SIGNING], False),
    ],
)
def test_extended_key_usage(pki: Pki, purposes: list[x509.ObjectIdentifier], *, suits: bool) -> None:
    leaf = pki.root.issue(ALICE, ec_key(10), extended=purposes)
    if suits:
        assert pki.verify(leaf)
    else:
        with pytest.raises(Unusable, match=r"extendedKeyUsage \d"):
            pki.verify(leaf)


@pytest.mark.parametrize(
    ("purposes", "suits"),
    [
        ([], True),
        ([ExtendedKeyUsageOID.CLIENT_AUTH], False),
        ([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION], False),
        ([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH], True),
        ([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.IPSEC_IKE], True),
        ([ExtendedKeyUsageOID.CLIENT_AUTH, x509.ObjectIdentifier("1.3.6.1.5.5.8.2.2")], True),
        ([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], True),
        ([ExtendedKeyUsageOID.SERVER_AUTH], True),
    ],
)
def test_a_client_answers_as_the_gateway_that_we_called(
    pki: Pki, purposes: list[x509.ObjectIdentifier], *, suits: bool
) -> None:
    leaf = pki.root.issue(ALICE, ec_key(10), extended=purposes)
    assert pki.verify(leaf), "whoever calls may be a client"
    if suits:
        assert pki.verify(leaf, answers_call=True)
    else:
        with pytest.raises(Unusable, match="clientAuth"):
            pki.verify(leaf, answers_call=True)


def test_weak_rsa_keys(pki: Pki) -> None:
    leaf = pki.root.issue(ALICE, rsa_key(0, 1024))
    with pytest.raises(Unusable, match="1024 bits"):
        pki.verify(leaf)
    assert pki.verify(leaf, trust=replace(pki.trust, smallest_rsa_bits=1024))
    weak = root("CN=weak", key=rsa_key(0, 1024))
    with pytest.raises(Unusable, match="CN=weak"):
        pki.verify(weak.issue(ALICE, ec_key(10)), trust=replace(pki.trust, authorities=(weak.der,)))


def test_weak_signatures() -> None:
    ca = root("CN=root", key=rsa_key(3))
    below = ca.issue(ALICE, ec_key(10))
    sha1 = x509.load_der_x509_certificate(signed_weakly(below, rsa_key(3), hashes.SHA1()))
    md5 = x509.load_der_x509_certificate(signed_weakly(below, rsa_key(3), hashes.MD5()))
    pki = Pki(ca, ca, Trust((ca.der,), revocation=Revocation.OFF))
    with pytest.raises(Unusable, match=r"CN=root .*SHA1"):
        pki.verify(sha1)
    assert pki.verify(sha1, trust=replace(pki.trust, allow_sha1=True))
    with pytest.raises(Unusable, match="MD5"):
        pki.verify(md5, trust=replace(pki.trust, allow_sha1=True))


def test_a_key_that_signs_no_phase_1(pki: Pki) -> None:
    for key in (ed25519.Ed25519PrivateKey.generate(), ec_key(0, ec.SECP256K1)):
        with pytest.raises(Unusable):
            pki.verify(pki.root.issue(ALICE, key))  # type: ignore[arg-type]


def test_an_authority_that_is_none(pki: Pki, alice: x509.Certificate) -> None:
    with pytest.raises(Malformed):
        pki.verify(alice, trust=replace(pki.trust, authorities=(b"what?",)))


def test_many_threads_at_once(pki: Pki, alice: x509.Certificate) -> None:
    leaf = pki.middle.issue(ALICE, ec_key(10))
    results: list[str] = []

    def work() -> None:
        for _ in range(10):
            results.append(pki.verify(alice).subject)
            results.append(pki.verify(leaf, pki.middle.certificate).subject)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [ALICE] * 160
