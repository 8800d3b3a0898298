"""A configured tunnel as a section of a VICI message: whether it is up and, if not, why."""

from __future__ import annotations

from ikev1.core.records.settings import Connection, Tunnel
from ikev1.daemon.gateway import Gateway
from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.sections import selectors


def tunnel_section(connection: Connection, tunnel: Tunnel, gateway: Gateway, *, up: bool) -> Section:
    """The fields of ``tunnel``; times are in seconds from now or ago."""
    local, remote = selectors(tunnel)
    return {
        "connection": connection.name,
        "tunnel": tunnel.name,
        "remote_addrs": list(connection.remotes),
        "local-ts": local,
        "remote-ts": remote,
        "start_action": str(tunnel.start),
        **({"state": "UP"} if up else _down(connection.name, tunnel.name, gateway)),
    }


def _down(connection: str, tunnel: str, gateway: Gateway) -> Section:
    now = gateway.now()
    waiting = gateway.engine.why_waiting(connection, tunnel)
    failure, end = gateway.failures.failure(connection, tunnel), gateway.failures.end(connection, tunnel)
    attempt = gateway.autostart.next_attempt(connection, tunnel)
    return {
        "state": "CONNECTING" if waiting else "DOWN",
        **({"waits-for": waiting} if waiting else {}),
        **({"next-attempt": _seconds(attempt - now)} if attempt is not None else {}),
        **({"failed": _seconds(now - failure.at)} if failure is not None else {}),
        **({"failure-code": failure.code, "failure": failure.text} if failure is not None else {}),
        **({"failure-caller": failure.caller} if failure is not None and failure.caller else {}),
        **({"ended": _seconds(now - end.at), "end-reason": end.reason} if end is not None else {}),
    }


def _seconds(duration: float) -> str:
    return str(max(0, int(duration)))
