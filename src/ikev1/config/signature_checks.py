"""Checks of keys and certificates: problems that would otherwise show only when a peer rejects the authentication."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ikev1.config.findings import Findings, Rule
from ikev1.config.identities import in_certificate
from ikev1.core.peer import identity
from ikev1.core.peer.connection_lookup import is_address
from ikev1.core.records.methods import ENCRYPTING, SHARED, SIGNER, base_of, kind_of
from ikev1.core.records.settings import Connection, Mode, Trust, XauthRole
from ikev1.crypto import certificates, distinguished_name, private_keys, public_key_encryption, public_keys, signatures
from ikev1.crypto.public_keys import WeakPublicKey
from ikev1.crypto.signatures import UnsuitableKey
from ikev1.wire.payloads import build_body
from ikev1.wire.registry import AuthenticationMethod, IdType

_USUAL_RSA_BITS = 2048
_BELIEVED = ("ca", "peer_certificate", "peer_public_key")


def check_signatures(connection: Connection, path: str, findings: Findings, now: float) -> None:
    """Report to ``findings`` problems with the keys and certificates of ``connection``, whose table is ``path``, at
    ``now`` (seconds since 1970).
    """
    trust = connection.trust
    methods = {policy.suite.authentication for policy in connection.policies}
    is_hybrid_server = connection.xauth is XauthRole.SERVER and methods <= SIGNER.keys()
    if not methods <= SHARED:
        sources = {f"{path}.{key}" for key in _BELIEVED}
        reported = not sources.isdisjoint(finding.key for finding in findings.errors)
        if not reported and not is_hybrid_server and not (trust.authorities or trust.peers or trust.public_keys):
            findings.error(
                path,
                Rule.NO_TRUST,
                "no signature of a peer can be verified: set ca to the peer's CA, peer_certificate to its "
                "certificate, or peer_public_key to its key",
            )
        _check_peers_keys(connection, f"{path}.peer_public_key", findings)
        _check_own_identity_fits(connection, f"{path}.local_id", findings)
    elif trust != Trust():
        findings.warn(
            path,
            Rule.TRUST_WITHOUT_KEY,
            "trusts certificates or keys of peers, but has no private_key: both peers sign, or neither",
        )
    _check_dates(trust.authorities, f"{path}.ca", findings, now)
    if connection.credential is not None:
        _check_own_key(connection.credential.private_key, f"{path}.private_key", findings)
        own = connection.credential.certificates[:1]
        _check_dates(own, f"{path}.certificate", findings, now)
        for certificate in own:
            _check_own_identity(connection, certificate, path, findings)


def check_key_uses(connections: Iterable[Connection], findings: Findings) -> None:
    """Warn of private keys that both sign and decrypt in ``connections``, or decrypt here and are also used for TLS: if
    one use shows how a decryption failed, the key's signatures can be forged (CVE-2018-5389).
    """
    signing: dict[bytes, str] = {}
    decrypting: dict[bytes, str] = {}
    for connection in connections:
        path, credential = f"connection.{connection.name}", connection.credential
        if credential is None:
            continue
        methods = {policy.suite.authentication for policy in connection.policies}
        if AuthenticationMethod.RSA_SIGNATURES in map(base_of, methods):
            signing.setdefault(credential.private_key, path)
        if methods & ENCRYPTING:
            decrypting.setdefault(credential.private_key, path)
            if any(certificates.is_for_tls(certificate) for certificate in credential.certificates[:1]):
                text = "is used for decryption, but its certificate is also for TLS: use a separate key for IKE"
                findings.warn(f"{path}.private_key", Rule.KEY_SHARED_WITH_TLS, text)
    for key, path in decrypting.items():
        if key in signing:
            text = f"is used for decryption, and for signatures in {signing[key]}: use separate keys"
            findings.warn(f"{path}.private_key", Rule.KEY_SIGNS_AND_DECRYPTS, text)


def _check_peers_keys(connection: Connection, key: str, findings: Findings) -> None:
    methods = {base_of(policy.suite.authentication) for policy in connection.policies}
    kinds = set(map(kind_of, methods))
    if methods <= ENCRYPTING and len(connection.trust.public_keys) > 1:
        findings.warn(
            key,
            Rule.SEVERAL_ENCRYPTION_KEYS,
            "has several keys: as initiator the gateway encrypts with the first, as responder with the first of the "
            "peer's identity",
        )
    for known in connection.trust.public_keys:
        public_key = public_keys.load(known.spki)
        try:
            public_keys.check_strength(public_key, connection.trust.smallest_rsa_bits)
            method = signatures.method_of(public_key)
        except (WeakPublicKey, UnsuitableKey) as error:
            findings.error(key, Rule.UNSUITABLE_PEER_KEY, f"cannot be used: {error}")
            continue
        if kind_of(method) not in kinds and not (methods & ENCRYPTING and public_key_encryption.encrypts(public_key)):
            findings.error(
                key,
                Rule.PEER_KEY_WITHOUT_POLICY,
                f"is a key for {method.name}, which no policy of the connection uses: both peers need keys of the same "
                "type",
            )


def _check_own_identity_fits(connection: Connection, key: str, findings: Findings) -> None:
    """RFC 2409 §5.2 has our identity encrypted with the peer's key in one operation, for which it may be too long."""
    methods = [base_of(policy.suite.authentication) for policy in connection.policies]
    peers = [known.spki for known in connection.trust.public_keys]
    peers = peers or [certificates.public_key(certificate) for certificate in connection.trust.peers]
    if connection.local_id is None or AuthenticationMethod.RSA_ENCRYPTION not in methods:
        return
    body = len(build_body(identity.identification(connection.local_id)))
    for peer in map(public_keys.load, peers):
        most = public_key_encryption.longest_body(peer) if public_key_encryption.encrypts(peer) else body
        if body > most:
            only = set(methods) == {AuthenticationMethod.RSA_ENCRYPTION}
            report = findings.error if only or connection.mode is Mode.AGGRESSIVE else findings.warn
            report(
                key,
                Rule.IDENTITY_TOO_LONG,
                f"is an identity of {body} octets, but rsa-encr encrypts at most {most} with the peer's key (RFC 2409 "
                "§5.2): use a shorter identity, a longer key of the peer, or rsa-encr-revised",
            )
            return


