"""Checks that nobody else can authenticate as the peer of a connection (`ikev1.core.peer.reflection`)."""

from __future__ import annotations

from ikev1.config.findings import Findings, Rule
from ikev1.config.values import ANY
from ikev1.core.peer import identity
from ikev1.core.peer.connection_lookup import can_call, expected
from ikev1.core.peer.reflection import is_own_key, names_one
from ikev1.core.records.methods import SHARED_OR_ENCRYPTING
from ikev1.core.records.settings import Connection
from ikev1.crypto import certificates


def check_destination(connection: Connection, path: str, findings: Findings) -> None:
    """Report to ``findings`` what lets others authenticate as the peer of ``connection``, whose table is ``path``."""
    if connection.remote_id is None and len(connection.remotes) > 1 and can_call(connection):
        findings.error(
            f"{path}.remote_id",
            Rule.NO_REMOTE_ID,
            "missing: remote_address has several entries, so the identity that the peer must prove does not follow "
            f'from it. Set it to the peer\'s identity; "{ANY}" accepts any identity',
        )
    addresses = ", ".join(connection.remotes)
    if connection.remote_id == ANY and can_call(connection):
        findings.warn(
            f"{path}.remote_id",
            Rule.ANY_RESPONDER,
            f"{ANY} accepts any peer at {addresses} that has a trusted secret or certificate: set it "
            "to the peer's identity",
        )
    elif connection.remote_id == "*":
        findings.warn(
            f"{path}.remote_id",
            Rule.SINGLE_LABEL,
            f'* matches names of a single label only, such as "gw": write "{ANY}" to match any identity, or a pattern '
            'such as "*.example.org"',
        )
    _check_authorities(connection, path, findings)
    _check_keys(connection, f"{path}.peer_public_key", findings)
    _check_own_keys(connection, path, findings)


def _check_authorities(connection: Connection, path: str, findings: Findings) -> None:
    signs = any(policy.suite.authentication not in SHARED_OR_ENCRYPTING for policy in connection.policies)
    if not (signs and connection.trust.authorities) or connection.trust.public_keys:
        return
    if expected(connection) is None:
        findings.error(
            f"{path}.remote_id",
            Rule.NO_REMOTE_ID,
            "missing: any certificate of this CA would authenticate the peer. Set it to the peer's identity or to a "
            f'pattern such as "*.example.org" (* is one label); "{ANY}" accepts every certificate of the CA',
        )
    elif connection.remote_id == ANY and not can_call(connection):
        findings.warn(
            f"{path}.remote_id",
            Rule.ANY_CERTIFIED_PEER,
            f"{ANY} accepts every certificate that the CA has issued, for any purpose",
        )


def _check_keys(connection: Connection, key: str, findings: Findings) -> None:
    known = connection.trust.public_keys
    if connection.remote_id is None and len({each.identity for each in known}) > 1:
        return findings.error(
            key,
            Rule.SEVERAL_PEERS,
            "has keys of several peers: set remote_id to one of their identities, or to a pattern that matches them",
        )
    wanted = expected(connection)
    for each in known:
        if each.identity is not None and not identity.matches(wanted, identity.identification(each.identity)):
            findings.error(
                key,
                Rule.UNEXPECTED_PEER_KEY,
                f"has a key of {each.identity}, which remote_id does not match: this connection expects {wanted}",
            )
    if len(known) > 1 and not names_one(wanted) and any(each.identity is None for each in known):
        findings.error(
            key,
            Rule.PEER_KEY_WITHOUT_IDENTITY,
            f"has several keys, and remote_id matches several peers ({wanted or 'any identity'}): each peer could "
            "authenticate as any other. Assign each key to an identity: "
            'peer_public_key = { "a.example.org" = "a.pem", ... }',
        )
    return None


def _check_own_keys(connection: Connection, path: str, findings: Findings) -> None:
    trust, fault = connection.trust, "is this gateway's own key: it cannot authenticate a peer"
    if any(is_own_key(connection.credential, known.spki) for known in trust.public_keys):
        findings.error(f"{path}.peer_public_key", Rule.OWN_KEY_AS_PEER_KEY, fault)
    for certificate in trust.peers:
        try:
            key = certificates.public_key(certificate)
        except ValueError:  # a key of another type, which cannot be ours
            continue
        if is_own_key(connection.credential, key):
            findings.error(f"{path}.peer_certificate", Rule.OWN_KEY_AS_PEER_KEY, fault)
