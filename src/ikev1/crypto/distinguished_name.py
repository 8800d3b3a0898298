"""Distinguished names (X.501): DER <-> text, equality, and patterns. The text is that of `ikev1.wire.name_text`."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat import asn1

from ikev1.crypto import wildcard
from ikev1.crypto.errors import CryptoError
from ikev1.wire import name_text
from ikev1.wire.registry import NotifyType

_LARGEST = 4096  # octets of a name; real ones have some hundred
_MOST_PARTS = 20  # of a name; real ones have up to a dozen
_MOST_ATTRIBUTES = 32  # of a name; a part has one, seldom two or three
_LONGEST = 256  # characters of a value that is not ASCII: to normalise a row of accents takes the square of its length

_BETWEEN = "\ue000"  # marks the asterisks of a pattern while it is folded: for private use, so no CA writes it


class InvalidName(CryptoError):
    """The octets of a peer are not a distinguished name."""

    notify = NotifyType.INVALID_ID_INFORMATION


@asn1.sequence
class _AttributeTypeAndValue:
    type: x509.ObjectIdentifier
    value: asn1.TLV


@asn1.sequence
class _Name:
    parts: list[asn1.SetOf[_AttributeTypeAndValue]]


class _Attribute(NamedTuple):
    """One attribute: its type in dots, its value as text (None: it is no text) and as DER, and the text as it is
    compared (or the DER).
    """

    oid: str
    text: str | None
    der: bytes
    folded: str | bytes


class _Wanted(NamedTuple):
    """One attribute of a pattern: its type in dots, and what its value is made of, as it is compared."""

    oid: str
    pieces: tuple[str, ...]


_Part = tuple[_Attribute, ...]
_WantedPart = tuple[_Wanted, ...]


def from_text(text: str) -> bytes:
    """The DER of a name written as text; the empty text is the empty name.

    Raises:
        ValueError: a part is not ``type=value`` with a known type, or its value is not allowed for the type.
    """
    return x509.Name(
        x509.RelativeDistinguishedName(
            x509.NameAttribute(x509.ObjectIdentifier(oid), "*".join(texts)) for oid, texts in part
        )
        for part in name_text.parse(text)
    ).public_bytes()


def to_text(name: bytes) -> str:
    """The text of a DER name. A peer may have chosen it: only printable characters come out.

    Raises:
        InvalidName: the octets are not the DER of a name.
    """
    return ", ".join("+".join(_show(attribute) for attribute in part) for part in _parse(name))


def _show(attribute: _Attribute) -> str:
    oid, text, der, _ = attribute
    return f"{name_text.show(oid, '')}#{der.hex()}" if text is None else name_text.show(oid, text)


def equal(a: bytes, b: bytes) -> bool:
    """Whether two DER names are the same: attribute by attribute, in the same order, whatever type of string they are
    written in, regardless of case and of the number of spaces (RFC 5280 §7.1).

    "such that a binary comparison of the two will succeed" (RFC 4945 §3.1.5) is what a sender must see to; CAs that
    write one name in two types of string are why more is accepted. Octets that are no name equal only themselves.
    """
    if a == b:
        return True
    try:
        return [_folded(part) for part in _parse(a)] == [_folded(part) for part in _parse(b)]
    except InvalidName:
        return False


def matches(pattern: str, name: bytes) -> bool:
    """Whether a DER name is one that ``pattern`` means: a name as text, in whose values ``*`` stands for any text
    (``C=XX, O=lab, CN=*``), and in which a part that is only ``*`` stands for any number of parts (``O=lab, *``).
    All else must be there and in the same order, as `equal` compares. Octets that are no name match nothing, and a
    value that is no text, or has characters that cannot be printed, matches no value of a pattern.

    Raises:
        ValueError: the pattern is no name.
    """
    wanted = _patterns(pattern)
    try:
        parts = _parse(name)
    except InvalidName:
        return False
    reached = {0}  # how many parts of the name are what the pattern so far means
    for part in wanted:
        if not part:  # `name_text.ANY_PARTS`
            reached = set(range(min(reached), len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and _part_matches(part, parts[at])}
        if not reached:
            return False
    return len(parts) in reached


@lru_cache(maxsize=256)
def _patterns(pattern: str) -> tuple[_WantedPart, ...]:
    return tuple(tuple(_Wanted(one.oid, _pieces(one.texts)) for one in part) for part in name_text.parse(pattern))


def _pieces(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The texts between asterisks as they are compared: folded as one, for a space beside an asterisk counts."""
    return tuple(_fold(_BETWEEN.join(texts)).split(_BETWEEN))


