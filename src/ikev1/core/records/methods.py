"""Groups of authentication methods (RFC 2409 §5), and those of XAUTH (draft-beaulieu-ike-xauth-02 §7.2) and of hybrid
authentication (draft-ietf-ipsec-isakmp-hybrid-auth-05 §3.2.1).
"""

from __future__ import annotations

from ikev1.core.records.exchange import Role
from ikev1.wire.registry import AuthenticationMethod

ENCRYPTING = frozenset(
    {
        AuthenticationMethod.RSA_ENCRYPTION,
        AuthenticationMethod.XAUTH_INIT_RSA_ENCRYPTION,
        AuthenticationMethod.XAUTH_RESP_RSA_ENCRYPTION,
        AuthenticationMethod.REVISED_RSA_ENCRYPTION,
        AuthenticationMethod.XAUTH_INIT_RSA_REVISED_ENCRYPTION,
        AuthenticationMethod.XAUTH_RESP_RSA_REVISED_ENCRYPTION,
    }
)
"""Methods with public key encryption; those of RFC 2409 (`base_of`) have their own tables of messages."""

SHARED = frozenset(
    {
        AuthenticationMethod.PRE_SHARED_KEY,
        AuthenticationMethod.XAUTH_INIT_PRE_SHARED,
        AuthenticationMethod.XAUTH_RESP_PRE_SHARED,
    }
)
"""Methods with a pre-shared key."""

ECDSA = frozenset(
    {
        AuthenticationMethod.ECDSA_SHA256_P256,
        AuthenticationMethod.ECDSA_SHA384_P384,
        AuthenticationMethod.ECDSA_SHA512_P521,
    }
)
"""Methods with ECDSA, each with the hash of a curve; the peers may have keys on different curves (`kind_of`)."""

SHARED_OR_ENCRYPTING = ENCRYPTING | SHARED
"""Methods for which "HASH_I and HASH_R directly authenticate the exchange" of both peers."""

SIGNER: dict[int, Role] = {
    AuthenticationMethod.HYBRID_INIT_RSA: Role.RESPONDER,
    AuthenticationMethod.HYBRID_RESP_RSA: Role.INITIATOR,
}
"""The role that signs with a hybrid method, in which only one side does; the other one is the client of XAUTH."""

XAUTH_CLIENT: dict[int, Role] = {
    AuthenticationMethod.XAUTH_INIT_PRE_SHARED: Role.INITIATOR,
    AuthenticationMethod.XAUTH_RESP_PRE_SHARED: Role.RESPONDER,
    AuthenticationMethod.XAUTH_INIT_RSA: Role.INITIATOR,
    AuthenticationMethod.XAUTH_RESP_RSA: Role.RESPONDER,
    AuthenticationMethod.XAUTH_INIT_RSA_ENCRYPTION: Role.INITIATOR,
    AuthenticationMethod.XAUTH_RESP_RSA_ENCRYPTION: Role.RESPONDER,
    AuthenticationMethod.XAUTH_INIT_RSA_REVISED_ENCRYPTION: Role.INITIATOR,
    AuthenticationMethod.XAUTH_RESP_RSA_REVISED_ENCRYPTION: Role.RESPONDER,
    AuthenticationMethod.HYBRID_INIT_RSA: Role.INITIATOR,
    AuthenticationMethod.HYBRID_RESP_RSA: Role.RESPONDER,
}
"""The role of the client of XAUTH, by the methods that announce XAUTH."""

XAUTH_METHODS: dict[int, tuple[AuthenticationMethod, ...]] = {
    AuthenticationMethod.PRE_SHARED_KEY: (
        AuthenticationMethod.XAUTH_INIT_PRE_SHARED,
        AuthenticationMethod.XAUTH_RESP_PRE_SHARED,
    ),
    AuthenticationMethod.RSA_SIGNATURES: (AuthenticationMethod.XAUTH_INIT_RSA, AuthenticationMethod.XAUTH_RESP_RSA),
    AuthenticationMethod.RSA_ENCRYPTION: (
        AuthenticationMethod.XAUTH_INIT_RSA_ENCRYPTION,
        AuthenticationMethod.XAUTH_RESP_RSA_ENCRYPTION,
    ),
    AuthenticationMethod.REVISED_RSA_ENCRYPTION: (
        AuthenticationMethod.XAUTH_INIT_RSA_REVISED_ENCRYPTION,
        AuthenticationMethod.XAUTH_RESP_RSA_REVISED_ENCRYPTION,
    ),
}
"""The methods that announce XAUTH after a method of RFC 2409. DSS is not supported in phase 1; ECDSA has no such
method.
"""

HYBRID_METHODS: dict[int, tuple[AuthenticationMethod, ...]] = {
    AuthenticationMethod.RSA_SIGNATURES: (AuthenticationMethod.HYBRID_INIT_RSA, AuthenticationMethod.HYBRID_RESP_RSA),
}
"""The methods in which only the server of XAUTH signs."""

_BASE = {
    announcing.value: base
    for forms in (XAUTH_METHODS, HYBRID_METHODS)
    for base, methods in forms.items()
    for announcing in methods
}


def base_of(method: int) -> int:
    """The method of RFC 2409 by which the peers authenticate with ``method``; with hybrid ones, only one peer does."""
    return _BASE.get(method, method)


def kind_of(method: int) -> int:
    """A number that two methods share if a key for one of them also serves with the other."""
    return AuthenticationMethod.ECDSA_SHA256_P256.value if method in ECDSA else method
