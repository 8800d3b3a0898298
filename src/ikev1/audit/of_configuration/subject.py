"""The configuration that is audited: what it became, and how it is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ikev1.audit.finding import Evidence
from ikev1.config import GatewayOptions
from ikev1.core.records.settings import Connection, Policy, Settings, Tunnel
from ikev1.wire.registry import AuthenticationMethod


class Subject(NamedTuple):
    """A configuration that can be used, and the TOML that it was read from; ``now`` is seconds since 1970."""

    file: Path
    written: Mapping[str, Any]
    settings: Settings
    gateway: GatewayOptions
    now: float

    def evidence(self, key: str, value: object = None) -> Evidence:
        """A key of the file; with ``value``, what it comes to."""
        name = key.rpartition(".")[2]
        return self.place(key, name if value is None else f"{name} = {value}")

    def place(self, key: str, text: str) -> Evidence:
        """A key of the file, and what is to be said of it."""
        return Evidence(text=text, file=str(self.file), key=key)

    def tunnels(self) -> Iterator[tuple[Connection, Tunnel]]:
        """All tunnels, each with its connection."""
        for connection in self.settings.connections:
            for tunnel in connection.tunnels:
                yield connection, tunnel

    def policy_key(self, connection: Connection, policy: Policy, key: str) -> str:
        """Where a policy says ``key``: in the connection, in a table of its own, or nowhere, as it is a default, for
        which the connection as a whole stands.
        """
        own = key_of(connection)
        if key in self.written.get("connection", {}).get(connection.name, {}):
            return f"{own}.{key}"
        return f"policy.{policy.priority}" if "policy" in self.written else own


def key_of(connection: Connection, tunnel: Tunnel | None = None) -> str:
    """The key under which a connection, or one of its tunnels, is written."""
    own = f"connection.{connection.name}"
    return own if tunnel is None else f"{own}.tunnel.{tunnel.name}"


def shares_secret(connection: Connection) -> bool:
    """Whether any policy of a connection authenticates by a pre-shared key."""
    return any(policy.suite.authentication == AuthenticationMethod.PRE_SHARED_KEY for policy in connection.policies)
