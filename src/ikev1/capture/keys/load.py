"""Files with keys, whatever wrote them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from ikev1.capture.keys.charon import CHARON_LINE, read_charon
from ikev1.capture.keys.key_ring import DhSecret, KeyRing, PreSharedKey
from ikev1.capture.keys.pluto import PLUTO_LINE, read_pluto
from ikev1.capture.keys.wireshark import read_tables, read_tcpdump

_SAMPLE = 2000  # lines by which a log is recognised: a start may take many before the first of any use
_ENOUGH = 3
_LONGEST = 2000  # characters of a line

Reader = Callable[[Iterable[str], str], KeyRing]


class KeyFileError(ValueError):
    """There are no keys where there should be; the text says what was looked for."""


def load_keys(path: Path) -> KeyRing:
    """The keys in a file: our key log, a table of Wireshark, tcpdump's secrets, or a log of charon or pluto.

    Raises:
        OSError: it cannot be read.
        KeyFileError: no key is in it.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = _lines(file)
        sample = list(islice(lines, _SAMPLE))
        reader = _reader_of(sample)
        key_ring = reader(chain(sample, lines), path.name)  # in one go: a pipe cannot be read twice
    if not key_ring:
        raise KeyFileError(f"{path}: {_MISSING[reader]}")
    return key_ring


def dh_secret(text: str, source: str) -> DhSecret:
    """g^xy, or a private exponent, in hexadecimal; blanks and colons between the octets are taken.

    Raises:
        KeyFileError: it is not hexadecimal.
    """
    plain = "".join(text.split()).replace(":", "").lower().removeprefix("0x")
    try:
        octets = bytes.fromhex(plain if len(plain) % 2 == 0 else f"0{plain}")
    except ValueError:
        octets = b""
    if not octets:
        raise KeyFileError(f"{source}: expected a Diffie-Hellman secret or private exponent in hexadecimal")
    return DhSecret(source, octets)


def pre_shared_key(text: str, source: str) -> PreSharedKey:
    """A pre-shared key as text, or after ``0x`` in hexadecimal.

    Raises:
        KeyFileError: what follows ``0x`` is not hexadecimal.
    """
    if not text.startswith("0x"):
        return PreSharedKey(source, text.encode())
    try:
        return PreSharedKey(source, bytes.fromhex(text[2:]))
    except ValueError:
        raise KeyFileError(f"{source}: what follows 0x is not hexadecimal") from None


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file, the long ones in pieces: nothing of use is so long."""
    return iter(partial(file.readline, _LONGEST), "")


def _tables(lines: Iterable[str], source: str) -> KeyRing:
    kept = list(lines)
    return read_tables(kept, source) | read_tcpdump(kept, source)


_MISSING: dict[Reader, str] = {
    _tables: "no key was found: expected lines as COOKIE,KEY, as Wireshark's esp_sa, or as SPI@ADDRESS CIPHER:0xKEY",
    read_charon: "charon's log holds no keys: it dumps them where ike, enc and chd log at level 4",
    read_pluto: "pluto's log holds no keys: it tells them with plutodebug=crypt,private",
}


def _reader_of(sample: list[str]) -> Reader:
    for reader, form in ((read_charon, CHARON_LINE), (read_pluto, PLUTO_LINE)):
        if sum(form.match(line) is not None for line in sample) >= _ENOUGH:
            return reader
    return _tables
