"""The keys of one conversation: from the key ring, or derived from its secrets and the negotiated values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ikev1.capture.decrypt.phase1_values import PSK_METHODS, Phase1
from ikev1.capture.keys.key_ring import IkeKeys, KeyRing
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.methods import ENCRYPTING
from ikev1.core.records.record import Record, replace
from ikev1.crypto import cipher, keymat
from ikev1.crypto.errors import CryptoError
from ikev1.crypto.groups import DhGroup, group
from ikev1.wire.registry import Encryption, HashAlgorithm

_BY_KEY_SIZE: dict[int, tuple[int, ...]] = {
    8: (Encryption.DES_CBC,),
    16: (Encryption.AES_CBC, Encryption.CAMELLIA_CBC, Encryption.BLOWFISH_CBC, Encryption.CAST_CBC),
    24: (Encryption.TRIPLE_DES_CBC, Encryption.AES_CBC, Encryption.CAMELLIA_CBC, Encryption.BLOWFISH_CBC),
    32: (Encryption.AES_CBC, Encryption.CAMELLIA_CBC, Encryption.BLOWFISH_CBC),
}
_HASHES = (
    HashAlgorithm.SHA1,
    HashAlgorithm.SHA2_256,
    HashAlgorithm.MD5,
    HashAlgorithm.SHA2_384,
    HashAlgorithm.SHA2_512,
)


class AgreedSecret(NamedTuple):
    """A candidate for g^xy. ``certain`` is set if it was computed from the exponent of one of the public values."""

    source: str
    octets: bytes
    certain: bool


class Secrets(Record, frozen=True):
    """The keys of an ISAKMP SA, with the cipher and hash of phase 1; unknown keys are empty."""

    source: str
    encryption: int
    hash: int
    encryption_key: bytes
    SKEYID: bytes = b""
    SKEYID_d: bytes = b""
    SKEYID_a: bytes = b""
    SKEYID_e: bytes = b""
    g_xy: bytes = b""
    pre_shared_key: bytes = b""

    secret_fields = frozenset(
        {"encryption_key", "SKEYID", "SKEYID_d", "SKEYID_a", "SKEYID_e", "g_xy", "pre_shared_key"}
    )


class Candidates:
    """The candidate keys of a conversation. g^xy is computed once, not for each message that does not decrypt."""

    def __init__(self, key_ring: KeyRing) -> None:
        self._key_ring = key_ring
        self._exchanged: tuple[int, dict[Role, bytes]] = (0, {})  # the group, and the public values
        self._agreed: list[AgreedSecret] = []

    def of(self, phase1: Phase1, CKY_I: bytes, CKY_R: bytes) -> Iterator[Secrets]:
        """All candidates to try, the most specific first."""
        suite = phase1.suite
        for keys in self._key_ring.ike_of(CKY_I):
            if suite is None:
                yield from _guessed(keys)
            else:
                yield from _given(keys, suite, CKY_I, CKY_R)
        if suite is None or len(phase1.public) < 2 or len(phase1.nonces) < 2 or suite.authentication in ENCRYPTING:
            return
        if self._exchanged != (suite.group, phase1.public):
            self._exchanged = suite.group, dict(phase1.public)
            g_xi, g_xr = phase1.public[Role.INITIATOR], phase1.public[Role.RESPONDER]
            self._agreed = list(agreed_secrets(self._key_ring, suite.group, g_xi, g_xr))
        yield from _derived(self._key_ring, suite, phase1, self._agreed, CKY_I, CKY_R)


def agreed_secrets(key_ring: KeyRing, number: int, g_xi: bytes, g_xr: bytes) -> Iterator[AgreedSecret]:
    """Candidates for g^xy, given the two public values in group ``number``.

    A Diffie-Hellman secret of the key ring is either the private exponent of one of the values, or g^xy itself.
    """
    try:
        dh = group(number)
    except CryptoError:
        return
    for secret in key_ring.dh_secrets:
        g_xy = _by_exponent(dh, secret.octets, g_xi, g_xr)
        if g_xy:
            yield AgreedSecret(f"the private exponent in {secret.source}", g_xy, certain=True)
        else:
            yield AgreedSecret(f"g^xy in {secret.source}", secret.octets, certain=False)


def _by_exponent(dh: DhGroup, exponent: bytes, g_xi: bytes, g_xr: bytes) -> bytes:
    """g^xy; empty if neither public value belongs to this exponent."""
    try:
        own = dh.public(exponent)
        if own in (g_xi, g_xr):
            return dh.shared(exponent, g_xr if own == g_xi else g_xi)
    except (CryptoError, ValueError):
        pass
    return b""


def _guessed(keys: IkeKeys) -> Iterator[Secrets]:
    """Candidates if phase 1 is not in the capture: the key size narrows down the cipher."""
    for encryption in _BY_KEY_SIZE.get(len(keys.encryption_key), ()):
        for hash in _HASHES:
            yield _with(keys, encryption, hash, keys.encryption_key)


def _given(keys: IkeKeys, suite: Phase1Suite, CKY_I: bytes, CKY_R: bytes) -> Iterator[Secrets]:
    if keys.encryption_key:
        yield _with(keys, suite.encryption, suite.hash, keys.encryption_key)
    elif keys.SKEYID_e:
        yield from _expanded(_with(keys, suite.encryption, suite.hash, b""), suite)
    elif keys.SKEYID and keys.g_xy:
        yield from _from_SKEYID(_with(keys, suite.encryption, suite.hash, b""), suite, CKY_I, CKY_R)


def _with(keys: IkeKeys, encryption: int, hash: int, encryption_key: bytes) -> Secrets:
    return Secrets(
        keys.source,
        encryption,
        hash,
        encryption_key,
        keys.SKEYID,
        keys.SKEYID_d,
        keys.SKEYID_a,
        keys.SKEYID_e,
        keys.g_xy,
    )


def _derived(
    key_ring: KeyRing, suite: Phase1Suite, phase1: Phase1, agreed: list[AgreedSecret], CKY_I: bytes, CKY_R: bytes
) -> Iterator[Secrets]:
    """RFC 2409 §5: SKEYID depends on g^xy or on the pre-shared key, and the keys derived from it always on g^xy."""
    Ni_b, Nr_b = phase1.nonces[Role.INITIATOR], phase1.nonces[Role.RESPONDER]
    for source, g_xy, _ in agreed:
        base = Secrets(source, suite.encryption, suite.hash, b"", g_xy=g_xy)
        try:
            if suite.authentication not in PSK_METHODS:
                SKEYID = keymat.SKEYID_signatures(suite.hash, Ni_b, Nr_b, g_xy)
                yield from _from_SKEYID(replace(base, SKEYID=SKEYID), suite, CKY_I, CKY_R)
                continue
            for key in key_ring.pre_shared_keys:
                SKEYID = keymat.SKEYID_psk(suite.hash, key.octets, Ni_b, Nr_b)
                known = replace(
                    base, SKEYID=SKEYID, pre_shared_key=key.octets, source=f"{source} and the secret in {key.source}"
                )
                yield from _from_SKEYID(known, suite, CKY_I, CKY_R)
        except CryptoError:
            return  # an unsupported hash


def _from_SKEYID(known: Secrets, suite: Phase1Suite, CKY_I: bytes, CKY_R: bytes) -> Iterator[Secrets]:
    try:
        SKEYID_d, SKEYID_a, SKEYID_e = keymat.derive(suite.hash, known.SKEYID, known.g_xy, CKY_I, CKY_R)
    except CryptoError:
        return
    yield from _expanded(replace(known, SKEYID_d=SKEYID_d, SKEYID_a=SKEYID_a, SKEYID_e=SKEYID_e), suite)


def _expanded(known: Secrets, suite: Phase1Suite) -> Iterator[Secrets]:
    try:
        size = cipher.key_size(suite.encryption, suite.key_length)
        key = keymat.encryption_key(suite.hash, known.SKEYID_e, size)
    except CryptoError:
        return
    yield replace(known, encryption_key=key)
