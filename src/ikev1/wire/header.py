"""The header of every ISAKMP message (RFC 2408 §3.1) and the marker that distinguishes it from ESP (RFC 3948 §2.2)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ikev1.wire.errors import WireError
from ikev1.wire.registry import Flags, NotifyType

NON_ESP_MARKER = bytes(4)
VERSION = 0x10  # "Implementations ... MUST set the Major Version to 1", "the Minor Version to 0" (RFC 2408 §3.1)

FIELDS = struct.Struct("!8s8sBBBBII")
HEADER_SIZE = FIELDS.size
NAME = ("HEADER",)
NO_COOKIE = bytes(8)
ENCRYPTION = Flags.ENCRYPTION.value
KNOWN_FLAGS = Flags.ENCRYPTION | Flags.COMMIT | Flags.AUTHENTICATION


class Header(NamedTuple):
    """CKY-I, CKY-R (8 octets each), next payload, exchange type, flags, message ID, length in octets of the whole
    message, and the version (major in the upper four bits).
    """

    CKY_I: bytes
    CKY_R: bytes
    next_payload: int
    exchange: int
    flags: int
    message_id: int
    length: int
    version: int = VERSION

    @property
    def encrypted(self) -> bool:
        """Whether all payloads are encrypted: the E flag (RFC 2408 §3.1)."""
        return self.flags & ENCRYPTION != 0

    @classmethod
    def parse(cls, datagram: bytes) -> Header:
        """Parse the header of ``datagram``: a whole ISAKMP message without the non-ESP marker.

        Raises WireError with UNEQUAL_PAYLOAD_LENGTHS, INVALID_MAJOR_VERSION, INVALID_MINOR_VERSION, INVALID_FLAGS or
        INVALID_COOKIE (RFC 2408 §5.1, §5.2). Whether the exchange, the message ID and CKY-R make sense is for the
        exchange to say.
        """
        if len(datagram) < HEADER_SIZE:
            raise WireError(
                f"a header of {HEADER_SIZE} octets",
                f"a datagram of {len(datagram)}",
                0,
                NAME,
                notify=NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
            )
        CKY_I, CKY_R, next_payload, version, exchange, flags, message_id, length = FIELDS.unpack_from(datagram)
        if version != VERSION:
            _refuse_version(version)
        if flags & ~KNOWN_FLAGS:  # "the remaining bits of the Flags field MUST be set to 0"
            raise WireError("no flags but E, C and A", f"0x{flags:02x}", 19, NAME, notify=NotifyType.INVALID_FLAGS)
        # "If the ISAKMP message length and the value in the Payload Length field of the ISAKMP Header are not the
        # same, then the ISAKMP message MUST be rejected" (RFC 2408 §5.1): too long is rejected like too short.
        if length != len(datagram):
            raise WireError(
                f"the datagram's length, {len(datagram)}", length, 24, NAME, notify=NotifyType.UNEQUAL_PAYLOAD_LENGTHS
            )
        if CKY_I == NO_COOKIE:
            raise WireError("an initiator cookie", "zeros", 0, NAME, notify=NotifyType.INVALID_COOKIE)
        return new_header((CKY_I, CKY_R, next_payload, exchange, flags, message_id, length, version))

    def build(self) -> bytes:
        """Build the 28 octets. Raises struct.error if a field does not fit."""
        return build_header(*self)


def build_header(
    CKY_I: bytes,
    CKY_R: bytes,
    next_payload: int,
    exchange: int,
    flags: int,
    message_id: int,
    length: int,
    version: int = VERSION,
) -> bytes:
    """Build the octets of a `Header` with these fields. Raises struct.error if one does not fit."""
    return FIELDS.pack(CKY_I, CKY_R, next_payload, version, exchange, flags, message_id, length)


# A NamedTuple's own constructor is a Python function around this one.
new_header: Callable[[tuple[object, ...]], Header] = partial(tuple.__new__, Header)


def _refuse_version(version: int) -> None:
    major, minor = version >> 4, version & 0x0F
    if major != VERSION >> 4:
        raise WireError("major version 1", major, 17, NAME, notify=NotifyType.INVALID_MAJOR_VERSION)
    raise WireError("minor version 0", minor, 17, NAME, notify=NotifyType.INVALID_MINOR_VERSION)
