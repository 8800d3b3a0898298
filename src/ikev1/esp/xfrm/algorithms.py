"""The suites by the names that the kernel's crypto API has for them, and their keys as attributes of a state."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.crypto.errors import UnsupportedAlgorithm
from ikev1.crypto.suites import esp_key_sizes
from ikev1.esp.plane import PlaneError
from ikev1.esp.xfrm.layout import Attribute
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm, IpcompTransform, ProtocolId

_ATTRIBUTE = struct.Struct("=HH")
_ALGORITHM = struct.Struct("=64sI")  # struct xfrm_algo: name, length of the key in bits
_LONGER_ALGORITHM = struct.Struct("=64sII")  # struct xfrm_algo_auth, xfrm_algo_aead: of the ICV, too

# The attributes that hold keys, and the number of octets before the key
KEY_HEADERS = {
    Attribute.ALG_AEAD: _LONGER_ALGORITHM.size,
    Attribute.ALG_CRYPT: _ALGORITHM.size,
    Attribute.ALG_AUTH_TRUNC: _LONGER_ALGORITHM.size,
    Attribute.ALG_COMP: _ALGORITHM.size,
}

_CIPHERS: dict[int, bytes] = {
    EspTransform.DES: b"cbc(des)",
    EspTransform.TRIPLE_DES: b"cbc(des3_ede)",
    EspTransform.NULL: b"ecb(cipher_null)",
    EspTransform.AES_CBC: b"cbc(aes)",
    EspTransform.AES_CTR: b"rfc3686(ctr(aes))",
    EspTransform.CAMELLIA: b"cbc(camellia)",
    EspTransform.BLOWFISH: b"cbc(blowfish)",
    EspTransform.CAST: b"cbc(cast5)",
    EspTransform.SERPENT: b"cbc(serpent)",
    EspTransform.TWOFISH: b"cbc(twofish)",
}


class _Sealed(NamedTuple):
    name: bytes
    icv: int  # bits


_COMBINED: dict[int, _Sealed] = {
    EspTransform.AES_GCM_8: _Sealed(b"rfc4106(gcm(aes))", 64),
    EspTransform.AES_GCM_12: _Sealed(b"rfc4106(gcm(aes))", 96),
    EspTransform.AES_GCM_16: _Sealed(b"rfc4106(gcm(aes))", 128),
    EspTransform.AES_CCM_8: _Sealed(b"rfc4309(ccm(aes))", 64),
    EspTransform.AES_CCM_12: _Sealed(b"rfc4309(ccm(aes))", 96),
    EspTransform.AES_CCM_16: _Sealed(b"rfc4309(ccm(aes))", 128),
    EspTransform.NULL_AUTH_AES_GMAC: _Sealed(b"rfc4543(gcm(aes))", 128),
}

# The truncated length of each MAC: RFC 2403 §2, RFC 2404 §2, RFC 4868 §2.3, RFC 3566 §4.2. The kernel's default for
# SHA-256 is from a draft: 96 bits.
_MACS: dict[int, _Sealed] = {
    IntegrityAlgorithm.HMAC_MD5: _Sealed(b"hmac(md5)", 96),
    IntegrityAlgorithm.HMAC_SHA1: _Sealed(b"hmac(sha1)", 96),
    IntegrityAlgorithm.HMAC_SHA2_256: _Sealed(b"hmac(sha256)", 128),
    IntegrityAlgorithm.HMAC_SHA2_384: _Sealed(b"hmac(sha384)", 192),
    IntegrityAlgorithm.HMAC_SHA2_512: _Sealed(b"hmac(sha512)", 256),
    IntegrityAlgorithm.AES_XCBC_MAC: _Sealed(b"xcbc(aes)", 96),
}

_COMPRESSIONS: dict[int, bytes] = {
    IpcompTransform.DEFLATE: b"deflate",
    IpcompTransform.LZS: b"lzs",
    IpcompTransform.LZJH: b"lzjh",
}


def key_attributes(suite: IpsecSuite, keys: IpsecKeys) -> bytearray:
    """The attributes for ``suite`` and ``keys``; the caller wipes them after use.

    Raises:
        PlaneError: the suite is not supported, or a key has the wrong size.
    """
    _check_sizes(suite, keys)
    octets = bytearray()
    if suite.protocol == ProtocolId.ESP and suite.encryption in _COMBINED:
        name, icv = _COMBINED[suite.encryption]
        _append(octets, Attribute.ALG_AEAD, _longer(name, keys.encryption_key, icv), keys.encryption_key)
        return octets
    if suite.protocol == ProtocolId.ESP:
        header = _ALGORITHM.pack(_CIPHERS[suite.encryption], 8 * len(keys.encryption_key))
        _append(octets, Attribute.ALG_CRYPT, header, keys.encryption_key)
    name, icv = _MACS[suite.integrity]
    icv = 96 if suite.sha256_96 else icv
    _append(octets, Attribute.ALG_AUTH_TRUNC, _longer(name, keys.integrity_key, icv), keys.integrity_key)
    return octets


def compression_attribute(algorithm: int) -> bytes:
    """The attribute for an IPCOMP transform.

    Raises:
        PlaneError: the kernel has no name for it.
    """
    name = _COMPRESSIONS.get(algorithm)
    if name is None:
        raise PlaneError(f"the kernel does not support the IPComp algorithm {IpcompTransform(algorithm).name}")
    octets = bytearray()
    _append(octets, Attribute.ALG_COMP, _ALGORITHM.pack(name, 0), b"")
    return bytes(octets)


def _check_sizes(suite: IpsecSuite, keys: IpsecKeys) -> None:
    # AH has the same keys as ESP without encryption
    encryption, key_length = suite.encryption, suite.key_length
    if suite.protocol == ProtocolId.AH:
        encryption, key_length = EspTransform.NULL, 0
    if encryption not in _COMBINED and (encryption not in _CIPHERS or suite.integrity not in _MACS):
        raise PlaneError(f"the kernel does not support ESP transform {encryption} with integrity {suite.integrity}")
    try:
        wanted = esp_key_sizes(encryption, key_length, suite.integrity)
    except UnsupportedAlgorithm as error:
        raise PlaneError(str(error)) from None
    found = len(keys.encryption_key), len(keys.integrity_key)
    if found != wanted:
        raise PlaneError(f"keys of {found[0]} and {found[1]} octets found, expected {wanted[0]} and {wanted[1]}")


def _longer(name: bytes, key: bytes, icv: int) -> bytes:
    return _LONGER_ALGORITHM.pack(name, 8 * len(key), icv)


def _append(octets: bytearray, kind: Attribute, header: bytes, key: bytes) -> None:
    """Append an attribute without a copy of the key in any other buffer."""
    length = _ATTRIBUTE.size + len(header) + len(key)
    octets += _ATTRIBUTE.pack(length, kind)
    octets += header
    octets += key
    octets += bytes(-length % 4)
