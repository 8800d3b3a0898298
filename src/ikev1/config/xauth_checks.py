"""Checks of XAUTH: connections without a backend, and connections that could grant a user the rights of another."""

from __future__ import annotations

from ikev1.config.findings import Findings, Rule
from ikev1.core.peer.connection_lookup import expected
from ikev1.core.peer.reflection import names_one
from ikev1.core.records.methods import SHARED, SIGNER
from ikev1.core.records.settings import Connection, XauthRenewal, XauthRole


def check_xauth(connection: Connection, path: str, findings: Findings) -> None:
    """Report to ``findings`` problems with XAUTH of ``connection``, whose table is ``path``."""
    if connection.xauth is not XauthRole.SERVER:
        return
    if not connection.xauth_backend and not findings.is_wrong(f"{path}.xauth_backend"):
        findings.error(
            path,
            Rule.XAUTH_WITHOUT_BACKEND,
            'xauth = "server" requires xauth_backend: users, pam, radius or command check the users',
        )
    methods = {policy.suite.authentication for policy in connection.policies}
    if connection.xauth_renewal is XauthRenewal.INHERIT:
        if methods <= SIGNER.keys():
            findings.error(
                f"{path}.xauth_renewal",
                Rule.XAUTH_INHERITED,
                "'inherit' requires that clients prove an identity in phase 1, which they do not with hybrid = true",
            )
        elif methods & SHARED and not names_one(expected(connection)):
            findings.error(
                f"{path}.xauth_renewal",
                Rule.XAUTH_INHERITED,
                "'inherit' requires an identity that is one user's: everybody who has the pre-shared key of a group "
                "could renew the ISAKMP SA of another user; set remote_id to one identity, or use certificates",
            )
