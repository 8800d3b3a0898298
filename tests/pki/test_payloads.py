"""CERT payloads in their forms, and what hostile ones do."""

from __future__ import annotations

import contextlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authority import NOW, der, ec_key, key_usage, root, signed_anew
from ikev1.core.peer.identity import identification
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Revocation
from ikev1.crypto import certificates
from ikev1.pki.certificate import LARGEST
from ikev1.pki.errors import CertificateError, Malformed, Missing, UnsupportedEncoding, Untrusted
from ikev1.pki.payloads import MOST
from ikev1.pki.verify import VerifiedPeer, verify_peer
from ikev1.wire.payloads import Certificate
from ikev1.wire.registry import CertificateEncoding, NotifyType
from small_pki import Pki, cert_payload

ALICE = "C=XX, O=lab, CN=alice"
HASH_AND_URL = 12


def verify(pki: Pki, *payloads: Certificate) -> VerifiedPeer:
    return verify_peer(payloads, identification(ALICE), pki.trust, NOW)


def test_a_whole_path_wrapped_in_one_payload(pki: Pki) -> None:
    leaf = pki.middle.issue(ALICE, ec_key(10))
    wrapped = pkcs7.serialize_certificates([pki.middle.certificate, leaf], Encoding.DER)
    assert verify(pki, Certificate(CertificateEncoding.PKCS7_WRAPPED_X509, wrapped)).certificate == der(leaf)


@pytest.mark.parametrize("encoding", [HASH_AND_URL, 13, CertificateEncoding.PGP, CertificateEncoding.CRL, 200])
def test_another_form_is_refused_by_its_name(pki: Pki, encoding: int) -> None:
    with pytest.raises(UnsupportedEncoding, match=CertificateEncoding(encoding).name) as caught:
        verify(pki, Certificate(encoding, b"http://certs.example/alice"))
    assert (caught.value.code, caught.value.notify) == ("cert-unusable", NotifyType.INVALID_CERT_ENCODING)


def test_another_form_or_nonsense_beside_a_certificate_is_passed_over(pki: Pki, alice: x509.Certificate) -> None:
    others = Certificate(HASH_AND_URL, b"http://"), cert_payload(b"what?")
    assert verify(pki, *others, cert_payload(der(alice)))


@pytest.mark.parametrize("octets", [b"", b"what?", b"\x30\x80\x00\x00", bytes(1000)])
@pytest.mark.parametrize("encoding", [CertificateEncoding.X509_SIGNATURE, CertificateEncoding.PKCS7_WRAPPED_X509])
def test_nonsense(pki: Pki, octets: bytes, encoding: int) -> None:
    with pytest.raises(Malformed) as caught:
        verify(pki, Certificate(encoding, octets))
    assert (caught.value.code, caught.value.notify) == ("cert-unusable", NotifyType.INVALID_CERTIFICATE)


def test_a_wrapping_around_nothing(pki: Pki) -> None:
    # SignedData (RFC 2315 §9.1) without certificates, CRLs and signers
    signed_data = "020101" + "3100" + "300b06092a864886f70d010701" + "3100"
    empty = bytes.fromhex(f"302306092a864886f70d010702a0163014{signed_data}")
    with pytest.raises((Malformed, Missing)):
        verify(pki, Certificate(CertificateEncoding.PKCS7_WRAPPED_X509, empty))


def test_too_many_certificates(pki: Pki, alice: x509.Certificate) -> None:
    many = [der(root(f"CN={number}", 20).certificate) for number in range(MOST)]
    with pytest.raises(Malformed, match=f"{MOST} certificates"):
        verify(pki, *map(cert_payload, many), cert_payload(der(alice)))
    with pytest.raises(Malformed, match=f"{MOST} certificates"):
        verify(pki, *[cert_payload(der(alice))] * (MOST + 1))
    certificates = [x509.load_der_x509_certificate(one) for one in many]
    wrapped = pkcs7.serialize_certificates([*certificates, alice], Encoding.DER)
    with pytest.raises(Malformed, match=f"{MOST} certificates"):
        verify(pki, Certificate(CertificateEncoding.PKCS7_WRAPPED_X509, wrapped))
    assert verify(pki, *map(cert_payload, many[1:]), cert_payload(der(alice)))


def test_a_certificate_that_is_too_large(pki: Pki) -> None:
    padding = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), bytes(LARGEST))
    with pytest.raises(Malformed, match=f"{LARGEST}"):
        verify(pki, cert_payload(der(pki.root.issue(ALICE, ec_key(10), more=[(padding, False)]))))


@pytest.mark.parametrize("where", ["subject", "issuer"])
def test_a_name_of_bits(pki: Pki, where: str) -> None:
    """X.501 has attributes that are BIT STRINGs; a common name is none of them."""
    octets = bytearray(der(pki.root.issue("C=XX, O=lab, CN=name of bits", ec_key(10))))
    at = octets.index(b"\x0c\x0cname of bits" if where == "subject" else b"\x0c\x04root")
    octets[at], octets[at + 2] = 3, 0  # a BIT STRING without unused bits
    with pytest.raises(Malformed if where == "subject" else Untrusted):
        verify(pki, cert_payload(bytes(octets)))
    with pytest.raises(ValueError, match="BitString"):
        certificates.names(bytes(octets))


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_a_damaged_certificate_is_refused_with_a_reason(pki: Pki, alice: x509.Certificate, data: st.DataObject) -> None:
    """Whatever octets change, no other key is ever believed, and nothing is raised but why not."""
    octets = bytearray(der(alice))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, 3))
    octets = octets[: len(octets) - cut]
    trust = replace(pki.trust, revocation=Revocation.STRICT, revocation_lists=(pki.root.revocation_list(),))
    encoding = data.draw(st.sampled_from([1, 4]))
    try:
        peer = verify_peer([Certificate(encoding, bytes(octets))], identification(ALICE), trust, NOW)
    except CertificateError as error:
        assert error.code.startswith("cert-")  # noqa: PT017 - most damage ends here, some does none
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert bytes(octets) == der(alice) == peer.certificate


@given(changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_nonsense_that_an_authority_signed(pki: Pki, changes: list[tuple[int, int]]) -> None:
    leaf = pki.root.issue(
        ALICE,
        ec_key(10),
        ["alice@lab.example", "192.0.2.1"],
        usage=key_usage("digital_signature"),
        extended=[ExtendedKeyUsageOID.IPSEC_IKE],
        crl_url="http://ca.example/crl",
        ocsp_url="http://ca.example/ocsp",
    )
    tbs = bytearray(leaf.tbs_certificate_bytes)
    for at, octet in changes:
        tbs[at % len(tbs)] = octet
    assert isinstance(pki.root.key, ec.EllipticCurvePrivateKey)
    octets = signed_anew(leaf, bytes(tbs), pki.root.key)
    with contextlib.suppress(CertificateError):
        trust = replace(pki.trust, revocation=Revocation.STRICT, revocation_lists=(pki.root.revocation_list(),))
        assert verify_peer([cert_payload(octets)], identification(ALICE), trust, NOW).certificate == octets


@given(octets=st.binary(max_size=400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_octets(pki: Pki, octets: bytes) -> None:
    for encoding in (1, 4):
        with pytest.raises(Malformed):
            verify(pki, Certificate(encoding, octets))
