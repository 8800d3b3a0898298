"""How a connection proves who it is: the methods of RFC 2409 §5 by the words of the configuration."""

from __future__ import annotations

from ikev1.core.settings import Credential
from ikev1.crypto import private_keys, signatures
from ikev1.wire.registry import AuthenticationMethod

__all__ = ["ECDSA", "NEEDS", "PRE_SHARED", "RSA", "WORDS", "Methods", "methods_of"]

PRE_SHARED, RSA, ECDSA = WORDS = ("pre-share", "rsa-sig", "ecdsa-sig")
NEEDS = {
    PRE_SHARED: "secret or secret_file",
    RSA: "an RSA key in private_key",
    ECDSA: "a key on P-256, P-384 or P-521 in private_key",
}

Methods = dict[str, AuthenticationMethod]


def methods_of(secret: bytes, credential: Credential | None) -> Methods:
    """The methods that a secret and a private key allow, by their words; the first is the one that is used unless the
    configuration says otherwise. Which ECDSA method it is follows from the curve of the key (RFC 4754 §4).
    """
    methods: Methods = {}
    if secret:
        methods[PRE_SHARED] = AuthenticationMethod.PRE_SHARED_KEY
    if credential is not None:
        method = signatures.method_of(private_keys.load(credential.private_key))
        methods[RSA if method == AuthenticationMethod.RSA_SIGNATURES else ECDSA] = method
    return methods
