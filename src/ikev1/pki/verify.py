"""Verifies that the certificates of a peer bind a key to the identity that the peer claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ikev1.core.peer.identity import text_of
from ikev1.core.records.settings import Authority, Trust
from ikev1.crypto import public_keys
from ikev1.pki.certificate import X509Certificate, read
from ikev1.pki.errors import Missing
from ikev1.pki.fetch import Fetcher
from ikev1.pki.identity import check_identity, is_for
from ikev1.pki.path import find_path, with_issuers
from ikev1.pki.payloads import read_payloads
from ikev1.pki.profile import check_is_no_client, check_path, public_key_of
from ikev1.pki.revocation import check_revocation
from ikev1.wire.payloads import Certificate, Identification


class VerifiedPeer(NamedTuple):
    """The result for a peer whose certificates were accepted. Its signature has to prove that it has the key."""

    public_key: bytes  # DER SubjectPublicKeyInfo, as `ikev1.crypto.public_keys.load` reads it
    subject: str
    certificate: bytes  # DER
    authority: str  # the subject of the CA that the path ended at
    statuses: tuple[str, ...] = ()  # of the certificates of the path, and which CRL or OCSP response says so


def verify_peer(
    certificates: Sequence[Certificate],
    identity: Identification,
    trust: Trust,
    now: float,
    fetch: Fetcher | None = None,
    *,
    answers_call: bool = False,
    authorities: Sequence[Authority] = (),
) -> VerifiedPeer:
    """The key of the peer that claims ``identity`` (IDii or IDir) and sent ``certificates`` (its CERT payloads, in any
    order). ``now`` is in seconds since 1970. ``fetch`` fetches CRLs and OCSP responses; without it only the CRLs in
    ``trust`` are used. May block as long as ``fetch`` does; thread-safe. ``answers_call``: the peer is the responder.
    ``authorities`` say where further CRLs and OCSP responders are.

    Raises:
        CertificateError: the certificates are rejected; see `ikev1.pki.errors`.
    """
    found = read_payloads(certificates) if certificates else tuple(read(der) for der in trust.peers)
    leaf = _leaf(found, identity, sent=bool(certificates))
    public_key = public_key_of(leaf)
    path = find_path(leaf, (one for one in found if one is not leaf), trust, now)
    check_path(path, trust)
    check_identity(leaf, identity)
    statuses = check_revocation(with_issuers(path, trust), trust, now, fetch, authorities)
    if answers_call:
        check_is_no_client(leaf)
    return VerifiedPeer(public_keys.encode(public_key), leaf.text, leaf.der, path[-1].text, statuses)


def _leaf(found: Sequence[X509Certificate], identity: Identification, *, sent: bool) -> X509Certificate:
    """The peer's own certificate: the one for its identity, else the first that is not a CA's, so that the error names
    it.

    Raises:
        Missing: nothing was sent, and no certificate for the identity is configured.
    """
    for certificate in found:
        if is_for(certificate, identity):
            return certificate
    if not sent or not found:
        raise Missing(f"{text_of(identity)} sent no certificate, and none is configured for it")
    return next((certificate for certificate in found if not certificate.is_authority), found[0])
