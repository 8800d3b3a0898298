"""Errors in received octets: each has the notify type to respond with, and the position of the error.

Which event calls for which notify is RFC 2408 §5.
"""

from __future__ import annotations

from typing import ClassVar

from ikev1.wire.registry import NotifyType


class WireError(Exception):
    """Received octets violate the standard.

    ``notify`` is the notify type to respond with. ``expected`` and ``found`` describe the error. ``payload`` are the
    names of the enclosing payloads, outermost first. ``offset`` is in octets from the start of the message or, if a
    single payload body was parsed, of that body.
    """

    notify: ClassVar[NotifyType] = NotifyType.PAYLOAD_MALFORMED

    def __init__(self, expected: str, found: object, offset: int = 0, payload: tuple[str, ...] = ()) -> None:
        super().__init__(expected, found, offset, payload)
        self.expected = expected
        self.found = str(found)
        self.offset = offset
        self.payload = payload

    def within(self, payload: str, offset: int) -> None:
        """Add the enclosing ``payload``, whose octets begin at ``offset`` of its container."""
        self.payload = (payload, *self.payload)
        self.offset += offset

    def __str__(self) -> str:
        where = f"{' > '.join(self.payload)}, " if self.payload else ""
        return f"{where}octet {self.offset}: expected {self.expected}, found {self.found} ({self.notify.name})"


class PayloadMalformed(WireError):
    """A payload violates RFC 2408 §3, or its RESERVED field is not zero (§5.3)."""


class InvalidPayloadType(WireError):
    """A Next Payload field has a type that is not allowed there (RFC 2408 §5.2, §5.3)."""

    notify = NotifyType.INVALID_PAYLOAD_TYPE


class InvalidCookie(WireError):
    """An invalid cookie (RFC 2408 §5.2)."""

    notify = NotifyType.INVALID_COOKIE


class InvalidMajorVersion(WireError):
    """An unsupported major version of ISAKMP (RFC 2408 §5.2)."""

    notify = NotifyType.INVALID_MAJOR_VERSION


class InvalidMinorVersion(WireError):
    """An unsupported minor version of ISAKMP (RFC 2408 §5.2)."""

    notify = NotifyType.INVALID_MINOR_VERSION


class InvalidFlags(WireError):
    """Undefined flags are set (RFC 2408 §3.1, §5.2)."""

    notify = NotifyType.INVALID_FLAGS


class UnequalPayloadLengths(WireError):
    """The lengths of message, payloads and datagram are inconsistent (RFC 2408 §5.1)."""

    notify = NotifyType.UNEQUAL_PAYLOAD_LENGTHS


class DoiNotSupported(WireError):
    """An unsupported DOI (RFC 2408 §5.4)."""

    notify = NotifyType.DOI_NOT_SUPPORTED


class SituationNotSupported(WireError):
    """A situation that requires labels (RFC 2407 §4.2, RFC 2408 §5.4)."""

    notify = NotifyType.SITUATION_NOT_SUPPORTED


class BadProposalSyntax(WireError):
    """Proposals or transforms violate RFC 2408 §3.5, §3.6 or §4.2 (§5.5, §5.6)."""

    notify = NotifyType.BAD_PROPOSAL_SYNTAX


class InvalidSpi(WireError):
    """The SPI size is invalid for its protocol (RFC 2408 §5.5, §5.15)."""

    notify = NotifyType.INVALID_SPI


class InvalidIdInformation(WireError):
    """The identification data is invalid for its type (RFC 2407 §4.6.2, RFC 2408 §5.8)."""

    notify = NotifyType.INVALID_ID_INFORMATION
