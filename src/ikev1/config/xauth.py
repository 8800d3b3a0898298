"""The options of a connection for XAUTH and hybrid authentication."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.aaa.options import BACKENDS
from ikev1.config.findings import Rule
from ikev1.config.secrets import Secrets
from ikev1.config.table import Table
from ikev1.config.values import boolean, choice, duration, each, integer, member, text
from ikev1.core.records.methods import HYBRID_METHODS, XAUTH_METHODS
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection, Policy, XauthRenewal, XauthRole

_OF_SERVER = ("xauth_backend", "groups", "xauth_attempts", "xauth_renewal")
_OF_CLIENT = ("xauth_secret", "xauth_secret_file", "xauth_domain")
_OF_BOTH = ("xauth_user", "xauth_method", "xauth_timeout", "hybrid")


class XauthOptions(NamedTuple):
    """The options of a connection for XAUTH. ``timeout`` is in seconds."""

    role: XauthRole | None = None
    hybrid: bool = False
    method: bool = True
    backend: tuple[str, ...] = ()
    timeout: float = 60.0
    attempts: int = 1
    renewal: XauthRenewal = XauthRenewal.ASK
    user: str = ""
    domain: str = ""
    secret: bytes = b""

    @property
    def is_hybrid_client(self) -> bool:
        """Whether this gateway does not authenticate in phase 1, so that it needs no secret or key for that."""
        return self.hybrid and self.role is XauthRole.CLIENT

    def applied_to(self, connection: Connection) -> Connection:
        """``connection`` with these options."""
        applied: Connection = replace(
            connection,
            xauth=self.role,
            xauth_method=self.method,
            xauth_backend=self.backend,
            xauth_timeout=self.timeout,
            xauth_attempts=self.attempts,
            xauth_renewal=self.renewal,
            xauth_user=self.user,
            xauth_domain=self.domain,
            xauth_secret=self.secret,
        )
        return applied


def read_xauth(table: Table, secrets: Secrets) -> XauthOptions:
    """The options of a connection for XAUTH. An option without effect is reported as an error."""
    role = table.take("xauth", member(XauthRole), None)
    usual = XauthOptions()
    options = XauthOptions(
        role,
        table.take("hybrid", boolean, False),
        table.take("xauth_method", boolean, True),
        table.take("xauth_backend", each(choice(BACKENDS)), ()),
        float(table.take("xauth_timeout", duration, int(usual.timeout))),
        table.take("xauth_attempts", integer(1, 10), usual.attempts),
        table.take("xauth_renewal", member(XauthRenewal), usual.renewal),
        table.take("xauth_user", text, ""),
        table.take("xauth_domain", text, ""),
        secrets.take(table, "xauth_secret"),
    )
    useless = {None: (*_OF_SERVER, *_OF_CLIENT, *_OF_BOTH), XauthRole.SERVER: _OF_CLIENT, XauthRole.CLIENT: _OF_SERVER}
    for key in useless[options.role]:
        if key in table:
            other = XauthRole.CLIENT if options.role is XauthRole.SERVER else XauthRole.SERVER
            wanted = f'xauth = "{other}"' if options.role else "xauth"
            table.findings.error(table.key(key), Rule.UNUSED_KEY, f"has no effect without {wanted}")
    if options.hybrid and not options.method:
        problem = "contradicts hybrid = true: the method of hybrid authentication always announces XAUTH"
        table.findings.error(table.key("xauth_method"), Rule.XAUTH_METHOD, problem)
    return options


def with_xauth_methods(policies: tuple[Policy, ...], options: XauthOptions, table: Table) -> tuple[Policy, ...]:
    """``policies`` with the authentication methods that announce XAUTH, for both roles in phase 1
    (`ikev1.core.peer.xauth_role.with_policies_as` selects those for one). Report an error if there is no such method.
    """
    if options.role is None or not options.method:
        return policies
    forms = HYBRID_METHODS if options.hybrid else XAUTH_METHODS
    made = [
        replace(policy, suite=replace(policy.suite, authentication=method.value))
        for policy in policies
        for method in forms.get(policy.suite.authentication, ())
    ]
    if policies and not made:
        which = "rsa-sig" if options.hybrid else "pre-share, rsa-sig, rsa-encr and rsa-encr-revised"
        table.findings.error(
            table.path,
            Rule.XAUTH_METHOD,
            f"XAUTH has methods only for authentication by {which}: use that or, without hybrid, xauth_method = false",
        )
    return tuple(made)
