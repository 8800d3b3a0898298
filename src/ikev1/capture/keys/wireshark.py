"""Wireshark's two key tables, which our own key log uses as well, and tcpdump's file of ESP secrets.

``ikev1_decryption_table``: ``COOKIE,KEY``. ``esp_sa``: ``"IPv4","SRC","DST","SPI","CIPHER","KEY","INTEGRITY","KEY"``.
Quotes and ``0x`` are optional, and so is the prefix ``uat:TABLE:`` of tshark's ``-o``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ikev1.capture.keys.key_ring import EspKeys, IkeKeys, KeyRing
from ikev1.capture.keys.names import key_length_of
from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm

_COOKIE = re.compile(r"(?:0x)?([0-9a-fA-F]{16})")
_HEX = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2})*)")
_SPI = re.compile(r"0x([0-9a-fA-F]{1,8})|([0-9]+)")
_TABLE = re.compile(r'^(?:-o\s+)?["\']?uat:\w+:')

_GCM = {8: EspTransform.AES_GCM_8, 12: EspTransform.AES_GCM_12, 16: EspTransform.AES_GCM_16}
_CIPHERS: dict[str, int] = {
    "NULL": EspTransform.NULL,
    "DES-CBC": EspTransform.DES,
    "TripleDES-CBC": EspTransform.TRIPLE_DES,
    "AES-CBC": EspTransform.AES_CBC,
    "AES-CTR": EspTransform.AES_CTR,
    **{f"AES-GCM with {size} octet ICV": number for size, number in _GCM.items()},
    "AES-GCM": EspTransform.AES_GCM_16,  # the name in older versions
    "BLOWFISH-CBC": EspTransform.BLOWFISH,
    "CAST5-CBC": EspTransform.CAST,
    "TWOFISH-CBC": EspTransform.TWOFISH,
}
_INTEGRITY: dict[str, int] = {
    "NULL": 0,
    "HMAC-MD5-96": IntegrityAlgorithm.HMAC_MD5,
    "HMAC-SHA-1-96": IntegrityAlgorithm.HMAC_SHA1,
    "HMAC-SHA-256-128": IntegrityAlgorithm.HMAC_SHA2_256,
    "HMAC-SHA-384-192": IntegrityAlgorithm.HMAC_SHA2_384,
    "HMAC-SHA-512-256": IntegrityAlgorithm.HMAC_SHA2_512,
}


def read_tables(lines: Iterable[str], source: str) -> KeyRing:
    """Extract the keys from ``lines``; other lines are ignored."""
    ike: list[IkeKeys] = []
    esp: list[EspKeys] = []
    for line in lines:
        fields = [field.strip().strip('"') for field in _TABLE.sub("", line.strip()).rstrip("'").split(",")]
        if len(fields) == 2 and (found := _ike(fields, source)) is not None:
            ike.append(found)
        elif len(fields) >= 8 and (keys := _esp(fields, source)) is not None:
            esp.append(keys)
    return KeyRing(tuple(ike), tuple(esp))


def _ike(fields: list[str], source: str) -> IkeKeys | None:
    cookie, key = _COOKIE.fullmatch(fields[0]), _HEX.fullmatch(fields[1])
    if cookie is None or key is None or not key[1]:
        return None
    return IkeKeys(source, bytes.fromhex(cookie[1]), bytes.fromhex(key[1]))


def _esp(fields: list[str], source: str) -> EspKeys | None:
    _, _, _, spi_text, cipher, cipher_key, integrity, integrity_key, *_ = fields
    spi, keys = _SPI.fullmatch(spi_text), [_HEX.fullmatch(text) for text in (cipher_key, integrity_key)]
    encryption, algorithm = _CIPHERS.get(_word(cipher)), _INTEGRITY.get(_word(integrity))
    if spi is None or None in keys or encryption is None or algorithm is None:
        return None
    of_cipher, of_integrity = (bytes.fromhex(found[1]) for found in keys if found is not None)
    number = int(spi[1], 16) if spi[1] else int(spi[2])
    if number >= 1 << 32:
        return None
    suite = IpsecSuite(encryption, key_length_of(encryption, of_cipher), algorithm)
    return EspKeys(source, suite, IpsecKeys(number, of_cipher, of_integrity))


def _word(name: str) -> str:
    """``name`` without the RFC in brackets."""
    return name.partition(" [")[0].strip()


# --- tcpdump

_TCPDUMP = re.compile(
    r"(?P<spi>0x[0-9a-fA-F]{1,8}|[0-9]+)@(?P<address>\S+)\s+(?P<cipher>[\w]+)-cbc(?P<icv>-hmac96)?:0x(?P<key>[0-9a-fA-F]+)"
)
_TCPDUMP_CIPHERS: dict[str, tuple[int, int]] = {
    "des": (EspTransform.DES, 0),
    "3des": (EspTransform.TRIPLE_DES, 0),
    "aes": (EspTransform.AES_CBC, 128),
    "aes128": (EspTransform.AES_CBC, 128),
    "aes192": (EspTransform.AES_CBC, 192),
    "aes256": (EspTransform.AES_CBC, 256),
}


def read_tcpdump(lines: Iterable[str], source: str) -> KeyRing:
    """Extract keys from a file for tcpdump's ``-E`` (no integrity keys): ``SPI@ADDRESS aes256-cbc-hmac96:0xKEY``."""
    esp: list[EspKeys] = []
    for line in lines:
        found = _TCPDUMP.fullmatch(line.strip())
        if found is None or found["cipher"] not in _TCPDUMP_CIPHERS or len(found["key"]) % 2:
            continue
        suite = IpsecSuite(*_TCPDUMP_CIPHERS[found["cipher"]])
        keys = IpsecKeys(int(found["spi"], 0), bytes.fromhex(found["key"]))
        esp.append(EspKeys(source, suite, keys, 12 if found["icv"] else 0))
    return KeyRing(esp=tuple(esp))
