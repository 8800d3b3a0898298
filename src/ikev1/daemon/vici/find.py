"""Finding what a request names in the configuration."""

from __future__ import annotations

from ikev1.core.records.settings import Connection, Settings, Tunnel


def find_tunnel(settings: Settings, name: str, connection: str | None) -> tuple[Connection, Tunnel] | None:
    """The tunnel ``name`` of ``connection``, or of the first connection that has one of that name (None)."""
    for candidate in settings.connections:
        if connection in (None, candidate.name):
            for tunnel in candidate.tunnels:
                if tunnel.name == name:
                    return candidate, tunnel
    return None
