"""What a router does with a peer, or with peers of one kind; either of the two ends can be made of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ikev1.config.formats.cisco_ios.model import Group, Interface, Keepalive, Key, Line
from ikev1.config.formats.cisco_ios.reading import Set
from ikev1.config.formats.written import Place


@dataclass
class Protection:
    """How the packets of a tunnel are protected; the place of None is that of a default."""

    proposals: list[str]
    ah: bool
    mode: str
    place: Place | None
    pfs: Set[int] | None
    lifetime: tuple[int, Place | None]
    kilobytes: tuple[int, Place | None]
    window: tuple[int, Place | None]


@dataclass
class Pair:
    """A pair of selectors. ``permanent``: the router brings it up by itself; ``is_open``: its peers choose it."""

    name: str
    place: Place
    local: str
    remote: str
    protection: Protection
    permanent: bool = False
    is_open: bool = False
    line: Line | None = None  # of an access list
    interface: Interface | None = None
    transport: bool = False  # else in tunnel mode, whatever the transform set says


@dataclass
class Peering:
    """``remotes`` are addresses, names or networks, none of them for any peer, or with ``beside_hubs`` for any other
    than the hubs of a DMVPN spoke. ``users`` are the methods that check users, ``group`` is that of the users.
    """

    name: str
    place: Place
    key: Key
    local: Set[str] | None = None
    remotes: list[Set[str]] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    own_identity: Set[str] | None = None
    peer_identity: Set[str] | None = None
    keepalive: Keepalive | None = None
    calls_aggressive: Set[bool] | None = None
    answers_aggressive: Set[bool] | None = None
    only_answers: bool = False
    beside_hubs: bool = False
    nat_traversal: bool = True
    users: Set[list[str]] | None = None
    group: Group | None = None
    pushes: Set[bool] | None = None
    is_client: bool = False  # of a gateway for remote users

    @property
    def signature(self) -> tuple[object, ...]:
        """What two peerings have in common whose tunnels are under one ISAKMP SA."""
        return (
            self.key.secret,
            self.local.value if self.local else None,
            *(remote.value for remote in self.remotes),
            self.own_identity.value if self.own_identity else None,
            self.peer_identity.value if self.peer_identity else None,
            (self.keepalive.delay, self.keepalive.retry) if self.keepalive else None,
            self.calls_aggressive is None,
            self.nat_traversal,
            tuple(self.users.value) if self.users else None,
            self.group.name if self.group else None,
        )


def mirrored(peering: Peering) -> Peering:
    """The other end of a peering."""
    ends = peering.remotes
    single = len(ends) == 1 and "/" not in ends[0].value and not ends[0].value[-1].isalpha()
    return replace(
        peering,
        local=ends[0] if single else None,
        remotes=[peering.local] if peering.local else [],
        own_identity=_as_own(peering),
        peer_identity=peering.own_identity,
        pairs=[replace(pair, local=pair.remote, remote=pair.local) for pair in peering.pairs],
        calls_aggressive=peering.answers_aggressive,
        answers_aggressive=peering.calls_aggressive,
        only_answers=False,
        is_client=peering.group is not None,
    )


def _as_own(peering: Peering) -> Set[str] | None:
    """The identity that the router expects, if it is one and not a pattern."""
    expected = peering.peer_identity
    return None if expected is None or expected.value == "%any" or set("*/") & set(expected.value) else expected
