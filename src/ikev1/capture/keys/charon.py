"""Keys in a charon log with `ike`, `enc` and `chd` at level 4, which contains a dump of every derived key.

A dump is a line with a name and "=> 32 bytes @ 0x...", followed by rows of 16 octets. The lines of several threads are
interleaved, so the thread identifies the lines of one SA. The keys of an ISAKMP SA are dumped without its cookies, but
the same thread then generates a message, and dumps its header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ikev1.capture.keys.key_ring import EspKeys, IkeKeys, KeyRing
from ikev1.capture.keys.names import CIPHERS, INTEGRITY, key_length_of
from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite

CHARON_LINE = re.compile(r"^.*?\b(\d{2,3})\[([A-Z]{3})\] ?(?:<[^>]*> ?)?(.*)$")
"""A log line: thread, subsystem, text."""

_DUMP = re.compile(r"^\s*(.*?) ?=> (\d{1,5}) bytes @ ")
_ROW = re.compile(r"^\s*\d+:((?: [0-9A-Fa-f]{2}){1,16})(?:\s|$)")
_ALGORITHM = re.compile(r"\s*using (\S+) for (encryption|integrity)")
_SA = re.compile(r"\s*SPI 0x([0-9a-f]{8}), src \S+ dst \S+")
_MOST_THREADS = 1024

_PHASE_1 = {
    "shared Diffie Hellman secret": "g_xy",
    "SKEYID": "SKEYID",
    "SKEYID_d": "SKEYID_d",
    "SKEYID_a": "SKEYID_a",
    "SKEYID_e": "SKEYID_e",
    "encryption key Ka": "encryption_key",
}


class _Entry(NamedTuple):
    """A log line, or a dump with its octets."""

    thread: str
    text: str
    octets: bytes = b""


def read_charon(lines: Iterable[str], source: str) -> KeyRing:
    """Extract the keys from a charon log."""
    threads: dict[str, _Thread] = {}
    ike: list[IkeKeys] = []
    esp: list[EspKeys] = []
    for entry in _entries(lines):
        if entry.thread not in threads and len(threads) == _MOST_THREADS:
            continue
        thread = threads.setdefault(entry.thread, _Thread(source))
        if (keys := thread.phase1(entry)) is not None:
            ike.append(keys)
        if (found := thread.phase2(entry)) is not None:
            esp.append(found)
    ike += [keys for thread in threads.values() if (keys := thread.without_cookie()) is not None]
    return KeyRing(tuple(ike), tuple(esp))


def _entries(lines: Iterable[str]) -> Iterator[_Entry]:
    pending: dict[str, tuple[str, int, bytes]] = {}  # by thread: name and size of a dump, octets so far
    for line in lines:
        match = CHARON_LINE.match(line.rstrip("\r\n"))
        if match is None:
            continue
        thread, _, text = match.groups()
        row = _ROW.match(text)
        if row is not None and thread in pending:
            name, size, octets = pending[thread]
            octets += bytes.fromhex(row[1])
            if len(octets) < size:
                pending[thread] = name, size, octets
            else:
                del pending[thread]
                yield _Entry(thread, name, octets[:size])
            continue
        pending.pop(thread, None)
        dump = _DUMP.match(text)
        if dump is not None and int(dump[2]) and len(pending) < _MOST_THREADS:
            pending[thread] = dump[1], int(dump[2]), b""
        else:
            yield _Entry(thread, text)


class _Thread:
    """The keys that one thread has logged for its current SA."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._phase1: dict[str, bytes] = {}
        self._at_header = False
        self._algorithms: dict[str, str] = {}
        self._phase2: dict[str, bytes] = {}

    def phase1(self, entry: _Entry) -> IkeKeys | None:
        """The keys of an ISAKMP SA, once the header of the next message supplies its cookie."""
        if entry.octets and entry.text in _PHASE_1:
            if _PHASE_1[entry.text] == "g_xy":
                self._phase1 = {}
            self._phase1[_PHASE_1[entry.text]] = entry.octets
            return None
        if entry.text.strip() == "generating rule 0 IKE_SPI":
            self._at_header = True
        elif self._at_header and entry.octets:
            self._at_header = False
            if self._phase1 and len(entry.octets) == 8:
                known, self._phase1 = self._phase1, {}
                return IkeKeys(self._source, entry.octets, **known)
        return None

    def without_cookie(self) -> IkeKeys | None:
        """The keys whose cookie the log does not contain."""
        return IkeKeys(self._source, b"", **self._phase1) if "SKEYID" in self._phase1 else None

    def phase2(self, entry: _Entry) -> EspKeys | None:
        """The keys of an ESP SA, when it is added."""
        if (algorithm := _ALGORITHM.match(entry.text)) is not None:
            if algorithm[2] == "encryption":
                self._algorithms, self._phase2 = {}, {}
            self._algorithms[algorithm[2]] = algorithm[1]
        elif entry.octets:
            self._phase2[entry.text] = entry.octets
        elif (sa := _SA.match(entry.text)) is not None:
            return self._esp(bytes.fromhex(sa[1]))
        return None

    def _esp(self, spi: bytes) -> EspKeys | None:
        # A seed is [g^xy,] protocol, SPI and nonces (RFC 2409 §5.5), so it identifies the keys of this SPI
        side = next(
            (side for side in ("initiator", "responder") if b"\x03" + spi in self._phase2.get(f"{side} SA seed", b"")),
            None,
        )
        cipher = CIPHERS.get(self._algorithms.get("encryption", ""))
        if side is None or cipher is None:
            return None
        encryption_key = self._phase2.get(f"encryption {side} key", b"")
        integrity_key = self._phase2.get(f"integrity {side} key", b"")
        integrity = INTEGRITY.get(self._algorithms.get("integrity", ""), 0) if integrity_key else 0
        suite = IpsecSuite(cipher, key_length_of(cipher, encryption_key), integrity)
        return EspKeys(self._source, suite, IpsecKeys(int.from_bytes(spi), encryption_key, integrity_key))
