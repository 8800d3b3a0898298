"""The text of a golden transcript, and the comparison of two of them.

A line that begins with ``[`` and the time in seconds begins an entry, which is one of:

- a datagram: sender, ``->`` or ``-x`` (lost), receiver, source and destination as the sender sees them, label. The
  indented lines below are its octets: the header, then each payload with its generic header, or, of an encrypted
  message, the ciphertext (``E``);
- a change of a peer's data plane: ``install-in``, ``install-out``, ``move`` or ``remove``, protocol and SPI, and a
  fingerprint of the keys, in the order of the engine's actions;
- ``codes``: the events that the engine reported in one step, sorted.

Lines that begin with ``#`` are remarks, which are not compared: headings, the payloads of an encrypted message, and
whether the store was written. The compared part contains no name of a class and no sentence.
"""

from __future__ import annotations

from difflib import ndiff
from itertools import zip_longest

from cryptography.hazmat.primitives.asymmetric import padding, rsa

_NAMES = {
    1: "SA",
    4: "KE",
    5: "ID",
    6: "CERT",
    7: "CERTREQ",
    8: "HASH",
    9: "SIG",
    10: "NONCE",
    11: "N",
    12: "D",
    13: "VID",
    20: "NAT-D",
    21: "NAT-OA",
    130: "NAT-D",
    131: "NAT-OA",
    132: "FRAG",
}
_HEADER, _GENERIC = 28, 4  # octets (RFC 2408 §3.1, §3.2)
_FIELDS = (8, 8, 1, 1, 1, 1, 4, 4)  # octets of the fields of a header
_ENCRYPTED = 0x01
_HIDDEN = (5, 10)  # payloads whose bodies RSA encrypts (RFC 2409 §5.2, §5.3)
_WIDTH = 40  # octets in a line


class Transcript:
    """A transcript in the making."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(f"{line}\n" for line in self._lines)

    def remark(self, text: str) -> None:
        """Adds a remark."""
        self._lines += [f"# {line.strip()}".rstrip() for line in text.splitlines()]

    def line(self, passed: float, text: str) -> None:
        """Adds an entry without octets, ``passed`` seconds after the beginning."""
        self._lines.append(f"[{passed:10.3f}] {text}")

    def datagram(
        self, passed: float, title: str, octets: bytes, contents: list[int], key: rsa.RSAPrivateKey | None
    ) -> None:
        """Adds a datagram. ``contents`` are the payload types inside an encrypted message, empty if unknown; ``key``
        decrypts bodies of payloads that are encrypted with RSA.
        """
        self.line(passed, title)
        fields, at = [], 0
        for size in _FIELDS:
            fields.append(octets[at : at + size].hex())
            at += size
        self._lines.append(_paragraph("HDR", [" ".join(fields)]))
        if octets[19] & _ENCRYPTED:
            self._payload("E", octets[_HEADER:])
            if contents:
                self.remark(f"{'':12} inside: {' '.join(_name(kind) for kind in contents)}")
            return
        kind, rest = octets[16], octets[_HEADER:]
        while kind and len(rest) >= _GENERIC:
            length = int.from_bytes(rest[2:4])
            body = rest[_GENERIC:length]
            if key is not None and kind in _HIDDEN and len(body) == key.key_size // 8:
                self._payload(_name(kind), rest[:_GENERIC])
                self._payload("<RSA>", key.decrypt(body, padding.PKCS1v15()))
            else:
                self._payload(_name(kind), rest[:length])
            kind, rest = rest[0], rest[max(length, _GENERIC) :]
        if rest:
            self._payload("behind", rest)

    def _payload(self, name: str, octets: bytes) -> None:
        lines = [octets[at : at + _WIDTH].hex() for at in range(0, len(octets), _WIDTH)]
        self._lines.append(_paragraph(name, lines))


def _name(kind: int) -> str:
    return _NAMES.get(kind, str(kind))


def _paragraph(name: str, lines: list[str]) -> str:
    return "\n".join(f"{head:>12} {line}" for head, line in zip_longest([name], lines, fillvalue=""))


def _entries(text: str) -> list[list[str]]:
    entries: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("["):
            entries.append([line])
        elif line.strip() and not line.startswith("#"):
            entries[-1:] = [[*entries[-1], line]] if entries else [[line]]
    return entries


def _is_no_code(entry: list[str]) -> bool:
    return ": codes " not in entry[0]


def difference(recorded: str, played: str, *, codes: bool = True) -> str:
    """The first entry in which two transcripts differ, line by line; empty if there is none. Without ``codes`` the
    reported events are not compared.
    """
    before: list[str] = []
    both = (_entries(text) if codes else list(filter(_is_no_code, _entries(text))) for text in (recorded, played))
    for number, (old, new) in enumerate(zip_longest(*both, fillvalue=[]), 1):
        if old != new:
            where = f"entry {number}, after {before[0] if before else 'the beginning'}"
            return "\n".join([where, *(line.rstrip("\n") for line in ndiff(old, new))])
        before = old
    return ""
