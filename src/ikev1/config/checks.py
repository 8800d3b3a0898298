"""Checks across keys: contradictions are errors, settings that work but are probably a mistake are warnings."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from ikev1.config.destination_checks import check_destination
from ikev1.config.findings import Findings, Rule
from ikev1.config.interfaces import check_interfaces
from ikev1.config.options import GatewayOptions
from ikev1.config.plane_checks import check_plane, check_survival
from ikev1.config.pool_checks import check_pools
from ikev1.config.protection_checks import check_protection, check_userspace
from ikev1.config.shunt_checks import check_shunts
from ikev1.config.signature_checks import check_key_uses, check_signatures
from ikev1.config.values import ANY
from ikev1.config.xauth_checks import check_xauth
from ikev1.core.exchanges.aggressive_mode import is_left_out, offered_policies
from ikev1.core.peer.connection_lookup import can_call, expected, is_host_name
from ikev1.core.peer.xauth_role import with_policies_as
from ikev1.core.records.child_sa import IpsecMode, PacketMarks
from ikev1.core.records.exchange import Role
from ikev1.core.records.methods import ENCRYPTING, SHARED
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Aggressive, Connection, DpdAction, Mode, Settings, Start, Tunnel
from ikev1.crypto.algorithms import dh_group, registered_name
from ikev1.wire.registry import AuthenticationMethod

_SHORTEST_LIFETIME = 120  # seconds


def check(settings: Settings, options: GatewayOptions, findings: Findings, now: float) -> None:
    """Report to ``findings`` contradictions between the keys of a configuration with these ``options`` of the daemon,
    at ``now`` (seconds since 1970).
    """
    for connection in settings.connections:
        path = f"connection.{connection.name}"
        if not connection.tunnels:
            findings.warn(path, Rule.NO_TUNNEL, "no tunnel is configured, so the connection carries no traffic")
        for tunnel in connection.tunnels:
            tunnel_path = f"{path}.tunnel.{tunnel.name}"
            _check_tunnel(connection, tunnel, tunnel_path, findings)
            check_protection(connection, tunnel, tunnel_path, findings)
            check_plane(connection, tunnel, tunnel_path, findings)
            if options.data_plane == "userspace":
                check_userspace(tunnel, tunnel_path, findings)
        check_survival(options, connection, path, findings)
        shortest = min((policy.lifetime for policy in connection.policies), default=_SHORTEST_LIFETIME)
        if shortest < _SHORTEST_LIFETIME:
            _warn_of_lifetime(shortest, f"{path}.lifetime", findings)
        if settings.initiator_only and not can_call(connection):
            text = f"never comes up: initiator_only ignores peers that call, and {', '.join(connection.remotes)} "
            findings.warn(path, Rule.NEVER_UP, f"{text}cannot be called")
        check_destination(connection, path, findings)
        check_signatures(connection, path, findings, now)
        check_xauth(connection, path, findings)
        _check_aggressive_mode(connection, path, findings)
    check_key_uses(settings.connections, findings)
    check_pools(settings, options, findings)
    _check_tunnels(settings, findings)
    check_interfaces(settings, findings)
    check_shunts(settings, findings)
    _check_connections(settings.connections, findings)


def _check_tunnel(connection: Connection, tunnel: Tunnel, path: str, findings: Findings) -> None:
    wrong_address = findings.is_wrong(f"connection.{connection.name}.remote_address")
    if tunnel.start is not Start.NONE and not can_call(connection) and not wrong_address:
        findings.error(
            f"{path}.start",
            Rule.START_WITHOUT_ADDRESS,
            f"{tunnel.start.value!r} initiates to the peer, but remote_address is {', '.join(connection.remotes)}: "
            'set it to a single address or a host name, or use start = "none" and let the peer initiate',
        )
    if tunnel.lifetime < _SHORTEST_LIFETIME:
        _warn_of_lifetime(tunnel.lifetime, f"{path}.lifetime", findings)
    if (
        connection.dpd_action in (DpdAction.RESTART, DpdAction.TRAP)
        and tunnel.start is Start.NONE
        and not can_call(connection)
    ):
        findings.error(
            f"connection.{connection.name}.dpd_action",
            Rule.START_WITHOUT_ADDRESS,
            f"{connection.dpd_action.value!r} initiates to the peer, but remote_address is "
            f"{', '.join(connection.remotes)}: "
            'set it to a single address, or use "clear" and let the peer initiate',
        )
    virtual = tunnel.mode is IpsecMode.TUNNEL
    local = _version(tunnel.local, connection, virtual=virtual and bool(connection.vips))
    remote = _version(tunnel.remote, connection, virtual=virtual and bool(connection.pools))
    if local and remote and local != remote:
        findings.error(
            path,
            Rule.MIXED_IP_VERSIONS,
            f"local is IPv{local} and remote is IPv{remote}: both must have the same IP version",
        )


def _version(selector: Selector, connection: Connection, *, virtual: bool) -> int | None:
    """The IP version of one side of a tunnel; None if it is known only when the peer connects. With ``virtual``, a
    dynamic selector is for virtual addresses.
    """
    if not selector.dynamic:
        return selector.version
    if virtual:
        return None
    ends = (*connection.remotes, connection.local_address)
    versions = {ip_network(end.partition("%")[0]).version for end in ends if end != ANY and not is_host_name(end)}
    return versions.pop() if len(versions) == 1 else None


def _warn_of_lifetime(lifetime: int, key: str, findings: Findings) -> None:
    findings.warn(
        key,
        Rule.SHORT_LIFETIME,
        f"is {lifetime} s: new keys are negotiated at nine tenths of it, and a lost message is repeated after seconds "
        f"only, so the tunnel may fail; usual are 3600 s or more, at least {_SHORTEST_LIFETIME} s",
    )


def _check_aggressive_mode(connection: Connection, path: str, findings: Findings) -> None:
    if connection.mode is Mode.AGGRESSIVE and connection.policies:
        connection = with_policies_as(connection, Role.INITIATOR)
        offered = offered_policies(connection).policies
        weak = [policy for policy in connection.policies if is_left_out(connection, policy)]
        if weak:
            which = ", ".join(str(policy.priority) for policy in weak)
            findings.warn(
                f"{path}.mode",
                Rule.AGGRESSIVE_LEAVES_OUT_WEAK,
                f"Aggressive Mode does not offer policy {which}: the responder's choice is not authenticated there, so "
                "an attacker could select a weak suite that is offered beside a strong one",
            )
        if len(offered) + len(weak) < len(connection.policies):
            suite = offered[0].suite
            findings.warn(
                f"{path}.mode",
                Rule.AGGRESSIVE_ONE_GROUP,
                "Aggressive Mode can offer only one group and one authentication method (RFC 2409 §5): "
                f"{len(offered) + len(weak)} of {len(connection.policies)} policies are used, those with "
                f"{dh_group(suite.group).word} and {registered_name(AuthenticationMethod, suite.authentication)}",
            )
    if connection.aggressive is Aggressive.ACCEPT_PSK and _shares_secret(connection):
        findings.warn(
            f"{path}.aggressive",
            Rule.AGGRESSIVE_PSK,
            "'accept-psk' sends a hash of the pre-shared key to any initiator that names a configured identity; the "
            "key can then be guessed offline, so use a long random one",
        )


def _shares_secret(connection: Connection) -> bool:
    return not SHARED.isdisjoint(_methods(connection))


def _methods(connection: Connection) -> set[int]:
    return {policy.suite.authentication for policy in connection.policies}


def _check_tunnels(settings: Settings, findings: Findings) -> None:
    """Tunnels with the same name or the same networks."""
    names: dict[str, list[str]] = {}
    networks: dict[tuple[Selector, Selector, PacketMarks], str] = {}
    for connection in settings.connections:
        for tunnel in connection.tunnels:
            path = f"connection.{connection.name}.tunnel.{tunnel.name}"
            names.setdefault(tunnel.name, []).append(path)
            if tunnel.local.dynamic or tunnel.remote.dynamic:
                continue
            if (first := networks.setdefault((tunnel.local, tunnel.remote, tunnel.marks), path)) != path:
                findings.warn(
                    path,
                    Rule.SAME_NETWORKS,
                    f"{first} has the same networks: while one is up, requests by the peer of the other are rejected; "
                    "if this gateway initiates the other, that one takes over the traffic",
                )
    for name, (first, *others) in names.items():
        if others:
            all_of = f"{first}{f' and {len(others) - 1} more' if len(others) > 1 else ''}"
            verb = "has" if len(others) == 1 else "have"
            text = f"{all_of} {verb} the same name: `ikev1 up {name}` cannot tell them apart"
            findings.warn(others[0], Rule.SAME_TUNNEL_NAME, text)


def _check_connections(connections: Iterable[Connection], findings: Findings) -> None:
    """Connections that a responder cannot distinguish by the first messages of a peer."""
    alike: dict[tuple[str, tuple[str, ...]], list[Connection]] = {}
    for connection in connections:
        rivals = alike.setdefault((connection.local_address, connection.remotes), [])
        _check_rivals(connection, rivals, findings)
        rivals.append(connection)


def _check_rivals(connection: Connection, rivals: Iterable[Connection], findings: Findings) -> None:
    path = f"connection.{connection.name}"
    for rival in rivals:
        common = _methods(rival) & _methods(connection)
        if not common:
            continue
        same = f"has the same addresses as connection.{rival.name}"
        if _shares_secret(rival) and _shares_secret(connection) and rival.secret != connection.secret:
            return findings.warn(
                path,
                Rule.SAME_ADDRESSES_OTHER_SECRET,
                f"{same} but another secret: Main Mode selects the pre-shared key by address only (RFC 2409 §5.4), so "
                "the first connection is used",
            )
        if rival.trust != connection.trust and not common <= ENCRYPTING:  # with these, the initiator sends its ID first
            if not (rival.trust.public_keys or connection.trust.public_keys):
                continue  # the CA of the peer's certificate tells them apart
            return findings.warn(
                path,
                Rule.SAME_ADDRESSES_OTHER_TRUST,
                f"{same} but trusts other certificates: certificates are requested before the peer sends its identity, "
                "so those of the first connection are requested",
            )
        wanted = {expected(rival), expected(connection)}
        if len(wanted) == 1 or not wanted.isdisjoint({None, ANY}):
            return findings.warn(
                path,
                Rule.SAME_ADDRESSES_AND_IDENTITY,
                f"{same}, and remote_id does not tell their peers apart: the first connection is used",
            )
    return None
