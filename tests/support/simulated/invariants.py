"""What must hold in every world, all the time or when it is quiet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ikev1.core.records.child_sa import ChildSa
from ikev1.crypto import cipher


class Violation(AssertionError):
    """An invariant does not hold."""


class Ivs:
    """The (key, IV) with which anything that was sent is encrypted, and what: none serves for two plaintexts.

    What a process encrypted and never sent, because it was killed first, is nobody's business.
    """

    def __init__(self) -> None:
        self._encrypted: dict[bytes, tuple[bytes, bytes, bytes]] = {}  # by ciphertext
        self._sent: dict[tuple[bytes, bytes], bytes] = {}

    def note(self, key: bytes, iv: bytes, plaintext: bytes, ciphertext: bytes) -> None:
        """Somebody encrypts ``plaintext``."""
        self._encrypted[ciphertext] = key, iv, plaintext

    def sent(self, octets: bytes) -> None:
        """Somebody sends an ISAKMP message.

        Raises:
            Violation: another plaintext was sent under the same key and IV.
        """
        known = self._encrypted.get(octets[28:])
        if known is None:
            return
        key, iv, plaintext = known
        if self._sent.setdefault((key, iv), plaintext) != plaintext:
            raise Violation(f"an IV serves for two messages; the second has message ID {octets[20:24].hex()}")


class _Watched:
    """A cipher whose encryptions are noted."""

    def __init__(self, real: cipher.Cipher, key: bytes, ivs: Ivs) -> None:
        self._real, self._key, self._ivs = real, key, ivs
        self.block_size, self.decrypt = real.block_size, real.decrypt

    def encrypt(self, iv: bytes, plaintext: bytes) -> bytes:
        ciphertext = self._real.encrypt(iv, plaintext)
        self._ivs.note(self._key, iv, plaintext, ciphertext)
        return ciphertext


@contextmanager
def watched_ivs() -> Iterator[Ivs]:
    """Note all encryption of ISAKMP messages within the block; nothing else about it changes."""
    ivs, real = Ivs(), cipher.cbc

    def cbc(encryption: int, key: bytes) -> Any:
        return _Watched(real(encryption, key), key, ivs)

    cipher.cbc = cbc  # type: ignore[assignment]
    try:
        yield ivs
    finally:
        cipher.cbc = real


class EspKeys:
    """Who sends with which ESP keys, and up to which sequence number (RFC 4303 §2.2: none twice under one key)."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, bytes, bytes], tuple[str, int]] = {}
        self._inbound: dict[tuple[str, int], tuple[bytes, bytes]] = {}

    def sent(self, who: str, child: ChildSa, sequence: int) -> None:
        """``who`` sends a packet with this number.

        Raises:
            Violation: somebody else sends with these keys, or the number was used before.
        """
        keys = child.outbound
        key = (keys.spi, keys.encryption_key, keys.integrity_key)
        sender, last = self._last.get(key, (who, 0))
        if sender != who:
            raise Violation(f"{who} sends with the ESP keys of {sender}")
        if sequence <= last:
            raise Violation(f"{who} sends ESP sequence number {sequence} with SPI {keys.spi:08x} again")
        self._last[key] = (who, sequence)

    def installed(self, who: str, child: ChildSa) -> None:
        """``who`` installs the inbound SA of ``child``.

        Raises:
            Violation: it had another SA with this SPI.
        """
        keys = child.inbound
        known = self._inbound.setdefault((who, keys.spi), (keys.encryption_key, keys.integrity_key))
        if known != (keys.encryption_key, keys.integrity_key):
            raise Violation(f"{who} uses SPI {keys.spi:08x} a second time")
