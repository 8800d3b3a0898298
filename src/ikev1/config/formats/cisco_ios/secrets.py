"""Keys and passwords: in clear, obfuscated (type 7), or encrypted, which only the router can undo (type 6)."""

from __future__ import annotations

import re

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.reading import Arguments, Fault

_TABLE = b"dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"
_OBFUSCATED = re.compile(r"([0-9]{2})((?:[0-9A-Fa-f]{2}){1,512})")
_ENCRYPTED = re.compile(r"(?:[A-i]{3}){7,}")
_HIDDEN = re.compile(r"\*+|<[\w -]+>|\[[\w -]+\]|x{5,}|X{5,}")


def take_key(arguments: Arguments, *, types: bool = True) -> str | None:
    """The key that the next words are, the first of them its type unless the key follows at once; None if it cannot be
    known, which is reported.
    """
    kind, column = "0", arguments.column
    if types and arguments.left > 1 and arguments.peek() in ("0", "6", "7", "8"):
        kind = arguments.word("the type of the key")
    column = arguments.column
    written = arguments.word("a key")
    if _HIDDEN.fullmatch(written):
        text = "the key is hidden in this text: write the key itself"
        arguments.report.error(arguments.place._replace(column=column), Rule.INVALID_SECRET, text)
        return None
    if kind == "7":
        return _revealed(written, column)
    if kind == "8" or (kind == "6" and _ENCRYPTED.fullmatch(written)):
        text = f"the key is encrypted with the master key of the router (type {kind}): write the key itself behind 0"
        arguments.report.error(arguments.place._replace(column=column), Rule.INVALID_SECRET, text)
        return None
    if kind == "6":
        text = "does not look like an encrypted key, although it is of type 6: it is used as it is"
        arguments.report.warn(arguments.place._replace(column=column), Rule.ODD_SECRET, text)
    return written


def as_secret(key: str) -> str:
    """The key in the notation of secrets, in which some beginnings stand for digits."""
    return f"0x{key.encode().hex()}" if key.startswith(("0x", "0s")) else key


def _revealed(written: str, column: int) -> str:
    """The text of an obfuscated key."""
    found = _OBFUSCATED.fullmatch(written)
    if found is None:
        text = "a key of type 7 consists of two decimal and then of hexadecimal digits"
        raise Fault(column, text, Rule.INVALID_SECRET)
    start = int(found[1])
    octets = bytes(octet ^ _TABLE[(start + place) % len(_TABLE)] for place, octet in enumerate(bytes.fromhex(found[2])))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise Fault(column, "the key of type 7 is damaged: its text is not UTF-8", Rule.INVALID_SECRET) from None
