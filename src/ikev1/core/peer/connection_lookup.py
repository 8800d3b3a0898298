"""The connections that match a pair of addresses, and the identity and the exchange types that they accept."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from socket import AF_INET, AF_INET6, inet_pton
from typing import NamedTuple

from ikev1.core.peer.trust_fingerprint import fingerprint
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.selector import Selector
from ikev1.core.records.selector_index import SelectorIndex
from ikev1.core.records.settings import Aggressive, Connection, Tunnel
from ikev1.wire.registry import AuthenticationMethod

_REMEMBERED = 4096  # pairs of addresses whose connections are cached


class _Pattern(NamedTuple):
    """An address pattern: a closed range of packed addresses, the length of its prefix in bits, and the interface on
    which a link-local address is valid (RFC 4007 §11; empty: any).
    """

    first: bytes
    last: bytes
    prefix: int
    zone: str = ""

    def holds(self, packed: bytes, zone: str = "") -> bool:
        inside = len(packed) == len(self.first) and self.first <= packed <= self.last
        return inside and self.zone in ("", zone)


class ConnectionLookup:
    """Connections by address, in order of preference: the most specific remote address first, then the most specific
    local address, then the order of the configuration.
    """

    def __init__(self, connections: tuple[Connection, ...]) -> None:
        ranked = sorted(
            (
                (_pattern(connection.remote_address), _pattern(connection.local_address), connection)
                for connection in connections
            ),
            key=lambda entry: (-_prefix(entry[0]), -_prefix(entry[1])),
        )
        self._entries = ranked
        self._by_name = {connection.name: connection for connection in connections}
        self._found: dict[tuple[str, str], tuple[Connection, ...]] = {}
        self._fingerprints: dict[str, bytes] = {}
        self._claims: SelectorIndex[tuple[str, Tunnel]] = SelectorIndex()
        for connection in connections:
            for tunnel in connection.tunnels:
                if not tunnel.local.dynamic and not tunnel.remote.dynamic:
                    self._claims.add(tunnel.local, tunnel.remote, (connection.name, tunnel))

    def by_name(self, name: str) -> Connection | None:
        """The connection of this name, None if there is none (or it was removed)."""
        return self._by_name.get(name)

    def fingerprint(self, connection: Connection) -> bytes:
        """The fingerprint of how the connection of this name authenticates its peer."""
        known = self._by_name.get(connection.name, connection)
        found = self._fingerprints.get(known.name)
        if found is None:
            found = self._fingerprints[known.name] = fingerprint(known, expected(known))
        return found

    def claims(self, local: Selector, remote: Selector) -> Iterator[tuple[str, Tunnel]]:
        """The tunnels with fixed networks that overlap ``local`` and ``remote``, and the names of their connections."""
        return self._claims.overlapping(local, remote)

    def candidates(self, local_host: str, remote_host: str) -> tuple[Connection, ...]:
        """The connections that match a local and a remote address, the most specific first."""
        found = self._found.get((local_host, remote_host))
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()  # filled by a flood from spoofed addresses: no entry is worth keeping
            found = self._found[local_host, remote_host] = self._search(local_host, remote_host)
        return found

    def _search(self, local_host: str, remote_host: str) -> tuple[Connection, ...]:
        local, remote, zone = _packed(local_host), _packed(remote_host), remote_host.partition("%")[2]
        return tuple(
            connection
            for remote_pattern, local_pattern, connection in self._entries
            if (remote_pattern is None or remote_pattern.holds(remote, zone))
            and (local_pattern is None or local_pattern.holds(local, zone))
        )


def known_selectors(connection: Connection, tunnel: Tunnel) -> tuple[Selector, Selector] | None:
    """The local and remote networks of ``tunnel``; None if one is dynamic and its address is not configured."""
    local, remote = tunnel.local, tunnel.remote
    if is_address(connection.local_address):
        local = local.at(connection.local_address)
    if is_address(connection.remote_address):
        remote = remote.at(connection.remote_address)
    return None if local.dynamic or remote.dynamic else (local, remote)


def expected(connection: Connection) -> str | None:
    """The identity that the peer of ``connection`` must have, a pattern for `identity.matches`: ``remote_id`` if set,
    else ``remote_address`` if it is a single address, else None, which matches any identity.
    """
    called = called_address(connection)
    return connection.remote_id or (called.partition("%")[0] if called else None)


def called_address(connection: Connection) -> str | None:
    """The address that ``connection`` initiates to, None if ``remote_address`` is not a single address."""
    return connection.remote_address if is_address(connection.remote_address) else None


def accepts_mode(connection: Connection, exchange: Exchange, sa: IkeSa) -> bool:
    """Whether ``connection`` accepts the mode of phase 1 of ``sa``; always true if we are the initiator."""
    if not exchange.is_aggressive or exchange.role is Role.INITIATOR:
        return True
    return accepts_aggressive(connection, sa.chosen.suite.authentication if sa.chosen is not None else 0)


def accepts_aggressive(connection: Connection, method: int) -> bool:
    """Whether ``connection`` accepts Aggressive Mode with this authentication method (0: any) from an initiator."""
    if method == AuthenticationMethod.PRE_SHARED_KEY:
        return connection.aggressive is Aggressive.ACCEPT_PSK
    return connection.aggressive is not Aggressive.REFUSE


def is_address(text: str) -> bool:
    """Whether ``text`` is a single IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _packed(host: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in host else AF_INET, host.partition("%")[0])


def _prefix(pattern: _Pattern | None) -> int:
    return -1 if pattern is None else pattern.prefix


def _pattern(text: str) -> _Pattern | None:
    if text == "%any":
        return None
    addresses, _, zone = text.partition("%")
    network = ipaddress.ip_network(addresses, strict=False)
    return _Pattern(network[0].packed, network[-1].packed, network.prefixlen, zone)
