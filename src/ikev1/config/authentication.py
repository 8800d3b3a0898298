"""The authentication methods of RFC 2409 §5, by the words of the configuration."""

from __future__ import annotations

from ikev1.core.records.settings import Credential, Trust
from ikev1.crypto import certificates, private_keys, public_key_encryption, public_keys, signatures
from ikev1.wire.registry import AuthenticationMethod

WORDS = ("pre-share", "rsa-sig", "ecdsa-sig", "rsa-encr", "rsa-encr-revised")
PRE_SHARED, RSA, ECDSA, RSA_ENCRYPTION, REVISED_RSA_ENCRYPTION = WORDS
_BOTH_KEYS = "an RSA key in private_key, and the RSA key of the peer in peer_public_key or peer_certificate"
NEEDS = {
    PRE_SHARED: "secret or secret_file",
    RSA: "an RSA key in private_key",
    ECDSA: "a key on P-256, P-384 or P-521 in private_key",
    RSA_ENCRYPTION: _BOTH_KEYS,
    REVISED_RSA_ENCRYPTION: _BOTH_KEYS,
}

Methods = dict[str, AuthenticationMethod]


def methods_of(secret: bytes, credential: Credential | None, trust: Trust, *, hybrid_client: bool = False) -> Methods:
    """The methods that the secret and keys allow, by their words; the first is the default. The curve of the key
    determines the ECDSA method (RFC 4754 §4). A client with hybrid authentication only verifies a signature.
    """
    if hybrid_client:
        return {RSA: AuthenticationMethod.RSA_SIGNATURES}
    methods: Methods = {}
    if secret:
        methods[PRE_SHARED] = AuthenticationMethod.PRE_SHARED_KEY
    if credential is not None:
        method = signatures.method_of(private_keys.load(credential.private_key))
        methods[RSA if method == AuthenticationMethod.RSA_SIGNATURES else ECDSA] = method
    if RSA in methods and _encrypts(trust):
        methods[RSA_ENCRYPTION] = AuthenticationMethod.RSA_ENCRYPTION
        methods[REVISED_RSA_ENCRYPTION] = AuthenticationMethod.REVISED_RSA_ENCRYPTION
    return methods


def _encrypts(trust: Trust) -> bool:
    """Whether the peer's public key is configured, as public key encryption requires, and is RSA (RFC 2409 §5.2)."""
    try:
        known = tuple(each.spki for each in trust.public_keys) or tuple(map(certificates.public_key, trust.peers[:1]))
    except ValueError:  # a key of another type, which path validation may still accept
        return False
    return any(public_key_encryption.encrypts(public_keys.load(key)) for key in known[:1])
