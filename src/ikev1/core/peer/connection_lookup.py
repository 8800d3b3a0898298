"""The connections that match a pair of addresses, and the identity and the exchange types that they accept."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2s
from socket import AF_INET, AF_INET6, inet_pton
from typing import NamedTuple

import msgspec

from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.methods import SHARED
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.selector_index import SelectorIndex
from ikev1.core.records.settings import Aggressive, Connection, Tunnel, XauthRole

_REMEMBERED = 4096  # pairs of addresses whose connections are cached
ANY = "%any"
_OCTETS = 8
_OF_SECRET = 2  # octets: enough to detect another secret, too few to verify a guessed one with a stolen state file


class _Entry(NamedTuple):
    """A connection at one of its remote addresses: the prefix of that address, the range of local addresses, and the
    place in the configuration. The prefixes of ``%any`` are -1.
    """

    prefix: int
    local: _Pattern | None
    place: int
    connection: Connection
    zone: str = ""  # the interface on which a link-local address is valid (RFC 4007 §11); empty: any

    def rank(self) -> tuple[int, int, int]:
        return -self.prefix, -(self.local.prefix if self.local else -1), self.place


class _Pattern(NamedTuple):
    """An address pattern: a closed range of packed addresses, and the length of its prefix in bits."""

    first: bytes
    last: bytes
    prefix: int

    def holds(self, packed: bytes) -> bool:
        return len(packed) == len(self.first) and self.first <= packed <= self.last


class ConnectionLookup:
    """Connections by address, in order of preference: the most specific remote address first, then the most specific
    local address, then the order of the configuration. ``names`` are the addresses of host names.

    The cost of a look-up depends on the number of different prefix lengths, not on that of connections.
    """

    def __init__(self, connections: tuple[Connection, ...], names: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._anywhere: list[_Entry] = []
        self._networks: dict[tuple[int, int], dict[bytes, list[_Entry]]] = {}  # by octets of an address and prefix
        self._of_names: list[tuple[str, _Entry]] = []
        self._named: dict[bytes, list[_Entry]] = {}
        self._names: Mapping[str, tuple[str, ...]] = {}
        self._by_name = {connection.name: connection for connection in connections}
        self._found: dict[tuple[str, str], tuple[Connection, ...]] = {}
        self._fingerprints: dict[str, bytes] = {}
        self._claims: SelectorIndex[tuple[str, Tunnel]] = SelectorIndex()
        for place, connection in enumerate(connections):
            self._add(place, connection)
            for tunnel in connection.tunnels:
                if not tunnel.local.dynamic and not tunnel.remote.dynamic:
                    self._claims.add(tunnel.local, tunnel.remote, (connection.name, tunnel))
        if names:
            self.name_addresses(names)

    def _add(self, place: int, connection: Connection) -> None:
        local = _pattern(connection.local_address)
        for remote in connection.remotes:
            if is_host_name(remote):
                self._of_names.append((remote, _Entry(0, local, place, connection)))
                continue
            pattern = _pattern(remote)
            if pattern is None:
                self._anywhere.append(_Entry(-1, local, place, connection))
            else:
                networks = self._networks.setdefault((len(pattern.first), pattern.prefix), {})
                networks.setdefault(pattern.first, []).append(
                    _Entry(pattern.prefix, local, place, connection, remote.partition("%")[2])
                )

    def name_addresses(self, names: Mapping[str, tuple[str, ...]]) -> None:
        """Replace the addresses of host names; a name without an entry has none."""
        self._names = names
        self._named = {}
        for name, entry in self._of_names:
            for address in names.get(name, ()):
                packed = _packed(address)
                self._named.setdefault(packed, []).append(entry._replace(prefix=8 * len(packed)))
        self._found.clear()

    @property
    def has_host_names(self) -> bool:
        """Whether the peer of a connection has a host name."""
        return bool(self._of_names)

    def called_addresses(self, connection: Connection) -> tuple[str, ...]:
        """The addresses at which the peer of ``connection`` is called, in order; those of host names as known now."""
        found: list[str] = []
        for remote in connection.remotes:
            if is_host_name(remote):
                found += self._names.get(remote, ())
            elif is_address(remote):
                found.append(remote)
        return tuple(dict.fromkeys(found))

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
        found = [*self._anywhere, *self._named.get(remote, ())]
        for (octets, prefix), networks in self._networks.items():
            if octets == len(remote):
                found += networks.get(_masked(remote, prefix), ())
        fitting = [
            entry
            for entry in found
            if (entry.local is None or entry.local.holds(local)) and (not entry.zone or entry.zone == zone)
        ]
        if len(fitting) > 1:
            fitting.sort(key=_Entry.rank)
        # a connection has several entries if several of its remote addresses match
        return tuple({entry.place: entry.connection for entry in fitting}.values())


def known_selectors(connection: Connection, tunnel: Tunnel) -> tuple[Selector, Selector] | None:
    """The local and remote networks of ``tunnel``; None if one is dynamic and its address is not configured, as are
    virtual addresses.
    """
    local, remote = tunnel.local, tunnel.remote
    tunnels = tunnel.mode is IpsecMode.TUNNEL
    if is_address(connection.local_address) and not (tunnels and connection.vips):
        local = local.at(connection.local_address)
    called = called_address(connection)
    if called is not None and not (tunnels and connection.pools):
        remote = remote.at(called)
    return None if local.dynamic or remote.dynamic else (local, remote)


def protected_selectors(connection: Connection, tunnel: Tunnel) -> tuple[Selector, Selector] | None:
    """The traffic that only ``tunnel`` may carry, also while it is down, as its local and remote networks; None if
    that is not known.

    In transport mode for a port, as for L2TP, it is that of our address with anybody, if the peer may be anywhere: no
    other program of this host serves the port unprotected.
    """
    known = known_selectors(connection, tunnel)
    if known is not None or tunnel.mode is IpsecMode.TUNNEL or not (tunnel.local.port or tunnel.remote.port):
        return known
    if not is_address(connection.local_address):
        return None
    local = tunnel.local.at(connection.local_address)
    anywhere: Selector = replace(tunnel.remote, first=bytes(len(local.first)), last=b"\xff" * len(local.first))
    return local, anywhere


def expected(connection: Connection) -> str | None:
    """The identity that the peer of ``connection`` must have, a pattern for `identity.matches`: ``remote_id`` if set,
    else ``remote_address`` if it is a single address or host name, else None, which matches any identity.
    """
    if connection.remote_id or len(connection.remotes) > 1:
        return connection.remote_id
    (remote,) = connection.remotes
    return remote.partition("%")[0] if is_address(remote) or is_host_name(remote) else None


def called_address(connection: Connection) -> str | None:
    """The only address that ``connection`` initiates to, None if it has several, none, or a host name."""
    (remote, *others) = connection.remotes
    return remote if not others and is_address(remote) else None


def can_call(connection: Connection) -> bool:
    """Whether ``connection`` can initiate: whether the peer has an address or a host name."""
    return any(is_address(remote) or is_host_name(remote) for remote in connection.remotes)


def accepts_mode(connection: Connection, exchange: Exchange, sa: IkeSa) -> bool:
    """Whether ``connection`` accepts the mode of phase 1 of ``sa``; always true if we are the initiator."""
    if not exchange.is_aggressive or exchange.role is Role.INITIATOR:
        return True
    return accepts_aggressive(connection, sa.chosen.suite.authentication if sa.chosen is not None else 0)


def accepts_aggressive(connection: Connection, method: int) -> bool:
    """Whether ``connection`` accepts Aggressive Mode with this authentication method (0: any) from an initiator."""
    if method in SHARED:
        return connection.aggressive is Aggressive.ACCEPT_PSK
    return connection.aggressive is not Aggressive.REFUSE


@lru_cache(maxsize=1024)
def is_address(text: str) -> bool:
    """Whether ``text`` is a single IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_host_name(text: str) -> bool:
    """Whether ``text``, a remote address of a connection, is a host name: no address, no network and not ``%any``."""
    return text != ANY and "/" not in text and not is_address(text)


def _packed(host: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in host else AF_INET, host.partition("%")[0])


def _masked(packed: bytes, prefix: int) -> bytes:
    host_bits = 8 * len(packed) - prefix
    return (int.from_bytes(packed) >> host_bits << host_bits).to_bytes(len(packed))


def _pattern(text: str) -> _Pattern | None:
    if text == ANY:
        return None
    network = ipaddress.ip_network(text.partition("%")[0], strict=False)
    return _Pattern(network[0].packed, network[-1].packed, network.prefixlen)


def fingerprint(connection: Connection, who: str | None) -> bytes:
    """8 octets that depend on the secret and the trust of ``connection``, and on ``who``, the identity that its peer
    must have (`expected`). A peer whose user is authenticated is not proved by less.
    """
    secret = blake2s(connection.secret, digest_size=_OF_SECRET).digest()
    asks = ("xauth",) if connection.xauth is XauthRole.SERVER else ()
    public = msgspec.msgpack.encode((connection.trust, who, *asks))
    return blake2s(secret + public, digest_size=_OCTETS).digest()
