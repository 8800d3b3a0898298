"""Who may be taken for the peer: what is said about it must leave no room for others (`ikev1.core.peer.reflection`)."""

from __future__ import annotations

from ikev1.config.findings import Findings
from ikev1.config.values import ANY
from ikev1.core.peer import identity
from ikev1.core.peer.connection_lookup import called_address, expected
from ikev1.core.peer.reflection import is_own_key, names_one
from ikev1.core.records.methods import SHARED_OR_ENCRYPTING
from ikev1.core.records.settings import Connection
from ikev1.crypto import certificates


def check_destination(connection: Connection, path: str, findings: Findings) -> None:
    """Report to ``findings`` what lets others pass for the peer of ``connection``, which stands at ``path``."""
    if connection.remote_id == ANY and called_address(connection) is not None:
        findings.warn(
            f"{path}.remote_id",
            f"{ANY} takes whoever answers at {connection.remote_address} for the peer, if it only has a secret or a "
            "certificate that is believed here: write who the peer is",
        )
    elif connection.remote_id == "*":
        text = f'* takes names of a single label only, such as "gw": for anybody write "{ANY}", else a pattern such as'
        findings.warn(f"{path}.remote_id", f'{text} "*.example.org"')
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
            "is missing: whoever has any certificate of this CA would be the peer. Name it, or name many by a pattern "
            f'such as "*.example.org" (* is one label); remote_id = "{ANY}" takes everybody whom the CA certified',
        )
    elif connection.remote_id == ANY and called_address(connection) is None:
        findings.warn(f"{path}.remote_id", f"{ANY} takes everybody whom the CA certified, for whatever purpose")


def _check_keys(connection: Connection, key: str, findings: Findings) -> None:
    known = connection.trust.public_keys
    if connection.remote_id is None and len({each.identity for each in known}) > 1:
        return findings.error(
            key, "names several peers: write in remote_id whom the connection is for, a pattern or one of them"
        )
    wanted = expected(connection)
    for each in known:
        if each.identity is not None and not identity.matches(wanted, identity.identification(each.identity)):
            findings.error(key, f"has a key for {each.identity}, whom this connection does not expect, but {wanted}")
    if len(known) > 1 and not names_one(wanted) and any(each.identity is None for each in known):
        findings.error(
            key,
            f"has several keys, and remote_id allows several peers ({wanted or 'anybody'}): each could pass for all "
            'others. Say which key proves whom: peer_public_key = { "a.example.org" = "a.pem", ... }',
        )
    return None


def _check_own_keys(connection: Connection, path: str, findings: Findings) -> None:
    trust, fault = connection.trust, "is our own key: with it nobody proves to be somebody else, and it is refused"
    if any(is_own_key(connection.credential, known.spki) for known in trust.public_keys):
        findings.error(f"{path}.peer_public_key", fault)
    for certificate in trust.peers:
        try:
            key = certificates.public_key(certificate)
        except ValueError:  # for a key of another kind, which is not ours either
            continue
        if is_own_key(connection.credential, key):
            findings.error(f"{path}.peer_certificate", fault)
