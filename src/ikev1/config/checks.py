"""What no single key can show: keys that contradict each other, and settings that work but should not surprise."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from ikev1.config.destination_checks import check_destination
from ikev1.config.findings import Findings
from ikev1.config.protection_checks import check_protection, check_userspace
from ikev1.config.signature_checks import check_key_uses, check_signatures
from ikev1.config.values import ANY
from ikev1.core.exchanges.aggressive_mode import is_left_out, offered_policies
from ikev1.core.peer.connection_lookup import expected
from ikev1.core.records.methods import ENCRYPTING
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Aggressive, Connection, Mode, Settings, Start, Tunnel
from ikev1.crypto.algorithms import dh_group, registered_name
from ikev1.wire.registry import AuthenticationMethod


def check(settings: Settings, data_plane: str, findings: Findings, now: float) -> None:
    """Report to ``findings`` what is wrong (errors) or doubtful (warnings) between the keys of a configuration with
    this ``data_plane``, at ``now`` (seconds since 1970).
    """
    for connection in settings.connections:
        path = f"connection.{connection.name}"
        if not connection.tunnels:
            findings.warn(path, "has no tunnel: it will carry no traffic")
        for tunnel in connection.tunnels:
            tunnel_path = f"{path}.tunnel.{tunnel.name}"
            _check_tunnel(connection, tunnel, tunnel_path, findings)
            check_protection(connection, tunnel, tunnel_path, findings)
            if data_plane == "userspace":
                check_userspace(tunnel, tunnel_path, findings)
        check_destination(connection, path, findings)
        check_signatures(connection, path, findings, now)
        _check_aggressive_mode(connection, path, findings)
    check_key_uses(settings.connections, findings)
    _check_tunnels(settings, findings)
    _check_connections(settings.connections, findings)


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


def _version(selector: Selector, connection: Connection) -> int | None:
    """The IP version of one side of a tunnel; None where only the peer's call will tell."""
    if not selector.dynamic:
        return selector.version
    known = [end for end in (connection.remote_address, connection.local_address) if end != ANY]
    return ip_network(known[0]).version if known else None


def _check_aggressive_mode(connection: Connection, path: str, findings: Findings) -> None:
    if connection.mode is Mode.AGGRESSIVE and connection.policies:
        offered = offered_policies(connection).policies
        weak = [policy for policy in connection.policies if is_left_out(connection, policy)]
        if weak:
            which = ", ".join(str(policy.priority) for policy in weak)
            findings.warn(
                f"{path}.mode",
                f"Aggressive Mode leaves out policy {which}: nothing protects the peer's choice there, so that a weak "
                "suite beside a strong one is what an attacker chooses",
            )
        if len(offered) + len(weak) < len(connection.policies):
            suite = offered[0].suite
            findings.warn(
                f"{path}.mode",
                f"Aggressive Mode can offer one group and one method only (RFC 2409 §5): {len(offered) + len(weak)} of "
                f"{len(connection.policies)} policies, those with {dh_group(suite.group).word} and "
                f"{registered_name(AuthenticationMethod, suite.authentication)}",
            )
    if connection.aggressive is Aggressive.ACCEPT_PSK and _shares_secret(connection):
        findings.warn(
            f"{path}.aggressive",
            "'accept-psk' answers anybody who knows an identity with a hash of the pre-shared key, against which "
            "secrets can be tried without us: only a long random one withstands that",
        )


def _shares_secret(connection: Connection) -> bool:
    return AuthenticationMethod.PRE_SHARED_KEY in _methods(connection)


def _methods(connection: Connection) -> set[int]:
    return {policy.suite.authentication for policy in connection.policies}


def _check_tunnels(settings: Settings, findings: Findings) -> None:
    """Tunnels that get in each other's way."""
    names: dict[str, str] = {}
    networks: dict[tuple[Selector, Selector], str] = {}
    for connection in settings.connections:
        for tunnel in connection.tunnels:
            path = f"connection.{connection.name}.tunnel.{tunnel.name}"
            if (first := names.setdefault(tunnel.name, path)) != path:
                findings.warn(path, f"has the name of {first}: `ikev1 up {tunnel.name}` cannot tell them apart")
            if tunnel.local.dynamic or tunnel.remote.dynamic:
                continue
            if (first := networks.setdefault((tunnel.local, tunnel.remote), path)) != path:
                findings.warn(
                    path,
                    f"joins the same networks as {first}: while one is up the peer of the other is refused, and if we "
                    "bring up the other, it takes over the traffic",
                )


def _check_connections(connections: Iterable[Connection], findings: Findings) -> None:
    """Connections between which a peer's first messages cannot choose."""
    alike: dict[tuple[str, str], list[Connection]] = {}
    for connection in connections:
        rivals = alike.setdefault((connection.local_address, connection.remote_address), [])
        _check_rivals(connection, rivals, findings)
        rivals.append(connection)


def _check_rivals(connection: Connection, rivals: Iterable[Connection], findings: Findings) -> None:
    path = f"connection.{connection.name}"
    for rival in rivals:
        common = _methods(rival) & _methods(connection)
        if not common:
            continue
        answers = f"answers the same addresses as connection.{rival.name}"
        if _shares_secret(rival) and _shares_secret(connection) and rival.secret != connection.secret:
            fault = "with another secret: Main Mode has only the address to choose a secret by (RFC 2409 §5.4)"
            return findings.warn(path, f"{answers} {fault}, so the first is used")
        if rival.trust != connection.trust and not common <= ENCRYPTING:  # with these, who calls says so first
            fault = "and believes others: which certificates to ask for is settled before the peer says who it is"
            return findings.warn(path, f"{answers} {fault}, so the first is used")
        wanted = {expected(rival), expected(connection)}
        if len(wanted) == 1 or not wanted.isdisjoint({None, ANY}):
            return findings.warn(path, f"{answers}, and no remote_id tells their peers apart: the first is used")
    return None
