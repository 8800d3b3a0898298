"""EAP with MD5-Challenge (RFC 3748), which the gateway speaks with a RADIUS server for a user whose password it knows:
for servers that check users only by EAP (RFC 3579).
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

from ikev1.aaa.radius.attributes import LONGEST_VALUE
from ikev1.errors import RemoteError

MOST_ROUNDS = 5  # the identity, a method that is declined, MD5-Challenge, and notifications
_REQUEST, _RESPONSE = 1, 2  # codes (§4)
_HEADER = 5  # octets: code, identifier, length, type


class _Type(IntEnum):
    """Types of EAP (§5)."""

    IDENTITY = 1
    NOTIFICATION = 2
    NAK = 3
    MD5_CHALLENGE = 4


class EapError(RemoteError):
    """The server sent a request of EAP that is malformed."""

    code = "malformed-eap"


def identity(name: bytes) -> bytes:
    """The first response, which no request precedes (RFC 3579 §2.1)."""
    return _response(0, _Type.IDENTITY, name)


def answer(request: bytes, name: bytes, password: bytes) -> bytes:
    """The response to ``request``; methods other than MD5-Challenge are declined.

    Raises:
        EapError: the request is malformed.
    """
    length = int.from_bytes(request[2:4])
    if len(request) < _HEADER or request[0] != _REQUEST or not _HEADER <= length <= len(request):
        raise EapError("a malformed request of EAP")
    identifier, kind, data = request[1], request[4], request[_HEADER:length]
    if kind == _Type.IDENTITY:
        return _response(identifier, _Type.IDENTITY, name)
    if kind == _Type.NOTIFICATION:
        return _response(identifier, _Type.NOTIFICATION, b"")
    if kind != _Type.MD5_CHALLENGE:
        return _response(identifier, _Type.NAK, bytes([_Type.MD5_CHALLENGE]))
    if not data or not 0 < data[0] < len(data):
        raise EapError("an MD5-Challenge without a challenge")
    challenge = data[1 : 1 + data[0]]
    # RFC 1994 §4.1
    digest = hashlib.md5(bytes([identifier]) + password + challenge, usedforsecurity=False).digest()
    return _response(identifier, _Type.MD5_CHALLENGE, bytes([len(digest)]) + digest + name)


def values(message: bytes) -> list[bytes]:
    """The values of the attributes EAP-Message with ``message`` (RFC 3579 §3.1)."""
    return [message[at : at + LONGEST_VALUE] for at in range(0, len(message), LONGEST_VALUE)]


def _response(identifier: int, kind: _Type, data: bytes) -> bytes:
    return bytes([_RESPONSE, identifier]) + (_HEADER + len(data)).to_bytes(2) + bytes([kind]) + data
