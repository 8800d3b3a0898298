"""Signatures need both halves: what proves who we are, and what tells whom to believe. What can be seen of that at once
is said at once, rather than by a peer that refuses us.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from ikev1.config.findings import Findings
from ikev1.config.identities import in_certificate
from ikev1.core.peer import identity
from ikev1.core.peer.connection_lookup import is_address
from ikev1.core.records.methods import ENCRYPTING
from ikev1.core.records.settings import Connection, Mode, Trust
from ikev1.crypto import certificates, distinguished_name, private_keys, public_key_encryption, public_keys, signatures
from ikev1.crypto.public_keys import WeakPublicKey
from ikev1.crypto.signatures import UnsuitableKey
from ikev1.wire.payloads import build_body
from ikev1.wire.registry import AuthenticationMethod, IdType

_USUAL_RSA_BITS = 2048
_BELIEVED = ("ca", "peer_certificate", "peer_public_key")


def check_signatures(connection: Connection, path: str, findings: Findings, now: float) -> None:
    """Report to ``findings`` what is wrong (errors) or doubtful (warnings) about how ``connection``, which stands at
    ``path``, signs and whose signatures it believes, at ``now`` (seconds since 1970).
    """
    trust = connection.trust
    if any(policy.suite.authentication != AuthenticationMethod.PRE_SHARED_KEY for policy in connection.policies):
        sources = {f"{path}.{key}" for key in _BELIEVED}
        told = not sources.isdisjoint(finding.key for finding in findings.errors)  # what cannot be used
        if not told and not (trust.authorities or trust.peers or trust.public_keys):
            findings.error(
                path,
                "believes nobody's signature: give the CA of the peer in ca, its certificate in peer_certificate, or "
                "its key in peer_public_key",
            )
        _check_peers_keys(connection, f"{path}.peer_public_key", findings)
        _check_own_identity_fits(connection, f"{path}.local_id", findings)
    elif trust != Trust():
        findings.warn(path, "says whose signature it believes, but signs nothing itself: both ends do, or neither")
    _check_dates(trust.authorities, f"{path}.ca", findings, now)
    if connection.credential is not None:
        _check_own_key(connection.credential.private_key, f"{path}.private_key", findings)
        own = connection.credential.certificates[:1]
        _check_dates(own, f"{path}.certificate", findings, now)
        for certificate in own:
            _check_own_identity(connection, certificate, path, findings)


def check_key_uses(connections: Iterable[Connection], findings: Findings) -> None:
    """Warn of private keys that both sign and decrypt in ``connections``, or decrypt here and serve a program that
    speaks TLS: an error of one use that tells how decryption failed forges the other (CVE-2018-5389).
    """
    signing: dict[bytes, str] = {}
    decrypting: dict[bytes, str] = {}
    for connection in connections:
        path, credential = f"connection.{connection.name}", connection.credential
        if credential is None:
            continue
        methods = {policy.suite.authentication for policy in connection.policies}
        if AuthenticationMethod.RSA_SIGNATURES in methods:
            signing.setdefault(credential.private_key, path)
        if methods & ENCRYPTING:
            decrypting.setdefault(credential.private_key, path)
            if any(certificates.is_for_tls(certificate) for certificate in credential.certificates[:1]):
                text = "decrypts for peers, and its certificate is for TLS, too: give IKE a key of its own"
                findings.warn(f"{path}.private_key", text)
    for key, path in decrypting.items():
        if key in signing:
            text = f"decrypts for peers, and signs in {signing[key]}: one key for both can forge both; use two"
            findings.warn(f"{path}.private_key", text)


def _check_peers_keys(connection: Connection, key: str, findings: Findings) -> None:
    methods = {policy.suite.authentication for policy in connection.policies}
    if methods <= ENCRYPTING and len(connection.trust.public_keys) > 1:
        findings.warn(
            key, "has several keys: we call with what the first encrypts, and answer with the first of an identity"
        )
    for known in connection.trust.public_keys:
        public_key = public_keys.load(known.spki)
        try:
            public_keys.check_strength(public_key, connection.trust.smallest_rsa_bits)
            method = signatures.method_of(public_key)
        except (WeakPublicKey, UnsuitableKey) as error:
            findings.error(key, f"cannot be used: {error}")
            continue
        if method not in methods and not (methods & ENCRYPTING and public_key_encryption.encrypts(public_key)):
            findings.error(
                key,
                f"is a key for {method.name}, which no policy of the connection asks for: both ends sign with keys of "
                "one kind, and ECDSA on one curve (RFC 4754 §4)",
            )


def _check_own_identity_fits(connection: Connection, key: str, findings: Findings) -> None:
    """RFC 2409 §5.2 has our identity encrypted with the peer's key in one operation, for which it may be too long."""
    methods = [policy.suite.authentication for policy in connection.policies]
    peers = [known.spki for known in connection.trust.public_keys]
    peers = peers or [certificates.public_key(certificate) for certificate in connection.trust.peers]
    if connection.local_id is None or AuthenticationMethod.RSA_ENCRYPTION not in methods:
        return
    body = len(build_body(identity.identification(connection.local_id)))
    for peer in map(public_keys.load, peers):
        most = public_key_encryption.longest_body(peer) if public_key_encryption.encrypts(peer) else body
        if body > most:
            only = set(methods) == {AuthenticationMethod.RSA_ENCRYPTION}
            tell = findings.error if only or connection.mode is Mode.AGGRESSIVE else findings.warn
            tell(
                key,
                f"is an identity of {body} octets, but rsa-encr encrypts at most {most} with the peer's key (RFC 2409 "
                "§5.2): use a shorter identity, a longer key of the peer, or rsa-encr-revised",
            )
            return


def _check_own_key(pkcs8: bytes, key: str, findings: Findings) -> None:
    try:
        public_keys.check_strength(private_keys.load(pkcs8).public_key(), _USUAL_RSA_BITS)
    except WeakPublicKey as error:
        findings.warn(key, f"is {error}: a peer may refuse it")


def _check_dates(found: tuple[bytes, ...], key: str, findings: Findings, now: float) -> None:
    for certificate in found:
        starts, ends = certificates.validity(certificate)
        if not starts <= now <= ends:
            began, over = (time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment)) for moment in (starts, ends))
            findings.warn(key, f"{_subject(certificate)} is valid from {began} to {over}, and that is not now")


def _check_own_identity(connection: Connection, certificate: bytes, path: str, findings: Findings) -> None:
    if not _is_for_us(connection, certificate):
        findings.warn(
            f"{path}.local_id",
            f"we say that we are {connection.local_id or 'our address'}, which {_subject(certificate)} is not for: a "
            'peer will refuse that (RFC 4945 §3.1); local_id = "dn" is the subject of the certificate',
        )


def _is_for_us(connection: Connection, certificate: bytes) -> bool:
    if connection.local_id is not None:
        return in_certificate(connection.local_id, certificate)
    if is_address(connection.local_address):
        return in_certificate(connection.local_address, certificate)
    # Which of our addresses it will be only the peer's call tells
    return any(kind in (IdType.IPV4_ADDR, IdType.IPV6_ADDR) for kind, _ in certificates.identities(certificate))


def _subject(certificate: bytes) -> str:
    return f"the certificate of {distinguished_name.to_text(certificates.names(certificate).subject)}"
