"""A whole message, field by field."""

from __future__ import annotations

from functools import partial

from ikev1.wire.dissect.bodies import read_payload
from ikev1.wire.dissect.chains import Body, chain_fields
from ikev1.wire.dissect.header import header_field
from ikev1.wire.dissect.tree import DissectedField, Dissection, rest
from ikev1.wire.errors import WireError
from ikev1.wire.header import FIELDS, HEADER_SIZE, VERSION, Header
from ikev1.wire.message import MAX_PAYLOADS, parse_message
from ikev1.wire.registry import Flags

MOST_TRAILING = 3

ENCRYPTED_ABOUT = "The encrypted payloads and padding, unreadable without the keys (RFC 2409 §5)."
PADDING_ABOUT = "Padding after the last payload, up to the block size of the cipher (RFC 2409 Appendix B)."
TRAILER_ABOUT = "Up to three zero octets that align the message to 4 octets (RFC 2408 §3.6)."


def dissect(octets: bytes, *, decrypted: bool = False, hidden: frozenset[int] = frozenset()) -> Dissection:
    """Dissect one ISAKMP message, without the non-ESP marker; never raises.

    ``decrypted`` means that the payloads are in the clear although the header has the encryption flag. ``hidden`` are
    the payload types whose bodies are encrypted individually (`parse_message`). Of a malformed message, the fields up
    to the error are dissected, and ``error`` is the error of the parser.
    """
    error = _error(octets, decrypted, hidden)
    if len(octets) < HEADER_SIZE:
        return Dissection(tuple(rest(0, len(octets))), error)
    header = header_field(octets)
    return Dissection((header, *_after_header(octets, decrypted, hidden)), error)


def _error(octets: bytes, decrypted: bool, hidden: frozenset[int]) -> WireError | None:
    try:
        header = Header.parse(octets)
        if decrypted or not header.encrypted:
            parse_message(header, octets[HEADER_SIZE:], hidden)
    except WireError as error:
        return error
    return None


def _after_header(octets: bytes, decrypted: bool, hidden: frozenset[int]) -> list[DissectedField]:
    _, _, first, version, _, flags, _, _ = FIELDS.unpack_from(octets)
    end = len(octets)
    if version >> 4 != VERSION >> 4:
        return rest(HEADER_SIZE, end)
    encrypted = bool(flags & Flags.ENCRYPTION)
    if encrypted and not decrypted:
        return _octets("Encrypted Data", octets, HEADER_SIZE, ENCRYPTED_ABOUT)
    read_body = partial(_read_body, octets, hidden)
    fields, position, complete = chain_fields(octets, HEADER_SIZE, end, first, MAX_PAYLOADS, read_body)
    if not complete:
        return fields + rest(position, end)
    if encrypted:
        return fields + _octets("Padding", octets, position, PADDING_ABOUT)
    if end - position <= MOST_TRAILING and not any(octets[position:]):
        return fields + _octets("Padding", octets, position, TRAILER_ABOUT)
    return fields + rest(position, end)


def _read_body(octets: bytes, hidden: frozenset[int], kind: int, start: int, end: int) -> Body:
    return read_payload(octets, kind, start, end, kind in hidden)


def _octets(name: str, octets: bytes, start: int, about: str) -> list[DissectedField]:
    """A field of the octets from ``start`` to the end; none if there are no octets."""
    size = len(octets) - start
    return [DissectedField(name, f"{size} octets", start, size, about)] if size else []