def _part_matches(wanted: _WantedPart, part: _Part) -> bool:
    """Whether each attribute of ``part`` is one that ``wanted`` means; types that occur twice are taken in order."""
    if len(wanted) != len(part):
        return False
    if len(part) == 1:
        return wanted[0].oid == part[0].oid and _value_matches(wanted[0].pieces, part[0])
    pairs = zip(sorted(wanted, key=lambda one: one.oid), sorted(part, key=lambda one: one.oid), strict=True)
    return all(mine.oid == its.oid and _value_matches(mine.pieces, its) for mine, its in pairs)


def _value_matches(pieces: tuple[str, ...], attribute: _Attribute) -> bool:
    text, folded = attribute.text, attribute.folded
    return text is not None and text.isprintable() and isinstance(folded, str) and wildcard.fits(pieces, folded)


def _folded(part: _Part) -> list[tuple[str, str | bytes]]:
    return sorted(((attribute.oid, attribute.folded) for attribute in part), key=repr)


def _fold(text: str) -> str:
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return " ".join(filter(None, folded.split(" ")))  # of all white space: a line feed is no space (RFC 5280 §7.1)


@lru_cache(maxsize=256)
def _parse(name: bytes) -> tuple[_Part, ...]:
    if len(name) > _LARGEST:
        raise InvalidName(f"the distinguished name has {len(name)} octets, expected at most {_LARGEST}")
    _check_numbers(name)
    try:
        parts = asn1.decode_der(_Name, _sequence(name)).parts
    except ValueError as error:
        raise InvalidName(f"not a distinguished name ({len(name)} octets): {error}") from None
    return tuple(tuple(_attribute(one) for one in part.as_list()) for part in parts)


def _check_numbers(name: bytes) -> None:
    """Checks how many parts and attributes there are before anything is made of them.

    Raises:
        InvalidName: there are too many, or they do not lie within one another as DER says.
    """
    left = _MOST_ATTRIBUTES
    for start, end in _inside(name, *_whole(name), _MOST_PARTS, "parts"):
        left -= len(_inside(name, start, end, left, "attributes"))


def _whole(name: bytes) -> tuple[int, int]:
    return _inside(name, 0, len(name), 1, "names")[0] if name else (0, 0)


def _inside(octets: bytes, start: int, end: int, most: int, what: str) -> list[tuple[int, int]]:
    """Where the contents of the values between ``start`` and ``end`` begin and end."""
    found: list[tuple[int, int]] = []
    while start < end:
        if len(found) == most:
            raise InvalidName(f"the distinguished name has too many {what}")
        size, start = int.from_bytes(octets[start + 1 : start + 2]), start + 2
        if size in (0x81, 0x82):  # the length has a length of its own; none here is longer
            size, start = int.from_bytes(octets[start : start + size - 0x80]), start + size - 0x80
        if size > end - start:
            raise InvalidName(f"not a distinguished name ({len(octets)} octets): a value extends beyond the end")
        found.append((start, start + size))
        start += size
    return found


def _sequence(content: bytes) -> bytes:
    """``content`` in a DER SEQUENCE of its own, for only structures with fields can be described to the parser."""
    size = len(content)
    if size < 0x80:
        return bytes((0x30, size)) + content
    return b"\x30\x82" + size.to_bytes(2) + content if size > 0xFF else bytes((0x30, 0x81, size)) + content


def _attribute(attribute: _AttributeTypeAndValue) -> _Attribute:
    oid, tag, octets = attribute.type.dotted_string, attribute.value.tag_bytes, bytes(attribute.value.data)
    try:
        text = octets.decode(name_text.CODECS[tag[0]])
    except (KeyError, UnicodeDecodeError):
        text = None
    if text is None or (len(text) > _LONGEST and not text.isascii()):
        return _Attribute(oid, None, tag + octets, tag + octets)
    return _Attribute(oid, text, tag + octets, _fold(text))
