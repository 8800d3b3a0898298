"""The words of racoon.conf: algorithms, durations, identifiers, addresses with ports."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from ikev1.config.findings import Invalid, Rule
from ikev1.config.formats.statements import Statement

_UNITS = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("hour", "hours"), 3600),
}
_CIPHERS = {
    "des": "des",
    "3des": "3des",
    "aes": "aes",
    "rijndael": "aes",
    "camellia": "camellia",
    "blowfish": "blowfish",
    "cast128": "cast128",
    "null_enc": "null",
}
_KEY_LENGTHS = {"aes": "128", "camellia": "128", "blowfish": "128"}  # bits, if no length is written
_HASHES = {
    "md5": "md5",
    "sha1": "sha1",
    "sha256": "sha256",
    "sha2_256": "sha256",
    "sha384": "sha384",
    "sha2_384": "sha384",
    "sha512": "sha512",
    "sha2_512": "sha512",
}
GROUPS = {
    "1": "modp768",
    "2": "modp1024",
    "5": "modp1536",
    "14": "modp2048",
    "15": "modp3072",
    "16": "modp4096",
    "17": "modp6144",
    "18": "modp8192",
}
_PART_OF_A_VALUE = re.compile(r"[^=\s]\s*\*|\*\s*[^\s,/]")  # racoon takes only a whole value for a wildcard
_SWITCH = {"on": True, "off": False, "yes": True, "no": False}


def cipher(words: Sequence[str]) -> str:
    """A cipher, which a key length in bits may follow, with or without a space: racoon reads `aes256` as `aes 256`.

    Raises:
        Invalid: there is no such cipher here.
    """
    if len(words) == 1 and (joined := re.fullmatch(r"([a-z]+)([0-9]+)", words[0])) and words[0] not in _CIPHERS:
        words = joined.groups()
    name = _CIPHERS.get(words[0]) if words else None
    if name is None or len(words) > 2 or (len(words) == 2 and name not in _KEY_LENGTHS):
        raise _unknown(words, "cipher", _CIPHERS)
    return name + (words[1] if len(words) == 2 else _KEY_LENGTHS.get(name, ""))


def integrity(word: str) -> str:
    """A hash, with or without ``hmac_`` in front of it.

    Raises:
        Invalid: there is no such hash here.
    """
    if word in ("non_auth", "null"):
        raise Invalid(Rule.NOT_SUPPORTED, f"{word} is not supported: ESP without integrity can be changed by anybody")
    found = _HASHES.get(word.removeprefix("hmac_").removeprefix("hmac-"))
    if found is None:
        raise _unknown([word], "hash", _HASHES)
    return found


def group(words: Sequence[str]) -> str:
    """A Diffie-Hellman group, by its number or name.

    Raises:
        Invalid: there is no such group here.
    """
    word = words[0] if len(words) == 1 else ""
    if word not in GROUPS and word not in GROUPS.values():
        raise _unknown(words, "Diffie-Hellman group", GROUPS)
    return GROUPS.get(word, word)


def _unknown(words: Sequence[str], kind: str, allowed: dict[str, str]) -> Invalid:
    written = " ".join(words)
    return Invalid(Rule.INVALID_VALUE, f"unknown {kind} {written!r}: expected one of {', '.join(allowed)}")


def number(words: Sequence[str]) -> int:
    """A number.

    Raises:
        Invalid: it is not one.
    """
    word = words[0] if len(words) == 1 else ""
    if not (word.isascii() and word.isdigit() and len(word) < 10):
        raise Invalid(Rule.INVALID_VALUE, f"{' '.join(words)!r} is not allowed: expected a number")
    return int(word)


def duration(words: Sequence[str]) -> int:
    """A duration in seconds: a number, and a unit.

    Raises:
        Invalid: it is not one.
    """
    if len(words) != 2 or words[1] not in _UNITS:
        written = " ".join(words)
        raise Invalid(Rule.INVALID_VALUE, f"{written!r} is not allowed: expected a number and sec, min or hour")
    return number(words[:1]) * _UNITS[words[1]]


def switch(words: Sequence[str]) -> bool:
    """``on`` or ``off``.

    Raises:
        Invalid: it is neither.
    """
    if len(words) != 1 or words[0] not in _SWITCH:
        raise Invalid(Rule.INVALID_VALUE, f"{' '.join(words)!r} is not allowed: expected on or off")
    return _SWITCH[words[0]]


def generates(words: Sequence[str]) -> bool:
    """The value of ``generate_policy``: a switch, or the level of the policies, which makes no difference here.

    Raises:
        Invalid: it is neither.
    """
    return list(words) in (["unique"], ["require"]) or switch(words)


def rekeys(words: Sequence[str]) -> bool:
    """The value of ``rekey``: a switch, or ``force``, which makes no difference here.

    Raises:
        Invalid: it is neither.
    """
    return list(words) == ["force"] or switch(words)


def address(words: Sequence[str]) -> tuple[str, int]:
    """An address and a port in brackets, 0 if there is none.

    Raises:
        Invalid: it is not an address.
    """
    try:
        found = str(ip_address(words[0].partition("%")[0] if words else "")) and words[0]
    except ValueError:
        raise Invalid(Rule.INVALID_VALUE, f"{' '.join(words)!r} is not an address") from None
    rest = list(words[1:])
    if not rest:
        return found, 0
    if len(rest) != 3 or rest[0] != "[" or rest[2] != "]":
        raise Invalid(Rule.INVALID_VALUE, f"{' '.join(rest)!r} is not allowed: expected a port such as [500]")
    return found, number(rest[1:2])


def identifier(statement: Statement, folder: Path) -> str | None:
    """The identity that ``my_identifier`` and ``peers_identifier`` name, in the notation of `ikev1.toml`; None if only
    its type is named, ``address`` or ``asn1dn``.

    Raises:
        Invalid: it has no such form, or the file of a key ID cannot be read.
    """
    kind, *rest = statement.values or ("",)
    qualifier = rest.pop(0) if rest and rest[0] in ("tag", "file") and len(rest) == 2 else "tag"
    text = rest[0] if rest else ""
    if len(rest) > 1 or (not text and kind not in ("address", "asn1dn")):
        kind = ""
    if kind == "address":
        return address(rest)[0] if rest else None
    if kind == "asn1dn":
        if text and ("=" not in text or _PART_OF_A_VALUE.search(text)):
            raise Invalid(Rule.INVALID_IDENTITY, f"{text!r} is no distinguished name, or * is a part of a value in it")
        return text or None
    if "*" in text and qualifier == "tag":
        raise Invalid(Rule.INVALID_IDENTITY, f"{text!r} is not allowed: racoon has no patterns, but for asn1dn")
    if kind == "fqdn":
        return f"@{text}"
    if kind == "user_fqdn":
        return f"userfqdn:{text}"
    if kind == "keyid":
        return f"keyid:{text}" if qualifier == "tag" else f"@#{_content(folder / text).hex()}"
    raise Invalid(
        Rule.INVALID_IDENTITY,
        f"{' '.join(statement.values)!r}: expected address, fqdn, user_fqdn, keyid or asn1dn, and a text",
    )


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(1025)
    except OSError as error:
        raise Invalid(Rule.UNREADABLE_FILE, f"{file} cannot be read: {error.strerror}") from error
    if not 0 < len(content) < 1025:
        raise Invalid(Rule.INVALID_IDENTITY, f"{file} has not between 1 and 1024 octets")
    return content
