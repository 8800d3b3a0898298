"""Connections: ``[connection.NAME]``, each one peer or one kind of peer."""

from __future__ import annotations

import re

from ikev1.config.algorithms import ike_suite, warn_weak_ike
from ikev1.config.policies import policies_of
from ikev1.config.secrets import Secrets
from ikev1.config.table import Table
from ikev1.config.tunnels import read_tunnel
from ikev1.config.values import ANY, boolean, choice, duration, each, endpoint, kilobytes, port, text
from ikev1.core.identity import identification
from ikev1.core.record import replace
from ikev1.core.settings import Aggressive, Connection, Mode, Policy

__all__ = ["read_connections"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def read_connections(top: Table, policies: tuple[Policy, ...], secrets: Secrets) -> tuple[Connection, ...]:
    """All connections; ``policies`` are those of the connections that have no proposals of their own."""
    return tuple(_read_connection(name, table, policies, secrets) for name, table in top.tables("connection"))


def _read_connection(name: str, table: Table, policies: tuple[Policy, ...], secrets: Secrets) -> Connection:
    table.whole(_check_name, name)
    tunnels = []
    for tunnel_name, tunnel_table in table.tables("tunnel"):
        tunnel_table.whole(_check_name, tunnel_name)
        tunnels.append(read_tunnel(tunnel_name, tunnel_table))
    connection = Connection(
        name=name,
        policies=_read_policies(table, policies),
        tunnels=tuple(tunnels),
        secret=_read_secret(table, secrets),
        mode=Mode(table.take("mode", choice(tuple(Mode)), Mode.MAIN)),
        aggressive=Aggressive(table.take("aggressive", choice(tuple(Aggressive)), Aggressive.ACCEPT)),
        local_address=table.take("local_address", endpoint, ANY),
        remote_address=table.take("remote_address", endpoint, ANY),
        local_id=table.take("local_id", _identity, None),
        remote_id=table.take("remote_id", _identity, None),
        remote_port=table.take("remote_port", port, 500),
        encapsulation=table.take("encapsulation", boolean, False),
        rekey=table.take("rekey", boolean, True),
    )
    table.finish()
    return connection


def _read_policies(table: Table, policies: tuple[Policy, ...]) -> tuple[Policy, ...]:
    own = table.take("proposals", each(ike_suite), ())
    warn_weak_ike(table.findings, table.key("proposals"), own)
    lifetime = table.take("lifetime", duration, 0)
    volume = table.take("lifetime_kilobytes", kilobytes, 0)
    return tuple(
        replace(
            policy,
            lifetime=lifetime or policy.lifetime,
            lifetime_kilobytes=volume or policy.lifetime_kilobytes,
        )
        for policy in (policies_of(own) or policies)
    )


def _read_secret(table: Table, secrets: Secrets) -> bytes:
    inline = table.take("secret", secrets.inline, b"")
    from_file = table.take("secret_file", secrets.from_file, b"")
    if ("secret" in table) == ("secret_file" in table):
        table.findings.error(table.path, "needs its pre-shared key in either secret or secret_file")
    return inline or from_file


def _identity(value: object) -> str:
    written = text(value)
    try:
        identification(written)
    except ValueError:
        raise ValueError(f"{written!r}: what follows '@#' must be hexadecimal digits, two for each octet") from None
    return written


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a name is 1 to 64 letters, digits, '.', '_' and '-', and begins with a letter or digit")
    return name
