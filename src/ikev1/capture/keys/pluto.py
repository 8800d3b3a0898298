"""Keys in a pluto log of libreswan with ``plutodebug=crypt,private``, of Openswan or of FreeS/WAN.

Since version 3, libreswan keeps SKEYID and the keys derived from it inside NSS. Its log contains pre-shared keys, and
ESP keys followed by a line with their SPIs. Older versions dump all keys.

A dump is a name, optionally followed by octets, and rows of 16 octets.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

from ikev1.capture.keys.key_ring import EspKeys, IkeKeys, KeyRing, PreSharedKey
from ikev1.capture.keys.names import CIPHERS, INTEGRITY
from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.wire.registry import EspTransform

PLUTO_LINE = re.compile(r"^(?:.*?[\]:] )?\| (.*)$")
"""A debug line of the log."""

_ROW = re.compile(r"\s*((?:[0-9a-f]{2} {1,2}){0,15}[0-9a-f]{2})(?:\s{2,}.*)?$")
_NAME = re.compile(r"\s*([A-Za-z_][A-Za-z_ ]*?):?\s*((?:\b[0-9a-f]{2} {1,2}){0,15}(?:\b[0-9a-f]{2})?)$")
_ESTABLISHED = re.compile(
    r"IPsec SA established.*\{ESP[^=]*=>0x(?P<outbound>[0-9a-f]{8}) <0x(?P<inbound>[0-9a-f]{8}) "
    r"xfrm=(?P<cipher>\w+?)(?:_(?P<key_length>\d{3}))?-(?P<integrity>\w+)"
)
_PHASE_1 = {
    "Skeyid": "SKEYID",
    "Skeyid_d": "SKEYID_d",
    "Skeyid_a": "SKEYID_a",
    "Skeyid_e": "SKEYID_e",
    "enc key": "encryption_key",
}
_SECRETS = frozenset({"User PSK", "PreShared Key", "Preshared Key"})
_CIPHERS = {
    name: number for name, number in CIPHERS.items() if number != EspTransform.DES
}  # pluto does not support DES
_INTEGRITY = {"NONE": 0, **INTEGRITY}
_LONGEST_NAME = 100  # followed by a row of octets
MOST_PAIRS = 8  # ESP keys before the line with their SPIs


def read_pluto(lines: Iterable[str], source: str) -> KeyRing:
    """Extract the keys from a pluto log."""
    ike: list[IkeKeys] = []
    esp: list[EspKeys] = []
    secrets: dict[bytes, None] = {}
    pairs: deque[tuple[bytes, bytes]] = deque(maxlen=MOST_PAIRS)
    cipher_key = b""
    phase1: dict[str, bytes] = {}
    for name, octets in _dumps(lines):
        if name in _SECRETS:
            secrets.setdefault(octets)
        elif name == "ESP enckey":
            cipher_key = octets
        elif name == "ESP authkey":
            pairs.append((cipher_key, octets))
        elif name in _PHASE_1:
            phase1[_PHASE_1[name]] = octets
            if name == "enc key":
                ike.append(IkeKeys(source, b"", **phase1))
                phase1 = {}
        elif not octets and (found := _ESTABLISHED.search(name)) is not None:
            esp += _esp(found, pairs, source)
            pairs.clear()
    return KeyRing(tuple(ike), tuple(esp), pre_shared_keys=tuple(PreSharedKey(source, each) for each in secrets))


def _dumps(lines: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The dumps as name and octets, and the other lines with empty octets."""
    name, octets = "", b""
    for line in lines:
        match = PLUTO_LINE.match(line.rstrip("\r\n"))
        text = match[1] if match is not None else ""
        row = _ROW.match(text)
        if row is not None:
            octets += bytes.fromhex(row[1])
            continue
        if name:
            yield name, octets
        name, octets = "", b""
        if match is None:
            yield line, b""
        elif len(text) < _LONGEST_NAME and (begins := _NAME.match(text)) is not None:
            name, octets = begins[1], bytes.fromhex(begins[2])
    if name:
        yield name, octets


def _esp(found: re.Match[str], pairs: Iterable[tuple[bytes, bytes]], source: str) -> Iterator[EspKeys]:
    """Candidate keys for both SPIs: the log does not state the direction, decryption does."""
    outbound, inbound, cipher, key_length, integrity = found.groups()
    if cipher not in _CIPHERS or integrity not in _INTEGRITY:
        return
    suite = IpsecSuite(_CIPHERS[cipher], int(key_length or 0), _INTEGRITY[integrity])
    for spi in (outbound, inbound):
        for cipher_key, integrity_key in dict.fromkeys(pairs):
            yield EspKeys(source, suite, IpsecKeys(int(spi, 16), cipher_key, integrity_key))
