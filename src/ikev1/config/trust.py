"""Whom a connection believes: CAs and what they issue, or peers' certificates and keys that are known already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ikev1.config.files import Files
from ikev1.config.identities import peers_identity
from ikev1.config.table import Table
from ikev1.config.values import boolean, choice, each, integer, text
from ikev1.core.peer.reflection import names_one
from ikev1.core.records.settings import Revocation, Trust, TrustedKey
from ikev1.crypto import certificates, public_keys
from ikev1.crypto.public_keys import LARGEST_RSA_BITS

SMALLEST_RSA_BITS = 1024  # what the smallest key that is still met has
_INLINE = ("0s", "0x")


def read_trust(table: Table, files: Files) -> Trust:
    """Everything in a connection that says whom it believes."""
    default = Trust()
    return Trust(
        authorities=table.take("ca", files.collected(certificates.parse), ()),
        intermediates=table.take("intermediates", files.collected(certificates.parse), ()),
        peers=table.take("peer_certificate", files.collected(certificates.parse), ()),
        public_keys=table.take("peer_public_key", _public_keys(files), ()),
        revocation_lists=table.take("crl", files.collected(certificates.parse_revocation_lists), ()),
        revocation=Revocation(table.take("revocation", choice(tuple(Revocation)), default.revocation)),
        smallest_rsa_bits=table.take(
            "smallest_rsa", integer(SMALLEST_RSA_BITS, LARGEST_RSA_BITS), default.smallest_rsa_bits
        ),
        allow_sha1=table.take("allow_sha1", boolean, default.allow_sha1),
    )


def _public_keys(files: Files) -> Callable[[object], tuple[TrustedKey, ...]]:
    """A converter: keys for whatever identity ``remote_id`` names, one or a list, or a table of them by identity."""
    keys = each(_public_key(files))

    def convert(value: object) -> tuple[TrustedKey, ...]:
        if not isinstance(value, dict):
            return tuple(TrustedKey(key) for key in keys(value))
        by_identity: dict[str, Any] = value
        if not by_identity:
            raise ValueError("is an empty table: peers' identities and their keys stand there")
        return tuple(TrustedKey(key, _one_identity(who)) for who, named in by_identity.items() for key in keys(named))

    return convert


def _one_identity(who: str) -> str:
    if not names_one(peers_identity(who)):
        raise ValueError(f"{who!r} is no single identity: a key proves one, so write it out")
    return who


def _public_key(files: Files) -> Callable[[object], bytes]:
    """A converter: a key that stands in the configuration itself (RFC 3110, as libreswan writes it), or in a file."""

    def convert(value: object) -> bytes:
        written = text(value)
        if written.startswith(_INLINE):
            return public_keys.parse(written.encode())
        return files.parsed(public_keys.parse)(written)

    return convert
