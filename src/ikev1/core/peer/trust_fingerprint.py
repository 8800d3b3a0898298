"""A fingerprint of how a connection authenticates its peer, to detect that an operator changed it."""

from __future__ import annotations

from hashlib import blake2s

import msgspec

from ikev1.core.records.settings import Connection, XauthRole

_OCTETS = 8
_OF_SECRET = 2  # octets: enough to detect another secret, too few to verify a guessed one with a stolen state file


def fingerprint(connection: Connection, who: str | None) -> bytes:
    """8 octets that depend on the secret and the trust of ``connection``, and on ``who``, the identity that its peer
    must have (`ikev1.core.peer.connection_lookup.expected`). A peer whose user is authenticated is not proved by less.
    """
    secret = blake2s(connection.secret, digest_size=_OF_SECRET).digest()
    asks = ("xauth",) if connection.xauth is XauthRole.SERVER else ()
    public = msgspec.msgpack.encode((connection.trust, who, *asks))
    return blake2s(secret + public, digest_size=_OCTETS).digest()
