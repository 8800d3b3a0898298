from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7

from authority import NOW, der, ec_key, root
from ikev1.crypto import certificates
from ikev1.crypto.certificate_requests import answer, choose, path_upwards, requests
from ikev1.crypto.distinguished_name import from_text
from ikev1.wire.payloads import Certificate, CertificateRequest
from ikev1.wire.registry import CertificateEncoding, IdType

CA, OTHER = root("C=XX, O=lab, CN=ca", 1), root("CN=other", 2)
MIDDLE = CA.subordinate("CN=middle", 3)
LOW = MIDDLE.subordinate("CN=low", 4)
ALICE = der(LOW.issue("CN=alice", ec_key(5)))
BOB = der(OTHER.issue("CN=bob", ec_key(6)))
ABOVE = (LOW.der, MIDDLE.der)
X509 = CertificateEncoding.X509_SIGNATURE


def test_when_a_certificate_is_valid() -> None:
    one = der(CA.issue("CN=alice", ec_key(5), starts=-10, ends=20))
    assert certificates.validity(one) == (NOW - 10, NOW + 20)


def test_whom_a_certificate_is_for() -> None:
    names = ["alice.example", "alice@lab.example", "192.0.2.1", "2001:db8::1", "more.example"]
    assert certificates.identities(der(CA.issue("CN=alice", ec_key(5), names))) == (
        (IdType.DER_ASN1_DN, from_text("CN=alice")),
        (IdType.FQDN, b"alice.example"),
        (IdType.FQDN, b"more.example"),
        (IdType.USER_FQDN, b"alice@lab.example"),
        (IdType.IPV4_ADDR, bytes((192, 0, 2, 1))),
        (IdType.IPV6_ADDR, bytes.fromhex("20010db8000000000000000000000001")),
    )
    assert certificates.identities(ALICE) == ((IdType.DER_ASN1_DN, from_text("CN=alice")),)
    assert certificates.identities(der(CA.issue("", ec_key(5), ["a.example"]))) == ((IdType.FQDN, b"a.example"),)


def asks(*authorities: bytes, encoding: int = X509) -> list[CertificateRequest]:
    return [CertificateRequest(encoding, authority) for authority in authorities]


def test_certificates_in_a_file() -> None:
    pem = CA.certificate.public_bytes(Encoding.PEM) + b"a comment\n" + OTHER.certificate.public_bytes(Encoding.PEM)
    assert certificates.parse(pem) == (CA.der, OTHER.der)
    assert certificates.parse(CA.der) == (CA.der,)
    bundle = [CA.certificate, OTHER.certificate]
    for encoding in (Encoding.DER, Encoding.PEM):
        assert set(certificates.parse(pkcs7.serialize_certificates(bundle, encoding))) == {CA.der, OTHER.der}


@pytest.mark.parametrize("octets", [b"", b"\x30\x00", b"what?", b"-----BEGIN CERTIFICATE-----\n"])
def test_no_certificates_in_a_file(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        certificates.parse(octets)


def test_revocation_lists_in_a_file() -> None:
    lists = (CA.revocation_list(), OTHER.revocation_list())
    pem = b"".join(x509.load_der_x509_crl(one).public_bytes(Encoding.PEM) for one in lists)
    assert certificates.parse_revocation_lists(pem) == lists
    assert certificates.parse_revocation_lists(lists[0]) == lists[:1]
    with pytest.raises(ValueError, match=r"."):
        certificates.parse_revocation_lists(b"what?")


def test_versions_that_there_are_not() -> None:
    certificate = CA.der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"), 1)
    crl = CA.revocation_list()
    assert certificate != CA.der
    for read in (certificates.parse, certificates.names, certificates.public_key):
        with pytest.raises(ValueError, match="version"):
            read(certificate)
    with pytest.raises(ValueError, match="version"):
        certificates.parse_revocation_lists(crl.replace(bytes.fromhex("020101"), bytes.fromhex("020107"), 1))


def test_what_a_certificate_says_of_itself() -> None:
    assert certificates.names(MIDDLE.der) == (from_text("CN=middle"), CA.certificate.subject.public_bytes())
    assert certificates.names(CA.der).is_self_issued
    assert not certificates.names(MIDDLE.der).is_self_issued
    spki = ec_key(5).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert certificates.public_key(ALICE) == spki


def test_requests_name_the_authorities_once() -> None:
    assert requests((CA.der, OTHER.der, CA.der)) == (
        CertificateRequest(X509, CA.certificate.subject.public_bytes()),
        CertificateRequest(X509, from_text("CN=other")),
    )


def test_too_many_authorities_become_one_empty_request() -> None:
    assert requests((CA.der, OTHER.der), limit=1) == (CertificateRequest(X509, b""),)


def test_no_authorities_request_nothing() -> None:
    assert requests(()) == ()


def test_a_certificate_is_chosen_by_the_authority_above_it() -> None:
    for authority in (from_text("CN=low"), from_text("CN=middle"), CA.certificate.subject.public_bytes()):
        assert choose(asks(b"\x30\x00", authority), (BOB, ALICE), ABOVE) == ALICE
    assert choose(asks(from_text("CN=other")), (ALICE, BOB), ABOVE) == BOB
    assert choose(asks(CA.certificate.subject.public_bytes()), (BOB, ALICE), ()) is None
    assert choose(asks(from_text("CN=nobody")), (ALICE, BOB), ABOVE) is None


def test_an_empty_request_asks_for_any() -> None:
    assert choose(asks(b""), (ALICE, BOB), ABOVE) == ALICE
    assert choose(asks(from_text("CN=other"), b""), (ALICE, BOB), ABOVE) == ALICE
    assert choose((), (BOB,), ABOVE) == BOB
    assert choose(asks(b""), (), ABOVE) is None


def test_requests_for_what_we_do_not_have_count_as_empty() -> None:
    for encoding in (CertificateEncoding.CRL, CertificateEncoding.PGP, 12, 200):
        assert choose(asks(from_text("CN=other"), encoding=encoding), (ALICE, BOB), ABOVE) == ALICE


def test_the_path_upwards_leaves_out_the_authority_itself() -> None:
    assert path_upwards(ALICE, (CA.der, *ABOVE, OTHER.der)) == (ALICE, LOW.der, MIDDLE.der)
    assert path_upwards(ALICE, (CA.der, MIDDLE.der)) == (ALICE,)


def test_a_path_in_a_circle_ends() -> None:
    first, second = root("CN=first", 7), root("CN=second", 8)
    crossed = (der(first.issue("CN=second", ec_key(8))), der(second.issue("CN=first", ec_key(7))))
    assert path_upwards(der(first.issue("CN=leaf", ec_key(9))), crossed)[1:] == crossed[::-1]


def test_the_answer_goes_as_far_as_the_authority_that_was_named() -> None:
    def sent(*authorities: bytes) -> list[bytes]:
        payloads = answer(asks(*authorities), ALICE, ABOVE)
        assert all(isinstance(payload, Certificate) and payload.encoding == X509 for payload in payloads)
        return [payload.data for payload in payloads]

    assert sent(CA.certificate.subject.public_bytes()) == [ALICE, LOW.der, MIDDLE.der]
    assert sent(from_text("CN=middle")) == [ALICE, LOW.der]
    assert sent(from_text("CN=low")) == [ALICE]
    assert sent(b"") == [ALICE, LOW.der, MIDDLE.der]
    assert sent() == []
