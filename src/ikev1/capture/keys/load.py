"""Loading key files of any supported format."""

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
from ikev1.errors import LocalError

_SAMPLE = 2000  # lines examined to recognise a log, which may begin with many unrelated lines
_ENOUGH = 3
_LONGEST = 2000  # characters of a line

Reader = Callable[[Iterable[str], str], KeyRing]


class KeyFileError(LocalError, ValueError):
    """A file or option contains no usable key; the message names the expected form.

    ``code`` is ``no-keys``, ``no-keys-charon``, ``no-keys-pluto`` or ``not-hexadecimal``.
    """

    def __init__(self, text: str, code: str = "no-keys") -> None:
        super().__init__(text)
        self.code = code

    code = "key-unreadable"


def load_keys(path: Path) -> KeyRing:
    """Load a key file: our key log, a Wireshark table, tcpdump's secrets, or a charon or pluto log.

    Raises:
        OSError: the file cannot be read.
        KeyFileError: it contains no key.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = _lines(file)
        sample = list(islice(lines, _SAMPLE))
        reader = _reader_of(sample)
        key_ring = reader(chain(sample, lines), path.name)  # in one pass: a pipe cannot be read twice
    if not key_ring:
        text, code = _MISSING[reader]
        raise KeyFileError(f"{path}: {text}", code)
    return key_ring


def dh_secret(text: str, source: str) -> DhSecret:
    """Parse g^xy or a private exponent in hexadecimal; blanks and colons between octets are allowed.

    Raises:
        KeyFileError: ``text`` is not hexadecimal.
    """
    plain = "".join(text.split()).replace(":", "").lower().removeprefix("0x")
    try:
        octets = bytes.fromhex(plain if len(plain) % 2 == 0 else f"0{plain}")
    except ValueError:
        octets = b""
    if not octets:
        raise KeyFileError(
            f"{source}: expected a Diffie-Hellman secret or private exponent in hexadecimal", "not-hexadecimal"
        )
    return DhSecret(source, octets)


def pre_shared_key(text: str, source: str) -> PreSharedKey:
    """Parse a pre-shared key: text, or hexadecimal after ``0x``.

    Raises:
        KeyFileError: ``text`` begins with ``0x`` but is not hexadecimal.
    """
    if not text.startswith("0x"):
        return PreSharedKey(source, text.encode())
    try:
        return PreSharedKey(source, bytes.fromhex(text[2:]))
    except ValueError:
        raise KeyFileError(f"{source}: expected hexadecimal digits after 0x", "not-hexadecimal") from None


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file; lines longer than any key are split."""
    return iter(partial(file.readline, _LONGEST), "")


def _tables(lines: Iterable[str], source: str) -> KeyRing:
    kept = list(lines)
    return read_tables(kept, source) | read_tcpdump(kept, source)


_MISSING: dict[Reader, tuple[str, str]] = {
    _tables: (
        "no key found: expected lines COOKIE,KEY, lines of Wireshark's esp_sa, or SPI@ADDRESS CIPHER:0xKEY",
        "no-keys",
    ),
    read_charon: ("this charon log contains no keys: set ike, enc and chd to log level 4", "no-keys-charon"),
    read_pluto: ("this pluto log contains no keys: set plutodebug=crypt,private", "no-keys-pluto"),
}


def _reader_of(sample: list[str]) -> Reader:
    for reader, form in ((read_charon, CHARON_LINE), (read_pluto, PLUTO_LINE)):
        if sum(form.match(line) is not None for line in sample) >= _ENOUGH:
            return reader
    return _tables
