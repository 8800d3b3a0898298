"""Parsing and building of messages: the header and the chain of payloads (RFC 2408 §3.1, §3.2, §5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from ikev1.wire.chain import GENERIC_HEADER_SIZE, ParseAll, join_chain, parse_bodies, walk_chain
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.payloads import (
    BUILDERS,
    NUMBERS,
    STRUCTURED,
    Encrypted,
    Payload,
    check_unproved,
    parse_all,
    parse_body,
    payload_type,
)
from ikev1.wire.registry import NotifyType, PayloadType

MAX_PAYLOADS = 256
"""The maximum number of payloads. Peers that trust all CAs of their system send a request for each."""

SECURITY_ASSOCIATION = PayloadType.SECURITY_ASSOCIATION.value
CERTIFICATE_REQUEST = PayloadType.CERTIFICATE_REQUEST.value

MAX_UNPROVED = 8
"""Payloads in an unproved message that are read field by field (`STRUCTURED`). Peers send an SA payload, or a
notification or two."""

MAX_UNPROVED_OPAQUE = 64
"""Other payloads in one, but for certificate requests. Peers send up to two dozen vendor IDs."""

MAX_UNPROVED_OCTETS = 1664
"""Octets of those that are read field by field: 40 transforms of 40 octets, as most peers send them."""
MAX_PADDING = 352
"""Octets after the last payload of an encrypted message: a block, and the 21 blocks of 16 that racoon may add to it by
``randomize_length``.
"""

_LONGEST_TRAILER = 16  # octets
_LENGTH_AT = 24  # where the header says how long the message is

PayloadClass = TypeVar("PayloadClass", bound=Payload)


class Message(NamedTuple):
    """A message in the clear, as received.

    ``bodies`` are the payloads' octets without their generic headers, of which RFC 2409 §5 hashes some (``SAi_b``,
    ``IDii_b``). ``after_first`` are the octets from the second payload's generic header to the last payload's end:
    what HASH(1) and HASH(2) cover (§5.5).
    """

    header: Header
    payloads: tuple[Payload, ...]
    bodies: tuple[bytes, ...]
    after_first: bytes

    def __repr__(self) -> str:
        """Without the octets: those of an Attributes payload may be a password."""
        return f"Message(header={self.header!r}, payloads={self.payloads!r})"

    def first(self, kind: type[PayloadClass]) -> PayloadClass | None:
        """The first payload of this class, or None."""
        for payload in self.payloads:
            if type(payload) is kind:
                return payload
        return None

    def all(self, kind: type[PayloadClass]) -> tuple[PayloadClass, ...]:
        """All payloads of this class, in order."""
        return tuple([payload for payload in self.payloads if type(payload) is kind])

    def one(self, kind: type[PayloadClass]) -> PayloadClass:
        """The only payload of this class. Raises WireError unless there is exactly one."""
        found = None
        for payload in self.payloads:
            if type(payload) is kind:
                if found is not None:
                    break
                found = payload
        else:
            if found is not None:
                return found
        raise WireError(f"one {kind.__name__} payload", len(self.all(kind)), 0, ("MESSAGE",))

    def body_of(self, payload: Payload) -> bytes:
        """The body, as received, of a payload of this message."""
        for candidate, body in zip(self.payloads, self.bodies, strict=True):
            if candidate is payload:
                return body
        raise ValueError("the payload does not belong to this message")


# A NamedTuple's own constructor is a Python function around this one.
new_message: Callable[[tuple[object, ...]], Message] = partial(tuple.__new__, Message)


def parse_message(header: Header, chain: bytes, hidden: frozenset[int] = frozenset()) -> Message:
    """Parse the payloads in ``chain``, the octets after the header, decrypted if the message was encrypted.

    The last payload of an encrypted message may be followed by up to `MAX_PADDING` octets of any value (RFC 2409
    Appendix B), that of an unencrypted message by up to three zeros, "added at the end of the message to make the
    message 4-octet aligned" (RFC 2408 §3.6).

    The bodies of payloads of the types ``hidden`` are encrypted individually (RFC 2409 §5.2, §5.3).

    Raises WireError. Offsets in it count from the start of the header.
    """
    return _parse(header, chain, partial(map, partial(_hide, hidden)) if hidden else parse_all)


def parse_unproved(header: Header, chain: bytes, hidden: frozenset[int] = frozenset()) -> Message:
    """`parse_message` for an unauthenticated message in the clear, of which an attacker can send any number. Payloads
    beyond the amount that real peers send are rejected before they are parsed.
    """
    return _parse(header, chain, partial(map, _Sparing(hidden).parse))


class _Sparing:
    """Parses the payloads of an unauthenticated message, up to limits."""

    __slots__ = ("_hidden", "_octets", "_opaque", "_structured")

    def __init__(self, hidden: frozenset[int]) -> None:
        self._hidden = hidden
        self._opaque = MAX_UNPROVED_OPAQUE
        self._structured = MAX_UNPROVED
        self._octets = MAX_UNPROVED_OCTETS

    def parse(self, payload_type: int, body: bytes) -> Payload:
        if payload_type in self._hidden:
            return Encrypted(payload_type, body)
        if payload_type in STRUCTURED:
            self._take_structured(payload_type, body)
        elif payload_type != CERTIFICATE_REQUEST:
            self._opaque -= 1
            if self._opaque < 0:
                raise WireError(f"at most {MAX_UNPROVED_OPAQUE} such payloads in the clear", "more")
        return parse_body(payload_type, body)

    def _take_structured(self, payload_type: int, body: bytes) -> None:
        self._structured -= 1
        self._octets -= len(body)
        if self._structured < 0:
            raise WireError(f"at most {MAX_UNPROVED} such payloads in the clear", "more")
        if self._octets < 0:
            at_most = f"at most {MAX_UNPROVED_OCTETS} octets of such payloads in the clear"
            raise WireError(at_most, MAX_UNPROVED_OCTETS - self._octets)
        if payload_type == SECURITY_ASSOCIATION:
            check_unproved(body)


def parse_walked(header: Header, chain: bytes, walked: tuple[list[int], list[bytes], int]) -> Message:
    """`parse_message` for a chain that `ikev1.wire.chain.walk_chain` has already walked, with this result."""
    return _message(header, chain, walked, parse_all)


def _parse(header: Header, chain: bytes, parse: ParseAll[Payload]) -> Message:
    try:
        walked = walk_chain(chain, header.next_payload, MAX_PAYLOADS)
    except WireError as error:
        error.offset += HEADER_SIZE
        raise
    return _message(header, chain, walked, parse)


def _message(
    header: Header,
    chain: bytes,
    walked: tuple[list[int], list[bytes], int],
    parse: ParseAll[Payload],
) -> Message:
    types, bodies, end = walked
    try:
        payloads = parse_bodies(types, bodies, parse)
    except WireError as error:
        error.offset += HEADER_SIZE
        raise
    if end != len(chain) and (not header.encrypted or len(chain) - end > MAX_PADDING):
        _refuse_trailer(chain, end)
    after_first = chain[GENERIC_HEADER_SIZE + len(bodies[0]) : end] if bodies else b""
    return new_message((header, tuple(payloads), tuple(bodies), after_first))


def _hide(hidden: frozenset[int], payload_type: int, body: bytes) -> Payload:
    return Encrypted(payload_type, body) if payload_type in hidden else parse_body(payload_type, body)


def _refuse_trailer(chain: bytes, end: int) -> None:
    trailer = chain[end:]
    if len(trailer) > 3 or any(trailer):
        more = f"{len(trailer)} octets more"
        raise WireError(
            "the end of the message", more, HEADER_SIZE + end, ("MESSAGE",), notify=NotifyType.UNEQUAL_PAYLOAD_LENGTHS
        )


def without_trailer(datagram: bytes) -> tuple[bytes, int]:
    """Remove the zeros after the message in ``datagram``; return the message and their number.

    A message whose length differs from the datagram's "MUST be rejected" (RFC 2408 §5.1). Old Cisco clients append 16
    zeros to each message, so up to that many are tolerated. Anything else remains, and `Header.parse` rejects it.
    """
    if len(datagram) < HEADER_SIZE:
        return datagram, 0
    length = int.from_bytes(datagram[_LENGTH_AT:HEADER_SIZE])
    more = len(datagram) - length
    if not more or length < HEADER_SIZE or not 0 < more <= _LONGEST_TRAILER or any(datagram[length:]):
        return datagram, 0
    return datagram[:length], more


def build_chain(payloads: Sequence[Payload]) -> tuple[int, bytes]:
    """Build the payloads; return the type of the first one (NONE without payloads) and the octets.

    Raises struct.error where a value does not fit its field.
    """
    if not payloads:
        return PayloadType.NONE, b""
    chain = [
        (NUMBERS.get(type(payload)) or payload_type(payload), BUILDERS[type(payload)](payload)) for payload in payloads
    ]
    return chain[0][0], join_chain(chain)


def build_message(header: Header, payloads: Sequence[Payload]) -> bytes:
    """Build an unencrypted message; the type of the first payload and the length are filled in."""
    first, chain = build_chain(payloads)
    return header._replace(next_payload=first, length=HEADER_SIZE + len(chain)).build() + chain
