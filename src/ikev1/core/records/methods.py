"""Groups of authentication methods (RFC 2409 §5)."""

from __future__ import annotations

from ikev1.wire.registry import AuthenticationMethod

ENCRYPTING = frozenset({AuthenticationMethod.RSA_ENCRYPTION, AuthenticationMethod.REVISED_RSA_ENCRYPTION})
"""Methods with public key encryption, which have their own tables of messages."""

SHARED_OR_ENCRYPTING = ENCRYPTING | {AuthenticationMethod.PRE_SHARED_KEY}
"""Methods for which "HASH_I and HASH_R directly authenticate the exchange" of both peers."""
