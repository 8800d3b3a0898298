"""Ciphers for runs of ESP packets: packets of one size and one SA with consecutive sequence numbers.

The packets of a run are the rows of a matrix, and their plaintexts those of another one. What is equal or regular in
all of them is written by one call of NumPy, and the buffers are used again, so that hardly more than the cipher itself
runs for each packet. There are such ciphers for AES-GCM with a whole ICV, and for block ciphers in CBC mode with a MAC;
other suites, and all of them without NumPy, process packet by packet (`ikev1.esp.transforms`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.esp import ciphers, combined
from ikev1.esp.checksum import numpy
from ikev1.esp.transforms import HEADER_SIZE, integrity, sizes
from ikev1.wire.registry import EspTransform

MOST = 64  # packets of a run: as many as one system call sends (`ikev1.esp.segments`)
FEWEST = 8  # fewer are faster one by one
_GCM_ICV = 16
_SIZES = 16  # of packets, whose buffers are kept: some 200 kB each

Matrix = Any  # a NumPy array of octets; NumPy is optional, so its types are not used


class Rows:
    """Buffers for up to `MOST` packets of one size. They are shared by all SAs, and valid until their next use."""

    plain: Matrix

    def __init__(self, packet_size: int) -> None:
        self.packets: Matrix = numpy.zeros((MOST, packet_size), numpy.uint8)
        self.views = [memoryview(row) for row in self.packets]


class RunCipher(Protocol):
    """A cipher with the keys of one SA."""

    def rows(self, plain_size: int) -> Rows:
        """Buffers for plaintexts of this size, padding and the octets after it included."""

    def rows_of(self, packet_size: int) -> Rows | None:
        """Buffers for packets of this size, None if no packet of the suite has it."""

    def seal(self, rows: Any, count: int, spi: bytes, first: int) -> None:
        """Encrypt the first ``count`` plaintexts with the sequence numbers from ``first`` on."""

    def open(self, rows: Any, count: int) -> bool:
        """Decrypt the first ``count`` packets; False if one of them is not authentic: the plaintexts are invalid."""


def run_cipher(suite: IpsecSuite, keys: IpsecKeys, random: Callable[[int], bytes]) -> RunCipher | None:
    """The cipher of ``suite``, which `ikev1.esp.transforms.check` has accepted with ``keys``; None if there is none."""
    if numpy is None:
        return None
    if suite.encryption == EspTransform.AES_GCM_16:
        return _Gcm(keys.encryption_key, random)
    if suite.encryption in ciphers.BLOCK_CIPHERS:
        return _CbcWithMac(suite, keys, random)
    return None


def load(rows: Rows, data: bytes, count: int) -> int | None:
    """Copy ``count`` packets from ``data``; returns the first sequence number, None if they are not consecutive."""
    packets = rows.packets[:count]
    packets[:] = numpy.frombuffer(data, numpy.uint8, packets.size).reshape(packets.shape)
    first = int.from_bytes(data[4:HEADER_SIZE])
    # beyond 2^32 - 1 they would begin again: no such run is consecutive
    expected = numpy.arange(first, first + count, dtype=numpy.uint64)
    return first if (packets[:, 4:HEADER_SIZE].view(">u4")[:, 0] == expected).all() else None


def _write_headers(rows: Rows, count: int, start: bytes, first: int) -> Matrix:
    """Begin each packet with ``start`` and write its sequence number; the sequence numbers come back."""
    packets = rows.packets[:count]
    numbers = numpy.arange(first, first + count, dtype=numpy.uint32)
    packets[:, : len(start)] = numpy.frombuffer(start, numpy.uint8)
    packets[:, 4:HEADER_SIZE].view(">u4")[:, 0] = numbers
    return numbers


class _GcmRows(Rows):
    def __init__(self, plain_size: int) -> None:
        start = HEADER_SIZE + combined.IV_SIZE
        super().__init__(start + plain_size + _GCM_ICV)
        self.plain = numpy.zeros((MOST, plain_size), numpy.uint8)
        self.nonces: Matrix = numpy.zeros((MOST, 12), numpy.uint8)
        self.calls = [
            (memoryview(nonce), memoryview(plain), packet[:HEADER_SIZE], packet[start:])
            for nonce, plain, packet in zip(self.nonces, self.plain, self.views, strict=True)
        ]


_gcm_rows = lru_cache(_SIZES)(_GcmRows)


class _Gcm:
    """As `ikev1.esp.combined`, with the same kind of IV: its second half is the sequence number."""

    def __init__(self, keymat: bytes, random: Callable[[int], bytes]) -> None:
        self._cipher = AESGCM(keymat[:-4])
        self._salt = keymat[-4:]
        self._iv = random(4)

    def rows(self, plain_size: int) -> _GcmRows:
        return _gcm_rows(plain_size)

    def rows_of(self, packet_size: int) -> _GcmRows | None:
        plain_size = packet_size - HEADER_SIZE - combined.IV_SIZE - _GCM_ICV
        return _gcm_rows(plain_size) if plain_size > 0 and plain_size % combined.ALIGNMENT == 0 else None

    def seal(self, rows: _GcmRows, count: int, spi: bytes, first: int) -> None:
        numbers = _write_headers(rows, count, spi + bytes(4) + self._iv + bytes(4), first)
        rows.packets[:count, 12:16].view(">u4")[:, 0] = numbers
        rows.nonces[:count, :8] = numpy.frombuffer(self._salt + self._iv, numpy.uint8)
        rows.nonces[:count, 8:].view(">u4")[:, 0] = numbers
        encrypt = self._cipher.encrypt_into
        for nonce, plain, header, ciphertext in rows.calls[:count]:
            encrypt(nonce, plain, header, ciphertext)

    def open(self, rows: _GcmRows, count: int) -> bool:
        rows.nonces[:count, :4] = numpy.frombuffer(self._salt, numpy.uint8)
        rows.nonces[:count, 4:] = rows.packets[:count, HEADER_SIZE:16]
        decrypt = self._cipher.decrypt_into
        try:
            for nonce, plain, header, ciphertext in rows.calls[:count]:
                decrypt(nonce, ciphertext, header, plain)
        except combined.InvalidTag:
            return False
        return True


class _CbcRows(Rows):
    def __init__(self, plain_size: int, iv: int, icv: int) -> None:
        width = iv + plain_size
        super().__init__(HEADER_SIZE + width + icv)
        # the blocks of a run lie one behind the other, since one call encrypts them all; it wants room for one more
        self.blocks: Matrix = numpy.zeros(MOST * width + iv, numpy.uint8)
        self.ciphertext: Matrix = numpy.zeros(MOST * width + iv, numpy.uint8)
        self.plain = self.blocks[: MOST * width].reshape(MOST, width)[:, iv:]
        self.macs = [(packet[:-icv], packet[-icv:]) for packet in self.views]
        self.width = width


_cbc_rows = lru_cache(_SIZES)(_CbcRows)


class _CbcWithMac:
    """As `ikev1.esp.ciphers`: one CBC stream, in which a random block before each payload becomes its IV."""

    def __init__(self, suite: IpsecSuite, keys: IpsecKeys, random: Callable[[int], bytes]) -> None:
        layout = sizes(suite)
        self._iv, self._icv = layout.iv, layout.icv
        self._random = random
        stream = ciphers.cbc(suite.encryption, keys.encryption_key)
        self._encrypt, self._decrypt = stream.encryptor().update_into, stream.decryptor().update_into
        self._mac = integrity(suite, keys)

    def rows(self, plain_size: int) -> _CbcRows:
        return _cbc_rows(plain_size, self._iv, self._icv)

    def rows_of(self, packet_size: int) -> _CbcRows | None:
        plain_size = packet_size - HEADER_SIZE - self._iv - self._icv
        return self.rows(plain_size) if plain_size > 0 and plain_size % self._iv == 0 else None

    def seal(self, rows: _CbcRows, count: int, spi: bytes, first: int) -> None:
        octets = count * rows.width
        blocks = rows.blocks[:octets].reshape(count, rows.width)
        blocks[:, : self._iv] = numpy.frombuffer(self._random(self._iv * count), numpy.uint8).reshape(count, self._iv)
        self._encrypt(rows.blocks[:octets], rows.ciphertext)
        _write_headers(rows, count, spi, first)
        rows.packets[:count, HEADER_SIZE : -self._icv] = rows.ciphertext[:octets].reshape(count, rows.width)
        for authenticated, icv in rows.macs[:count]:
            icv[:] = self._mac(authenticated)

    def open(self, rows: _CbcRows, count: int) -> bool:
        mac, equal = self._mac, hmac.compare_digest
        if not all(equal(mac(authenticated), icv) for authenticated, icv in rows.macs[:count]):
            return False
        octets = count * rows.width
        rows.ciphertext[:octets].reshape(count, rows.width)[:] = rows.packets[:count, HEADER_SIZE : -self._icv]
        self._decrypt(rows.ciphertext[:octets], rows.blocks)
        return True
