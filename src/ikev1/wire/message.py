"""A whole message: the header and the chain of payloads (RFC 2408 §3.1, §3.2, §5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from ikev1.wire.chain import GENERIC_HEADER_SIZE, join_chain, parse_chain
from ikev1.wire.errors import PayloadMalformed, UnequalPayloadLengths, WireError
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.payloads import Encrypted, Payload, build_body, parse_body, payload_type
from ikev1.wire.registry import PayloadType

__all__ = ["MAX_PADDING", "MAX_PAYLOADS", "Message", "build_chain", "build_message", "parse_message"]

MAX_PAYLOADS = 256
"""Payloads in one message. Peers that trust every CA of their system send a certificate request for each."""

MAX_PADDING = 352
"""Octets behind the last payload of an encrypted message: a block, and the 21 blocks of 16 that racoon may add to it by
``randomize_length``.
"""

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

    def first(self, kind: type[PayloadClass]) -> PayloadClass | None:
        """The first payload of that class, or None."""
        for payload in self.payloads:
            if type(payload) is kind:
                return payload
        return None

    def all(self, kind: type[PayloadClass]) -> tuple[PayloadClass, ...]:
        """All payloads of that class, in order."""
        return tuple([payload for payload in self.payloads if type(payload) is kind])

    def one(self, kind: type[PayloadClass]) -> PayloadClass:
        """The payload of that class. Raises PayloadMalformed unless there is exactly one."""
        found = [payload for payload in self.payloads if type(payload) is kind]
        if len(found) != 1:
            raise PayloadMalformed(f"one {kind.__name__} payload", len(found), 0, ("MESSAGE",))
        return found[0]

    def body_of(self, payload: Payload) -> bytes:
        """The body, as received, of a payload that this message gave."""
        for candidate, body in zip(self.payloads, self.bodies, strict=True):
            if candidate is payload:
                return body
        raise ValueError("the payload is not of this message")


# A NamedTuple's own constructor is a Python function around this one.
new_message: Callable[[tuple[object, ...]], Message] = partial(tuple.__new__, Message)


def parse_message(header: Header, chain: bytes, hidden: frozenset[int] = frozenset()) -> Message:
    """Reads the payloads in ``chain``: what follows the header, decrypted if it was encrypted.

    After the last payload of an encrypted message up to `MAX_PADDING` octets of any value may follow (RFC 2409
    Appendix B), after that of a clear one up to three zeros, "added at the end of the message to make the message
    4-octet aligned" (RFC 2408 §3.6).

    Payloads of the types ``hidden`` are those whose bodies are encrypted on their own (RFC 2409 §5.2, §5.3).

    Raises WireError. Offsets in it count from the start of the header.
    """
    try:
        payloads, bodies, end = parse_chain(
            chain, header.next_payload, MAX_PAYLOADS, partial(_hide, hidden) if hidden else parse_body
        )
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
        raise UnequalPayloadLengths("the end of the message", more, HEADER_SIZE + end, ("MESSAGE",))


def build_chain(payloads: Sequence[Payload]) -> tuple[int, bytes]:
    """The first payload's type (NONE if there is none), and the payloads' octets.

    Raises struct.error where a value does not fit its field.
    """
    if not payloads:
        return PayloadType.NONE, b""
    chain = [(payload_type(payload), build_body(payload)) for payload in payloads]
    return chain[0][0], join_chain(chain)


def build_message(header: Header, payloads: Sequence[Payload]) -> bytes:
    """A whole message in the clear; its header is ``header`` with the first payload's type and the length put in."""
    first, chain = build_chain(payloads)
    return header._replace(next_payload=first, length=HEADER_SIZE + len(chain)).build() + chain
