"""Private and public keys, in and out of the files in which people have them."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)

from authority import der, ec_key, pkcs8, root, rsa_key
from ikev1.crypto import private_keys, public_keys
from ikev1.crypto.signatures import PrivateKey
from ikev1.wire.registry import NotifyType

KEYS: list[PrivateKey] = [rsa_key(), ec_key(), ec_key(0, ec.SECP521R1)]
PLAIN = [
    (Encoding.PEM, PrivateFormat.PKCS8),
    (Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
    (Encoding.DER, PrivateFormat.PKCS8),
    (Encoding.DER, PrivateFormat.TraditionalOpenSSL),
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("encoding", "form"), PLAIN)
def test_a_private_key_in_a_file(key: PrivateKey, encoding: Encoding, form: PrivateFormat) -> None:
    octets = private_keys.parse(key.private_bytes(encoding, form, NoEncryption()))
    assert octets == pkcs8(key)
    assert private_keys.load(octets).public_key() == key.public_key()


@pytest.mark.parametrize(("encoding", "form"), PLAIN[:3])
def test_an_encrypted_private_key(encoding: Encoding, form: PrivateFormat) -> None:
    octets = rsa_key().private_bytes(encoding, form, BestAvailableEncryption(b"open sesame"))
    assert private_keys.parse(octets, b"open sesame") == pkcs8(rsa_key())
    with pytest.raises(ValueError, match=r"."):
        private_keys.parse(octets, b"open barley")
    with pytest.raises(ValueError, match=r"."):
        private_keys.parse(octets)


def test_a_passphrase_for_a_key_that_is_not_encrypted() -> None:
    with pytest.raises(ValueError, match=r"."):
        private_keys.parse(pkcs8(rsa_key()), b"open sesame")


@pytest.mark.parametrize("octets", [b"", b"\x30\x00", b"-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----"])
def test_no_private_key(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        private_keys.parse(octets)


def test_a_private_key_that_signs_no_phase_1() -> None:
    octets = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match=r"."):
        private_keys.parse(octets)
    with pytest.raises(ValueError, match=r"."):
        private_keys.load(octets)


def test_a_loaded_key_is_kept() -> None:
    assert private_keys.load(pkcs8(rsa_key())) is private_keys.load(pkcs8(rsa_key()))


def test_pkcs12() -> None:
    ca = root("CN=ca")
    leaf = ca.issue("CN=alice", rsa_key())
    octets = pkcs12.serialize_key_and_certificates(
        b"alice", rsa_key(), leaf, [ca.certificate], BestAvailableEncryption(b"open sesame")
    )
    bundle = private_keys.parse_pkcs12(octets, b"open sesame")
    assert bundle == (pkcs8(rsa_key()), der(leaf), (ca.der,))
    assert pkcs8(rsa_key()).hex() not in repr(bundle)
    assert repr(pkcs8(rsa_key())) not in f"{bundle}"
    with pytest.raises(ValueError, match=r"."):
        private_keys.parse_pkcs12(octets, b"open barley")


def test_pkcs12_without_a_key() -> None:
    octets = pkcs12.serialize_key_and_certificates(None, None, root("CN=ca").certificate, None, NoEncryption())
    with pytest.raises(ValueError, match=r"."):
        private_keys.parse_pkcs12(octets)


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def dns(exponent: int = 65537) -> bytes:
    """RFC 3110 §2: the length of the exponent, the exponent, the modulus."""
    modulus = rsa_key().public_key().public_numbers().n
    return b"\x03" + exponent.to_bytes(3) + modulus.to_bytes(256)


@pytest.mark.parametrize("key", KEYS)
def test_a_public_key_in_a_file(key: PrivateKey) -> None:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    certificate = root("CN=alice", key=key).certificate
    for octets in (pem, spki(key), certificate.public_bytes(Encoding.PEM), certificate.public_bytes(Encoding.DER)):
        assert public_keys.parse(octets) == spki(key)
    assert public_keys.load(spki(key)) == key.public_key()


def test_an_rsa_public_key_as_dns_has_it() -> None:
    text = base64.b64encode(dns())
    long_form = b"\x00\x00\x03" + dns()[1:]
    wrapped = text[:70] + b"\n  " + text[70:] + b"\n"
    for octets in (text, b"0s" + text, b"0x" + dns().hex().encode(), b"0s" + base64.b64encode(long_form), wrapped):
        assert public_keys.parse(octets) == spki(rsa_key())


NO_KEYS = [b"", b"\x00", b"\x00\x00", b"\xff", b"0s", b"0x", b"0xzz", b"0sAA==", b"what?", b"\x30\x00"]
NO_KEYS += [b"-----BEGIN PUBLIC KEY-----", base64.b64encode(b"\x03\x01"), base64.b64encode(dns(exponent=2))]


@pytest.mark.parametrize("octets", NO_KEYS)
def test_no_public_key(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        public_keys.parse(octets)


def test_an_rsa_public_key_without_end() -> None:
    with pytest.raises(ValueError, match="16384"):
        public_keys.parse(b"0s" + base64.b64encode(b"\x01\x03" + b"\xff" * 4096))


def test_weak_keys() -> None:
    weak = rsa_key(0, 1024).public_key()
    with pytest.raises(public_keys.WeakPublicKey, match="1024 bits") as caught:
        public_keys.check_strength(weak, 2048)
    assert caught.value.notify == NotifyType.INVALID_CERTIFICATE
    public_keys.check_strength(weak, 1024)
    public_keys.check_strength(ec_key().public_key(), 2048)
