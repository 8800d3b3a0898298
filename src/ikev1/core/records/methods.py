"""What sets the methods of authentication apart (RFC 2409 §5)."""

from __future__ import annotations

from ikev1.wire.registry import AuthenticationMethod

ENCRYPTING = frozenset({AuthenticationMethod.RSA_ENCRYPTION, AuthenticationMethod.REVISED_RSA_ENCRYPTION})
"""By decrypting what the other side encrypted: the exchanges have tables of their own for these."""

SHARED_OR_ENCRYPTING = ENCRYPTING | {AuthenticationMethod.PRE_SHARED_KEY}
"""Those for which "HASH_I and HASH_R directly authenticate the exchange" on both sides."""
