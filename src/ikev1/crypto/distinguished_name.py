"""Distinguished names (X.501): DER <-> text, equality, and patterns. The text is that of `ikev1.crypto.name_text`."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import ClassVar, NamedTuple

from cryptography import x509
from cryptography.hazmat import asn1

from ikev1.crypto import name_text
from ikev1.crypto.errors import CryptoError
from ikev1.wire.registry import NotifyType

__all__ = ["InvalidName", "equal", "from_text", "matches", "to_text"]

_LARGEST = 16_384  # octets of a name; real ones have some hundred

_BETWEEN = "\ue000"  # marks the asterisks of a pattern while it is folded: for private use, so no CA writes it
_CODECS = {
    b"\x0c": "utf-8",  # UTF8String
    b"\x12": "ascii",  # NumericString
    b"\x13": "ascii",  # PrintableString
    b"\x14": "latin-1",  # TeletexString, as everybody reads it
    b"\x16": "ascii",  # IA5String
    b"\x1a": "ascii",  # VisibleString
    b"\x1c": "utf-32-be",  # UniversalString
    b"\x1e": "utf-16-be",  # BMPString
}


class InvalidName(CryptoError):
    """A peer's octets are no distinguished name."""

    notify: ClassVar[NotifyType] = NotifyType.INVALID_ID_INFORMATION


@asn1.sequence
class _AttributeTypeAndValue:
    type: x509.ObjectIdentifier
    value: asn1.TLV


@asn1.sequence
class _Name:
    parts: list[asn1.SetOf[_AttributeTypeAndValue]]


class _Attribute(NamedTuple):
    """One attribute: its type in dots, its value as text (None: it is no text) and as DER."""

    oid: str
    text: str | None
    der: bytes

    @property
    def folded(self) -> tuple[str, str | bytes]:
        return self.oid, self.der if self.text is None else _fold(self.text)


_Part = tuple[_Attribute, ...]


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
    oid, text, der = attribute
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
    All else must be there and in the same order, as `equal` compares. Octets that are no name match nothing.

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
        if part == name_text.ANY_PARTS:
            reached = set(range(min(reached), len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and _part_matches(part, parts[at])}
        if not reached:
            return False
    return len(parts) in reached


@lru_cache(maxsize=256)
def _patterns(pattern: str) -> tuple[name_text.Part, ...]:
    return tuple(name_text.parse(pattern))


def _part_matches(wanted: name_text.Part, part: _Part) -> bool:
    """Whether each attribute of ``part`` is one that ``wanted`` means; types that occur twice are taken in order."""
    if len(wanted) != len(part):
        return False
    pairs = zip(sorted(wanted, key=lambda one: one.oid), sorted(part, key=lambda one: one.oid), strict=True)
    return all(mine.oid == its.oid and _value_matches(mine.texts, its) for mine, its in pairs)


def _value_matches(wanted: tuple[str, ...], attribute: _Attribute) -> bool:
    if attribute.text is None:
        return wanted == ("", "")  # a lone asterisk
    texts = _fold(_BETWEEN.join(wanted)).split(_BETWEEN)
    return re.fullmatch(".*".join(re.escape(text) for text in texts), _fold(attribute.text)) is not None


def _folded(part: _Part) -> list[tuple[str, str | bytes]]:
    return sorted((attribute.folded for attribute in part), key=repr)


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@lru_cache(maxsize=256)
def _parse(name: bytes) -> tuple[_Part, ...]:
    if len(name) > _LARGEST:
        raise InvalidName(f"a distinguished name of {len(name)} octets, expected at most {_LARGEST}")
    try:
        parts = asn1.decode_der(_Name, _sequence(name)).parts
    except ValueError as error:
        raise InvalidName(f"{len(name)} octets that are no distinguished name: {error}") from None
    return tuple(tuple(_attribute(one) for one in part.as_list()) for part in parts)


def _sequence(content: bytes) -> bytes:
    """``content`` in a DER SEQUENCE of its own, for only structures with fields can be described to the parser."""
    size = len(content)
    if size < 0x80:
        return bytes((0x30, size)) + content
    return b"\x30\x82" + size.to_bytes(2) + content if size > 0xFF else bytes((0x30, 0x81, size)) + content


def _attribute(attribute: _AttributeTypeAndValue) -> _Attribute:
    oid, tag, octets = attribute.type.dotted_string, attribute.value.tag_bytes, bytes(attribute.value.data)
    try:
        text = octets.decode(_CODECS[tag])
    except (KeyError, UnicodeDecodeError):
        text = None
    return _Attribute(oid, text, tag + octets)
