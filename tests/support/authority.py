"""Certificate authorities for tests: what they sign is valid unless the test asks for something else."""

from __future__ import annotations

import datetime
import functools
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp

NOW = 1_800_000_000.0  # 2027-01-15: the time of all tests with certificates
DAY = 86_400
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@functools.cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, the same one for the same ``number``: making one takes a while."""
    return rsa.generate_private_key(65537, bits)


@functools.cache
def ec_key(number: int = 0, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """An EC key, the same one for the same ``number``."""
    return ec.generate_private_key(curve())


def moment(seconds: float) -> datetime.datetime:
    """The moment so many seconds after `NOW`."""
    return datetime.datetime.fromtimestamp(NOW + seconds, datetime.UTC)


def der(certificate: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pkcs8(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def name(text: str) -> x509.Name:
    """A name of ``type=value`` parts in order, made without the code that is tested."""
    oids = {"C": x509.NameOID.COUNTRY_NAME, "O": x509.NameOID.ORGANIZATION_NAME, "CN": x509.NameOID.COMMON_NAME}
    parts = [part.strip().split("=", 1) for part in text.split(",")] if text else []
    return x509.Name([x509.NameAttribute(oids[kind], value) for kind, value in parts])


def alternative(text: str) -> x509.GeneralName:
    """An alternative name: an address, a mail address, or a host."""
    if "@" in text:
        return x509.RFC822Name(text)
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


_USAGES = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
_USAGES += " encipher_only decipher_only"


def key_usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in names for usage in _USAGES.split()})


@dataclass
class Authority:
    """A CA: a certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def der(self) -> bytes:
        return der(self.certificate)

    def issue(
        self,
        subject: str | x509.Name,
        key: PrivateKey,
        names: Sequence[str] = (),
        *,
        starts: float = -DAY,
        ends: float = 365 * DAY,
        usage: x509.KeyUsage | None = None,
        extended: Sequence[x509.ObjectIdentifier] = (),
        more: Iterable[tuple[x509.ExtensionType, bool]] = (),
        crl_url: str = "",
        ocsp_url: str = "",
    ) -> x509.Certificate:
        """A certificate below this CA, for a host or a user unless ``more`` says otherwise."""
        builder = _builder(subject, self.certificate.subject, key, starts, ends)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(alternative, names)), critical=not subject)
        if usage:
            builder = builder.add_extension(usage, critical=True)
        if extended:
            builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
        if crl_url:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        if ocsp_url:
            access = x509.AccessDescription(
                x509.oid.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp_url)
            )
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        for extension, critical in more:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, hashes.SHA256())

    def subordinate(self, subject: str, number: int, path_length: int | None = None, **more: object) -> Authority:
        """A CA below this one."""
        key = ec_key(number)
        extensions = ((x509.BasicConstraints(ca=True, path_length=path_length), True),)
        usage = key_usage("key_cert_sign", "crl_sign")
        return Authority(self.issue(subject, key, usage=usage, more=extensions, **more), key)  # type: ignore[arg-type]

    def revocation_list(
        self, revoked: Iterable[x509.Certificate] = (), *, starts: float = -DAY, ends: float = DAY
    ) -> bytes:
        """A CRL, DER."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(moment(starts)).next_update(moment(ends))
        for certificate in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(moment(starts))
                .build()
            )
        return der(builder.sign(self.key, hashes.SHA256()))

    def ocsp_response(
        self,
        certificate: x509.Certificate,
        status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
        *,
        starts: float = -60,
        ends: float | None = DAY,
        responder: tuple[x509.Certificate, PrivateKey] | None = None,
    ) -> bytes:
        """An OCSP response, DER, signed by this CA or by ``responder``."""
        signer, key = responder or (self.certificate, self.key)
        revoked = status is ocsp.OCSPCertStatus.REVOKED
        builder = ocsp.OCSPResponseBuilder().add_response(
            certificate,
            self.certificate,
            hashes.SHA1(),
            status,
            moment(starts),
            None if ends is None else moment(ends),
            moment(starts) if revoked else None,
            None,
        )
        if responder:
            builder = builder.certificates([signer])
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def root(subject: str, number: int = 100, key: PrivateKey | None = None, ends: float = 3650 * DAY) -> Authority:
    """A CA that signed itself."""
    key = key or ec_key(number)
    builder = _builder(subject, name(subject), key, -365 * DAY, ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(key_usage("key_cert_sign", "crl_sign"), critical=True)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def _builder(
    subject: str | x509.Name, issuer: x509.Name, key: PrivateKey, starts: float, ends: float
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject if isinstance(subject, x509.Name) else name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment(starts))
        .not_valid_after(moment(ends))
    )


def signed_anew(certificate: x509.Certificate, tbs: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """``certificate`` with other octets in place of what is signed, and a signature that fits them."""
    signature = key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")  # ecdsa-with-SHA256
    assert algorithm in der(certificate)
    return _certificate(tbs, algorithm, signature)


def signed_weakly(certificate: x509.Certificate, key: rsa.RSAPrivateKey, digest: hashes.SHA1 | hashes.MD5) -> bytes:
    """``certificate``, which was signed with RSA, signed with a hash that nobody should use."""
    rsa_with, sha256 = bytes.fromhex("300d06092a864886f70d0101"), b"\x0b"
    weak = b"\x05" if isinstance(digest, hashes.SHA1) else b"\x04"
    tbs = certificate.tbs_certificate_bytes.replace(rsa_with + sha256, rsa_with + weak, 1)
    return _certificate(tbs, rsa_with + weak + b"\x05\x00", key.sign(tbs, padding.PKCS1v15(), digest))


def _certificate(tbs: bytes, algorithm: bytes, signature: bytes) -> bytes:
    """The DER of a certificate (RFC 5280 §4.1): a SEQUENCE of what is signed, how, and the signature."""
    bits = b"\x00" + signature
    length = bytes([len(bits)]) if len(bits) < 128 else b"\x82" + len(bits).to_bytes(2)
    content = tbs + algorithm + b"\x03" + length + bits
    return b"\x30\x82" + len(content).to_bytes(2) + content