def _check_own_key(pkcs8: bytes, key: str, findings: Findings) -> None:
    try:
        public_keys.check_strength(private_keys.load(pkcs8).public_key(), _USUAL_RSA_BITS)
    except WeakPublicKey as error:
        findings.warn(key, Rule.SMALL_KEY, f"is {error}: peers may reject it")


def _check_dates(found: tuple[bytes, ...], key: str, findings: Findings, now: float) -> None:
    for certificate in found:
        starts, ends = certificates.validity(certificate)
        if not starts <= now <= ends:
            began, over = (time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment)) for moment in (starts, ends))
            findings.warn(
                key,
                Rule.CERTIFICATE_NOT_VALID_NOW,
                f"{_subject(certificate)} is not valid now, but from {began} to {over}",
            )


def _check_own_identity(connection: Connection, certificate: bytes, path: str, findings: Findings) -> None:
    if not _is_for_us(connection, certificate):
        findings.warn(
            f"{path}.local_id",
            Rule.LOCAL_ID_NOT_IN_CERTIFICATE,
            f"the gateway identifies itself by {connection.local_id or 'its address'}, which {_subject(certificate)} "
            "does "
            'not contain: peers will reject it (RFC 4945 §3.1); use local_id = "dn" for the subject of the certificate',
        )


def _is_for_us(connection: Connection, certificate: bytes) -> bool:
    if connection.local_id is not None:
        return in_certificate(connection.local_id, certificate)
    if is_address(connection.local_address):
        return in_certificate(connection.local_address, certificate)
    # The address that the peer connects to is not known yet
    return any(kind in (IdType.IPV4_ADDR, IdType.IPV6_ADDR) for kind, _ in certificates.identities(certificate))


def _subject(certificate: bytes) -> str:
    return f"the certificate of {distinguished_name.to_text(certificates.names(certificate).subject)}"
