"""Payloads whose bodies are encrypted individually by the RSA encryption methods (RFC 2409 §5.2, §5.3)."""

from __future__ import annotations

from ikev1.capture.decrypt.suites import phase1_suite
from ikev1.core.records.methods import base_of
from ikev1.wire.chain import GENERIC_HEADER, GENERIC_HEADER_SIZE
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.payloads import SecurityAssociation, parse_body
from ikev1.wire.registry import AuthenticationMethod, PayloadType

_HIDDEN: dict[int, frozenset[int]] = {
    AuthenticationMethod.RSA_ENCRYPTION: frozenset({PayloadType.IDENTIFICATION, PayloadType.NONCE}),
    AuthenticationMethod.REVISED_RSA_ENCRYPTION: frozenset(
        {
            PayloadType.NONCE,
            PayloadType.KEY_EXCHANGE,
            PayloadType.IDENTIFICATION,
            PayloadType.CERTIFICATE,
            PayloadType.NAT_D,
            PayloadType.NAT_D_DRAFT,
        }
    ),
}


def hidden_bodies(method: int) -> frozenset[int]:
    """The payload types whose bodies an authentication method encrypts individually in phase 1."""
    return _HIDDEN.get(base_of(method), frozenset())


def method_offered(header: Header, octets: bytes) -> int:
    """The authentication method in the leading SA payload, which determines how to parse the rest of the message; 0 if
    the payload offers several methods, or none.
    """
    if header.next_payload != PayloadType.SECURITY_ASSOCIATION or len(octets) < HEADER_SIZE + GENERIC_HEADER_SIZE:
        return 0
    length = GENERIC_HEADER.unpack_from(octets, HEADER_SIZE)[2]
    try:
        payload = parse_body(header.next_payload, octets[HEADER_SIZE + GENERIC_HEADER_SIZE : HEADER_SIZE + length])
    except WireError:
        return 0
    if not isinstance(payload, SecurityAssociation):
        return 0
    methods = {phase1_suite(each).authentication for proposal in payload.proposals for each in proposal.transforms}
    return methods.pop() if len(methods) == 1 else 0
