"""Distinguished names as people write them: ``C=XX, O=lab, CN=alice``, or ``/C=XX/O=lab/CN=alice``.

The notation is strongSwan's: the parts stand in the order in which the certificate has them. A backslash takes its
meaning from the character after it; two hexadecimal digits after one are an octet of UTF-8 (RFC 4514 §2.4); so do
double quotes around several characters. Attributes that share a part are joined by ``+``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TYPES = {
    "C": "2.5.4.6",
    "ST": "2.5.4.8",
    "L": "2.5.4.7",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "CN": "2.5.4.3",
    "S": "2.5.4.4",
    "SN": "2.5.4.5",
    "G": "2.5.4.42",
    "I": "2.5.4.43",
    "T": "2.5.4.12",
    "D": "2.5.4.13",
    "N": "2.5.4.41",
    "DN": "2.5.4.46",
    "street": "2.5.4.9",
    "postalCode": "2.5.4.17",
    "E": "1.2.840.113549.1.9.1",
    "unstructuredName": "1.2.840.113549.1.9.2",
    "unstructuredAddress": "1.2.840.113549.1.9.8",
    "DC": "0.9.2342.19200300.100.1.25",
    "UID": "0.9.2342.19200300.100.1.1",
}
_ALIASES = {"email": "E", "emailaddress": "E", "serialnumber": "SN", "givenname": "G", "dnqualifier": "DN"}
_OIDS = {name.lower(): oid for name, oid in _TYPES.items()} | {word: _TYPES[name] for word, name in _ALIASES.items()}
_NAMES = {oid: name for name, oid in _TYPES.items()}

_PIECE = re.compile(r'((?:\\[0-9A-Fa-f]{2})+)|\\(.)|"((?:[^"\\]|\\.)*)"|(.)', re.DOTALL)
_MEANINGFUL = re.compile(r'([,/+*"\\]|^ | $)')
_DOTTED = re.compile(r"[0-2](\.\d+)+")


CODECS = {
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString, in its usual interpretation
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
"""The encodings of the string types of values, by their tags."""

_OID, _SEQUENCE, _SET = 0x06, 0x30, 0x31


class Assertion(NamedTuple):
    """One attribute of a name: its type in dots, and the texts between the asterisks of its value, seldom more than
    one.
    """

    oid: str
    texts: tuple[str, ...]


Part = tuple[Assertion, ...]  # a relative distinguished name: one attribute, seldom more
ANY_PARTS: Part = ()  # what a part that is only `*` becomes


class _Character(NamedTuple):
    """One or more characters, ``plain`` where they may have a meaning of their own."""

    text: str
    plain: bool


def parse(text: str) -> list[Part]:
    """The parts of a name; the empty text has none.

    Raises:
        ValueError: a part is not ``type=value`` with a known type, or one in dots.
    """
    characters = _characters(text.lstrip())
    separator = ","
    if characters and characters[0] == ("/", True):
        separator = characters.pop(0).text
    return [_part(piece, text) for piece in _split(characters, separator)] if characters else []


def show(oid: str, value: str) -> str:
    """``type=value`` with what has a meaning escaped; what is not printable is given as octets, so that no value can
    do more to a terminal or a log than be read.
    """
    escaped = _MEANINGFUL.sub(r"\\\1", value)
    if not escaped.isprintable():
        escaped = "".join(c if c.isprintable() else _octets(c) for c in escaped)
    return f"{_NAMES.get(oid, oid)}={escaped}"


def show_value(oid: str, tag: int, value: bytes) -> str:
    """`show` of a value in DER; one that is not text is ``type=#`` with its tag and content in hexadecimal."""
    try:
        return show(oid, value.decode(CODECS[tag]))
    except (KeyError, UnicodeDecodeError):
        return f"{show(oid, '')}#{tag:02x}{value.hex()}"


def describe(name: bytes) -> str:
    """The text of a DER name, for display only: `ikev1.crypto.distinguished_name` is the strict parser.

    Raises:
        ValueError: the octets are not a name.
    """
    ((tag, parts),) = _values(name)
    shown = []
    for part_tag, part in _values(parts):
        if (tag, part_tag) != (_SEQUENCE, _SET):
            raise ValueError("not a distinguished name")
        shown.append("+".join(_describe_attribute(*attribute) for attribute in _values(part)))
    return ", ".join(shown)


def _describe_attribute(tag: int, attribute: bytes) -> str:
    (type_tag, oid), (value_tag, value) = _values(attribute)
    if (tag, type_tag) != (_SEQUENCE, _OID):
        raise ValueError("not a distinguished name")
    return show_value(_dotted(oid), value_tag, value)


def _values(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """The values in ``octets``, each as its tag and its content."""
    at = 0
    while at < len(octets):
        tag, size = octets[at], int.from_bytes(octets[at + 1 : at + 2])
        at += 2
        if size in (0x81, 0x82):  # followed by a length of one or two octets
            size, at = int.from_bytes(octets[at : at + size - 0x80]), at + size - 0x80
        elif size >= 0x80:
            raise ValueError("unsupported length")
        if at + size > len(octets):
            raise ValueError("a value extends beyond the end")
        yield tag, octets[at : at + size]
        at += size


def _dotted(oid: bytes) -> str:
    """An object identifier in dots (X.690 §8.19)."""
    numbers = [0]
    for octet in oid:
        numbers[-1] = numbers[-1] << 7 | octet & 0x7F
        if octet < 0x80:
            numbers.append(0)
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:-1])))


def _octets(character: str) -> str:
    return "".join(f"\\{octet:02x}" for octet in character.encode("utf-8", "replace"))


def _characters(text: str) -> list[_Character]:
    characters = []
    for octets, escaped, quoted, plain in _PIECE.findall(text):
        if plain:
            characters.append(_Character(plain, True))
        elif octets:
            characters.append(_Character(bytes.fromhex(octets.replace("\\", "")).decode("utf-8", "replace"), False))
        else:
            characters.append(_Character(escaped or re.sub(r"\\(.)", r"\1", quoted), False))
    return characters


def _split(characters: list[_Character], separator: str) -> list[list[_Character]]:
    pieces: list[list[_Character]] = [[]]
    for character in characters:
        if character == (separator, True):
            pieces.append([])
        else:
            pieces[-1].append(character)
    return pieces


def _part(characters: list[_Character], name: str) -> Part:
    if "".join(character.text for character in characters).strip() == "*" and ("*", True) in characters:
        return ANY_PARTS
    pieces: list[list[_Character]] = []
    for piece in _split(characters, "+"):
        if pieces and ("=", True) not in piece:  # a plus sign within a value: `O=Ant + Bee`
            pieces[-1] += [_Character("+", False), *piece]
        else:
            pieces.append(piece)
    return tuple(_assertion(piece, name) for piece in pieces)


def _assertion(characters: list[_Character], name: str) -> Assertion:
    if ("=", True) not in characters:
        raise ValueError(f"{name!r}: expected type=value, found {''.join(c.text for c in characters)!r}")
    at = characters.index(_Character("=", True))
    word = "".join(character.text for character in characters[:at]).strip()
    oid = word if _DOTTED.fullmatch(word) else _OIDS.get(word.lower())
    if oid is None:
        raise ValueError(f"{name!r}: unknown type {word!r}, expected one of {', '.join(_TYPES)}, or an OID")
    value = characters[at + 1 :]
    while value and value[0].plain and value[0].text.isspace():
        value.pop(0)
    while value and value[-1].plain and value[-1].text.isspace():
        value.pop()
    return Assertion(oid, tuple("".join(c.text for c in piece) for piece in _split(value, "*")))
