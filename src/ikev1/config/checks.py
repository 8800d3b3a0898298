"""What no single key can show: keys that contradict each other, and settings that work but should not surprise."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from itertools import combinations

from ikev1.config.findings import Findings
from ikev1.config.values import ANY
from ikev1.core.selector import Selector
from ikev1.core.settings import Connection, Settings, Start, Tunnel

__all__ = ["check"]

NamedTunnel = tuple[str, Tunnel]


def check(settings: Settings, findings: Findings) -> None:
    """Report to ``findings`` what is wrong (errors) or doubtful (warnings) between the keys of a configuration."""
    for connection in settings.connections:
        path = f"connection.{connection.name}"
        if not connection.tunnels:
            findings.warn(path, "has no tunnel: it will carry no traffic")
        for tunnel in connection.tunnels:
            _check_tunnel(connection, tunnel, f"{path}.tunnel.{tunnel.name}", findings)
    for pair in combinations(settings.connections, 2):
        _check_connection_pair(*pair, findings)
    for tunnels in combinations(_named_tunnels(settings), 2):
        _check_tunnel_pair(*tunnels, findings)


def _named_tunnels(settings: Settings) -> Iterator[NamedTunnel]:
    for connection in settings.connections:
        for tunnel in connection.tunnels:
            yield f"connection.{connection.name}.tunnel.{tunnel.name}", tunnel


def is_single(address: str) -> bool:
    """Whether an endpoint is one address, not a network and not ``%any``."""
    return address != ANY and ip_network(address).num_addresses == 1


def _check_tunnel(connection: Connection, tunnel: Tunnel, path: str, findings: Findings) -> None:
    if tunnel.start is not Start.NONE and not is_single(connection.remote_address):
        findings.error(
            f"{path}.start",
            f"{tunnel.start.value!r} calls the peer, but remote_address is {connection.remote_address}: "
            'give a single address, or start = "none" and let the peer call',
        )
    local, remote = _version(tunnel.local, connection), _version(tunnel.remote, connection)
    if local and remote and local != remote:
        findings.error(path, f"joins IPv{local} (local) and IPv{remote} (remote): both sides need the same IP version")


def _version(selector: Selector | None, connection: Connection) -> int | None:
    """The IP version of one side of a tunnel; None where only the peer's call will tell."""
    if selector is not None:
        return selector.version
    known = [end for end in (connection.remote_address, connection.local_address) if end != ANY]
    return ip_network(known[0]).version if known else None


def _check_tunnel_pair(one: NamedTunnel, other: NamedTunnel, findings: Findings) -> None:
    (path, tunnel), (other_path, other_tunnel) = one, other
    if tunnel.name == other_tunnel.name:
        findings.warn(other_path, f"has the name of {path}: `ikev1 up {tunnel.name}` cannot tell them apart")
    networks = tunnel.local, tunnel.remote
    if None not in networks and networks == (other_tunnel.local, other_tunnel.remote):
        findings.warn(other_path, f"joins the same networks as {path}: whichever comes up last carries the traffic")


def _check_connection_pair(one: Connection, other: Connection, findings: Findings) -> None:
    if (one.local_address, one.remote_address) != (other.local_address, other.remote_address):
        return
    pair = f"answers the same addresses as connection.{one.name}"
    path = f"connection.{other.name}"
    if one.secret != other.secret:
        findings.warn(
            path,
            f"{pair} with another secret: Main Mode has only the address to choose a secret by (RFC 2409 §5.4), "
            "so the first is used",
        )
    elif one.remote_id == other.remote_id or None in (one.remote_id, other.remote_id):
        findings.warn(path, f"{pair}, and no remote_id tells their peers apart: the first is used")
