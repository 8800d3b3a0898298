"""What a connection trusts: CAs, or the certificates and public keys of peers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ikev1.config.files import Files
from ikev1.config.findings import Invalid, Rule
from ikev1.config.identities import peers_identity
from ikev1.config.table import Table
from ikev1.config.values import boolean, each, integer, member, text
from ikev1.core.peer.reflection import names_one
from ikev1.core.records.settings import Revocation, Trust, TrustedKey
from ikev1.crypto import certificates, public_keys
from ikev1.crypto.public_keys import LARGEST_RSA_BITS

SMALLEST_RSA_BITS = 1024  # the smallest keys still in use
_INLINE = ("0s", "0x")


def read_trust(table: Table, files: Files) -> Trust:
    """The trusted CAs, certificates and keys of a connection, and how they are checked."""
    default = Trust()
    return Trust(
        authorities=table.take("ca", files.collected(certificates.parse), ()),
        intermediates=table.take("intermediates", files.collected(certificates.parse), ()),
        peers=table.take("peer_certificate", files.collected(certificates.parse), ()),
        public_keys=table.take("peer_public_key", _public_keys(files), ()),
        revocation_lists=table.take("crl", files.collected(certificates.parse_revocation_lists), ()),
        revocation=table.take("revocation", member(Revocation), default.revocation),
        smallest_rsa_bits=table.take(
            "smallest_rsa", integer(SMALLEST_RSA_BITS, LARGEST_RSA_BITS), default.smallest_rsa_bits
        ),
        allow_sha1=table.take("allow_sha1", boolean, default.allow_sha1),
    )


def _public_keys(files: Files) -> Callable[[object], tuple[TrustedKey, ...]]:
    """A converter: one key or a list of keys for the identity in ``remote_id``, or a table of keys by identity."""
    keys = each(_public_key(files))

    def convert(value: object) -> tuple[TrustedKey, ...]:
        if not isinstance(value, dict):
            return tuple(TrustedKey(key) for key in keys(value))
        by_identity: dict[str, Any] = value
        if not by_identity:
            raise ValueError("is an empty table: expected the keys of peers by their identities")
        return tuple(TrustedKey(key, _one_identity(who)) for who, named in by_identity.items() for key in keys(named))

    return convert


def _one_identity(who: str) -> str:
    if not names_one(peers_identity(who)):
        raise Invalid(
            Rule.INVALID_IDENTITY, f"{who!r} is a pattern: a key authenticates one identity, write it in full"
        )
    return who


def _public_key(files: Files) -> Callable[[object], bytes]:
    """A converter: a key in the configuration itself (RFC 3110, in libreswan's notation), or in a file."""

    def convert(value: object) -> bytes:
        written = text(value)
        if written.startswith(_INLINE):
            return public_keys.parse(written.encode())
        return files.parsed(public_keys.parse)(written)

    return convert
