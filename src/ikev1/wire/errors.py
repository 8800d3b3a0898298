"""What is wrong with a peer's octets: each error knows the notify that answers it and the place it was met.

Which event calls for which notify is RFC 2408 §5.
"""

from __future__ import annotations

from typing import ClassVar

from ikev1.wire.registry import NotifyType


class WireError(Exception):
    """A peer sent octets that the standard does not allow.

    ``notify`` is what answers it. ``expected`` and ``found`` say what is wrong, ``payload`` where: the names of the
    payloads around the place, outermost first, and ``offset`` its octet counted from the start of the outermost
    thing parsed: the message or, where a single payload's body was parsed, that body.
    """

    notify: ClassVar[NotifyType] = NotifyType.PAYLOAD_MALFORMED

    def __init__(self, expected: str, found: object, offset: int = 0, payload: tuple[str, ...] = ()) -> None:
        super().__init__(expected, found, offset, payload)
        self.expected = expected
        self.found = str(found)
        self.offset = offset
        self.payload = payload

    def within(self, payload: str, offset: int) -> None:
        """Adds that all this happened in ``payload``, whose octets begin at ``offset`` of what is around it."""
        self.payload = (payload, *self.payload)
        self.offset += offset

    def __str__(self) -> str:
        where = f"{' > '.join(self.payload)}, " if self.payload else ""
        return f"{where}octet {self.offset}: expected {self.expected}, found {self.found} ({self.notify.name})"


class PayloadMalformed(WireError):
    """A payload is not what RFC 2408 §3 says, or its RESERVED field is not zero (§5.3)."""


class InvalidPayloadType(WireError):
    """A Next Payload field names what cannot stand there (RFC 2408 §5.2, §5.3)."""

    notify = NotifyType.INVALID_PAYLOAD_TYPE


class InvalidCookie(WireError):
    """A cookie that no SA can have (RFC 2408 §5.2)."""

    notify = NotifyType.INVALID_COOKIE


class InvalidMajorVersion(WireError):
    """Another protocol than ISAKMP 1 (RFC 2408 §5.2)."""

    notify = NotifyType.INVALID_MAJOR_VERSION


class InvalidMinorVersion(WireError):
    """A later ISAKMP than 1.0 (RFC 2408 §5.2)."""

    notify = NotifyType.INVALID_MINOR_VERSION


class InvalidFlags(WireError):
    """Flags that RFC 2408 §3.1 keeps at zero (§5.2)."""

    notify = NotifyType.INVALID_FLAGS


class UnequalPayloadLengths(WireError):
    """The message's length, the payloads' lengths and the datagram's do not agree (RFC 2408 §5.1)."""

    notify = NotifyType.UNEQUAL_PAYLOAD_LENGTHS


class DoiNotSupported(WireError):
    """A DOI whose situation nobody here can read (RFC 2408 §5.4)."""

    notify = NotifyType.DOI_NOT_SUPPORTED


class SituationNotSupported(WireError):
    """A situation that asks for labels (RFC 2407 §4.2, RFC 2408 §5.4)."""

    notify = NotifyType.SITUATION_NOT_SUPPORTED


class BadProposalSyntax(WireError):
    """Proposals or transforms are not formed as RFC 2408 §3.5, §3.6 and §4.2 say (§5.5, §5.6)."""

    notify = NotifyType.BAD_PROPOSAL_SYNTAX


class InvalidSpi(WireError):
    """An SPI of a size that its protocol does not have (RFC 2408 §5.5, §5.15)."""

    notify = NotifyType.INVALID_SPI


class InvalidIdInformation(WireError):
    """Identification data that is not of its type (RFC 2407 §4.6.2, RFC 2408 §5.8)."""

    notify = NotifyType.INVALID_ID_INFORMATION
