"""What a router is configured to do, in Cisco's terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv4Network, IPv6Network, ip_address
from itertools import islice
from typing import NamedTuple

from ikev1.config.formats.cisco_ios.prefixes import Prefixes
from ikev1.config.formats.cisco_ios.reading import Set
from ikev1.config.formats.written import Place
from ikev1.core.records.selector import Selector

_MOST_KINDS = 50  # of interfaces with the same number
Network = IPv4Network | IPv6Network


@dataclass
class Policy:
    """``crypto isakmp policy``; None is the default."""

    number: int
    place: Place
    encryption: Set[str] | None = None
    hash: Set[str] | None = None
    authentication: Set[str] | None = None
    group: Set[int] | None = None
    lifetime: Set[int] | None = None


@dataclass
class Key:
    """A pre-shared key (None: it cannot be read) of a host, a network, or a host name."""

    secret: str | None = field(repr=False)
    place: Place
    network: Network | None = None
    hostname: str = ""
    xauth: bool = True


class Keys:
    """Pre-shared keys by their owners."""

    def __init__(self) -> None:
        self._by_owner: dict[Network | str, Key] = {}
        self._by_network: Prefixes[Key] = Prefixes()

    def add(self, key: Key) -> None:
        """Add a key in place of that of the same owner."""
        self._by_owner[key.hostname if key.network is None else key.network] = key
        if key.network is not None:
            self._by_network.put(key.network, key, replaces=True)

    def of(self, peer: str) -> Key | None:
        """The key of an address, which is that of the longest prefix, or of a host name."""
        try:
            return next(self._by_network.fitting(ip_address(peer)), None)
        except ValueError:
            return self._by_owner.get(peer)

    def __iter__(self) -> Iterator[tuple[Network | str, Key]]:
        return iter(self._by_owner.items())


@dataclass
class Keyring:
    """``crypto keyring``."""

    name: str
    place: Place
    keys: Keys = field(default_factory=Keys)
    local_address: Set[str] | None = None


@dataclass
class Keepalive:
    """Dead peer detection, in seconds; ``delay`` 0 is none."""

    delay: int
    retry: int
    place: Place | None = None


@dataclass
class Match:
    """``match identity`` by ``address``, ``host``, ``host domain``, ``user``, ``user domain`` or ``group``."""

    kind: str
    value: str
    place: Place
    network: Network | None = None


@dataclass
class Profile:
    """``crypto isakmp profile``."""

    name: str
    place: Place
    keyrings: list[Set[str]] = field(default_factory=list)
    matches: list[Match] = field(default_factory=list)
    own_identity: Set[str] | None = None
    local_address: Set[str] | None = None
    keepalive: Keepalive | None = None
    aggressive: Set[bool] | None = None
    user_list: Set[str] | None = None
    respond: Set[str] | None = None
    template: Set[str] | None = None


@dataclass
class Group:
    """``crypto isakmp client configuration group``, or the group policy of an ASA."""

    name: str
    place: Place
    key: Key | None = None
    pool: Set[str] | None = None
    acl: Set[str] | None = None
    exclude: Set[str] | None = None
    dns: Set[list[str]] | None = None
    wins: Set[list[str]] | None = None
    domain: Set[str] | None = None
    split_dns: Set[list[str]] | None = None
    netmask: Set[str] | None = None
    banner: Set[str] | None = None
    split: Set[str] | None = None  # of ASA: which networks ``acl`` has
    user_list: Set[str] | None = None  # of ASA
    keepalive: Keepalive | None = None  # of ASA
    backup: list[Set[str]] = field(default_factory=list)
    flags: dict[str, Place] = field(default_factory=dict)


@dataclass
class TransformSet:
    """``crypto ipsec transform-set``: ``cipher`` and ``hash`` are words of proposals, ``mode`` is ``tunnel`` or
    ``transport``.
    """

    name: str
    place: Place
    cipher: str = ""
    hash: str = ""
    ah: str = ""
    mode: Set[str] | None = None

    @property
    def protects_itself(self) -> bool:
        """Whether the cipher needs no hash."""
        return "gcm" in self.cipher or "gmac" in self.cipher


@dataclass
class Ipsec:
    """What entries of crypto maps and IPsec profiles have in common; lifetimes of None are the default."""

    place: Place
    transform_sets: list[Set[str]] = field(default_factory=list)
    pfs: Set[int] | None = None
    lifetime: Set[int] | None = None
    kilobytes: Set[int] | None = None  # 0: no limit
    window: Set[int] | None = None  # 0: no check of replays
    profile: Set[str] | None = None
    ikev2: Set[str] | None = None
    responder_only: Set[bool] | None = None


@dataclass
class Entry(Ipsec):
    """An entry of a crypto map."""

    map: str = ""
    number: int = 0
    peers: list[Set[str]] = field(default_factory=list)
    acl: Set[str] | None = None
    dynamic: Set[str] | None = None
    nat_traversal: bool = True
    aggressive: Set[bool] | None = None
    answers_only: Set[bool] | None = None
    description: str = ""

    @property
    def described(self) -> Place:
        """Where the entry was written, with the description as a comment."""
        return self.place._replace(comments=(*self.place.comments, *filter(None, [self.description])))


@dataclass
class Map:
    """A crypto map, static or dynamic."""

    name: str
    place: Place
    entries: dict[int, Entry] = field(default_factory=dict)
    local_address: Set[str] | None = None
    profile: Set[str] | None = None
    user_list: Set[str] | None = None
    respond: Set[str] | None = None
    interfaces: list[Set[str]] = field(default_factory=list)


@dataclass
class Interface:
    """``interface``; ``address`` is None if it is not fixed."""

    name: str
    place: Place
    address: Set[IPv4Interface] | None = None
    unnumbered: Set[str] | None = None
    source: Set[str] | None = None
    destination: Set[str] | None = None
    mode: Set[str] | None = None
    protection: Set[str] | None = None  # the name of the IPsec profile
    profile: Set[str] | None = None  # that of the ISAKMP profile
    policy: Set[str] | None = None  # the access list of what is protected
    vrf: Set[str] | None = None
    mtu: Set[int] | None = None
    routes: list[Set[str]] = field(default_factory=list)  # to networks behind the interface
    nhrp: list[Set[str]] = field(default_factory=list)  # the addresses of next hop servers


class Interfaces:
    """Interfaces by their names, which may be abbreviated (``Gi0/0``)."""

    def __init__(self) -> None:
        self._by_name: dict[str, Interface] = {}
        self._by_number: dict[str, dict[str, Interface]] = {}  # and kind

    def add(self, interface: Interface) -> Interface:
        """Add an interface."""
        self.name(interface.name, interface)
        kind, number = _kind_and_number(interface.name.lower())
        self._by_number.setdefault(number, {})[kind] = interface
        return interface

    def name(self, name: str, interface: Interface) -> None:
        """Give an interface one more name."""
        self._by_name[name.lower()] = interface

    def find(self, name: str) -> Interface | None:
        """The interface of a name, either of which may be abbreviated."""
        lower = name.lower().replace(" ", "")
        if lower in self._by_name:
            return self._by_name[lower]
        kind, number = _kind_and_number(lower)
        candidates = islice(self._by_number.get(number, {}).items(), _MOST_KINDS) if number else ()
        return next((found for other, found in candidates if kind.startswith(other) or other.startswith(kind)), None)

    def __iter__(self) -> Iterator[Interface]:
        return iter({id(each): each for each in self._by_name.values()}.values())


def _kind_and_number(name: str) -> tuple[str, str]:
    kind = name.rstrip("0123456789/.:")
    return kind, name[len(kind) :]


@dataclass
class AggressivePeer:
    """``crypto isakmp peer``: with which identity and key it is called in Aggressive Mode."""

    address: str
    place: Place
    identity: Set[str] | None = None
    key: Key | None = None


@dataclass
class TunnelGroup:
    """``tunnel-group`` of an ASA."""

    name: str
    place: Place
    kind: str = "ipsec-l2l"
    key: Key | None = None
    keepalive: Keepalive | None = None
    pool: Set[str] | None = None
    policy: Set[str] | None = None
    users: Set[str] | None = None
    xauth: Set[bool] | None = None


@dataclass
class User:
    """A local user; ``password`` is None if there is only a hash."""

    name: str
    password: str | None = field(repr=False)
    place: Place


class Ace(NamedTuple):
    """A line of an access list. The ends are ``10.1.0.0/16``, or ``object NAME`` and ``group NAME``; ports are empty
    for any.
    """

    permits: bool
    protocol: str
    source: str
    source_port: str
    destination: str
    destination_port: str
    place: Place


class Unclear(NamedTuple):
    """A line of an access list that cannot be a selector, and why."""

    place: Place
    text: str


class Line(NamedTuple):
    """The pair of selectors that a line of an access list, or a part of it, becomes."""

    source: Selector
    destination: Selector
    place: Place
    number: int = 0

    @property
    def acl(self) -> str:
        """What the access list is called in findings."""
        return self.place.key.rpartition(".")[0]


@dataclass
class Acl:
    """An access list by the numbers of its lines, of which ``last`` is the highest."""

    name: str
    last: int = 0
    lines: dict[int, Ace | Unclear] = field(default_factory=dict)


@dataclass
class Device:
    """A router or ASA."""

    name: str
    place: Place
    asa: bool = False
    domain: str = ""
    version: tuple[int, int] = (0, 0)
    policies: dict[int, Policy] = field(default_factory=dict)
    built_in_policies: bool = True
    keys: Keys = field(default_factory=Keys)
    keyrings: dict[str, Keyring] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    group_policies: dict[str, Group] = field(default_factory=dict)
    aggressive_peers: dict[str, AggressivePeer] = field(default_factory=dict)
    transform_sets: dict[str, TransformSet] = field(default_factory=dict)
    ipsec_profiles: dict[str, Ipsec] = field(default_factory=dict)
    maps: dict[str, Map] = field(default_factory=dict)
    dynamic_maps: dict[str, Map] = field(default_factory=dict)
    interfaces: Interfaces = field(default_factory=Interfaces)
    tunnel_groups: dict[str, TunnelGroup] = field(default_factory=dict)
    acls: dict[str, Acl] = field(default_factory=dict)
    exempt: list[Line] = field(default_factory=list)  # what access lists that were used exclude
    permitted: dict[str, list[Line] | None] = field(default_factory=dict)  # of access lists that were used
    objects: dict[str, list[str | Unclear]] = field(default_factory=dict)  # by "object NAME" and "group NAME"
    names: dict[str, str] = field(default_factory=dict)
    pools: dict[str, list[Set[str]]] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    user_lists: dict[str, Set[list[str]]] = field(default_factory=dict)
    keepalive: Keepalive | None = None
    routes: list[tuple[str, Set[str]]] = field(default_factory=list)  # interfaces, and networks behind them
    nat_keepalive: Set[int] | None = None
    identity: Set[str] | None = None
    aggressive: Set[bool] | None = None
    nat_traversal: Set[bool] | None = None
    lifetime: Set[int] | None = None
    kilobytes: Set[int] | None = None
    window: Set[int] | None = None
