"""A fingerprint of what a connection believes its peer by, to notice that an operator has changed it."""

from __future__ import annotations

from hashlib import blake2s

import msgspec

from ikev1.core.records.settings import Connection

_OCTETS = 8
_OF_SECRET = 2  # octets: enough to notice another secret, too few to recognise a guessed one in a stolen state file


def fingerprint(connection: Connection, who: str | None) -> bytes:
    """8 octets that differ when the secret or the trust of ``connection`` differ, or ``who`` its peer must prove to be
    (`ikev1.core.peer.connection_lookup.expected`).
    """
    secret = blake2s(connection.secret, digest_size=_OF_SECRET).digest()
    public = msgspec.msgpack.encode((connection.trust, who))
    return blake2s(secret + public, digest_size=_OCTETS).digest()
