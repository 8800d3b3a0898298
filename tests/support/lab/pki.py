"""The lab's PKI, which strongSwan's ``pki`` made at set-up (see make-pki): a root, a CA below it, and leafs.

Leafs are ``WHO-KIND``: ``alice`` (alice@lab) or ``gw`` (gw.lab), and ``rsa``, ``ecdsa`` (on P-256), ``ecdsa384``,
``ecdsa521``, or ``int``, which the CA below the root issued, both with RSA keys of 4096 bits; ``revoked-rsa``,
``expired-rsa`` and ``self-rsa``, which no CA issued, are alice's, too.
"""

from __future__ import annotations

from pathlib import Path

from lab.paths import PKI

ROOT = PKI / "ca.crt"
REVOCATION_LIST = PKI / "ca.crl"


def certificate(leaf: str) -> Path:
    """The certificate of ``leaf``, PEM."""
    return PKI / f"{leaf}.crt"


def private_key(leaf: str) -> Path:
    """The private key of ``leaf``, PEM, closed to others."""
    return PKI / f"{leaf}.key"


def chain(leaf: str) -> list[Path]:
    """The certificates between ``leaf`` and the root, which only the leaf's owner has."""
    return [PKI / "int.crt"] if leaf.endswith("-int") else []
