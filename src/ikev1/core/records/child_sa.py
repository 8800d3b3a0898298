"""`ChildSa`: a pair of IPsec SAs, one in each direction, and the records that it consists of."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import Record, replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.timer import TimerKind, Timers
from ikev1.wire.registry import ProtocolId


class IpsecSuite(Record, frozen=True):
    """The algorithms of a pair of IPsec SAs, as numbers of the protocol (RFC 2407 §4.4.1, §4.4.3, §4.4.4, §4.5).

    ``encryption`` is an ESP transform identifier, 0 for AH. ``key_length`` is in bits, 0 for ciphers with a single key
    length. ``integrity`` is an Authentication Algorithm, 0 if the cipher authenticates.
    """

    encryption: int
    key_length: int = 0
    integrity: int = 0
    protocol: int = ProtocolId.ESP  # ESP or AH
    esn: bool = False  # extended sequence numbers, of 64 bits (RFC 4304)
    sha256_96: bool = False  # HMAC-SHA-256 is truncated to 96 bits, which is not negotiated


class IpsecKeys(Record, frozen=True):
    """One direction of a pair of IPsec SAs: the SPI (RFC 4303 §2.1) and the keys from KEYMAT (RFC 2409 §5.5).

    The keys are empty in the records of an ISAKMP SA, because only the data plane needs them.
    """

    spi: int
    encryption_key: bytes = b""  # for AES-GCM: the key, then 4 octets of salt (RFC 4106 §8.1)
    integrity_key: bytes = b""

    secret_fields = frozenset({"encryption_key", "integrity_key"})


class IpsecMode(StrEnum):
    """Whether IPsec SAs carry complete IP packets, or only the payloads of packets (RFC 4301 §3.2)."""

    TUNNEL = "tunnel"
    TRANSPORT = "transport"


class Compression(Record, frozen=True):
    """IPComp within a pair of IPsec SAs (RFC 3173): the transform, and its CPI in each direction."""

    algorithm: int  # an IPCOMP transform identifier (RFC 2407 §4.4.5)
    inbound_cpi: int
    outbound_cpi: int


class Mark(NamedTuple):
    """A netfilter mark and the mask of its significant bits; a mask of 0 means that there is no mark."""

    value: int = 0
    mask: int = 0


class PacketMarks(Record, frozen=True):
    """Marks and interface IDs that select the packets of a pair of IPsec SAs in addition to its selectors. Only the
    kernel's data plane supports them.
    """

    mark_in: Mark = Mark()
    mark_out: Mark = Mark()
    if_id_in: int = 0  # of an xfrm interface; 0: none
    if_id_out: int = 0


class OriginalAddresses(NamedTuple):
    """The packed addresses that the peer's packets have where it sends them, before a NAT changes them (RFC 3947 §5.2):
    its own, and ours as it knows it.
    """

    peer: bytes
    ours: bytes


class ChildState(StrEnum):
    """The state of a pair of IPsec SAs, with the names that strongSwan uses."""

    CREATED = "CREATED"  # receives at most; its Quick Mode is not complete
    INSTALLING = "INSTALLING"  # its Quick Mode is complete, and no other peer gets its traffic; not reported as up yet
    INSTALLED = "INSTALLED"  # carries traffic
    REKEYED = "REKEYED"  # has an heir that carries the traffic; still receives what is under way
    DELETED = "DELETED"


_COMING = ChildState.CREATED, ChildState.INSTALLING
_CARRYING = ChildState.INSTALLED, ChildState.INSTALLING
_EXPIRE, _RETIRE, _REKEY = TimerKind.EXPIRE_CHILD, TimerKind.RETIRE_CHILD, TimerKind.REKEY_CHILD


class ChildSa(Record, frozen=True):
    """A pair of IPsec SAs, one in each direction.

    ``path`` is that of the ISAKMP SA; with ``udp_encapsulation``, ESP is sent in UDP on this path, else as IP protocol
    50 between its two addresses. ``created_at``, ``rekey_at`` and ``expires_at`` are times in seconds by the clock of
    the caller, 0 for never; ``lifetime_kilobytes`` is 0 for no limit.
    """

    unique_id: int
    name: str
    connection: str
    suite: IpsecSuite
    inbound: IpsecKeys
    outbound: IpsecKeys
    local: Selector
    remote: Selector
    path: UdpPath
    udp_encapsulation: bool
    initiator: bool
    created_at: float
    rekey_at: float = 0.0
    expires_at: float = 0.0
    lifetime_kilobytes: int = 0
    rekey_bytes: int = 0  # octets of inner packets in one direction after which it is rekeyed; 0: no such limit
    rekey_packets: int = 0  # the same in packets
    replay_window: int = 64  # packets
    group: int = 0  # the group of perfect forward secrecy, 0 without
    state: ChildState = ChildState.INSTALLED
    heir: int = 0  # the unique_id of the pair that sends in place of this one, whichever peer initiated it
    retires_at: float = 0.0  # when a pair that has an heir is deleted
    contested: bool = False  # the heir was initiated by the other peer: the peers may disagree about which one sends
    networks_of_peer: bool = False  # the peer requested the first pair with these selectors that this one replaces
    reqid: int = 0  # the same for a pair and those that replace it by rekeying
    mode: IpsecMode = IpsecMode.TUNNEL
    compression: Compression | None = None
    marks: PacketMarks = PacketMarks()
    peer: bytes = b""  # in transport mode: whose pair it is, of peers that may share an address behind a NAT
    original_addresses: OriginalAddresses | None = None  # in transport mode through a NAT, if the peer named them
    networks: tuple[Selector, ...] = ()  # those that it carries of ``local``, if the peer may not have all of it

    def timers(self) -> Timers:
        """The timers of this pair; one that expires is not rekeyed, nor is one that has an heir. While the pair
        `is_coming`, the timers of its exchange apply instead.
        """
        if self.is_coming:
            return ()
        return (self.expires_at, _EXPIRE), (self.retires_at, _RETIRE), (self.rekey_at, _REKEY)

    @property
    def shares_address(self) -> bool:
        """Whether other peers may send and receive the same packets: clients behind one NAT in transport mode, where
        the address of the NAT is that of all (RFC 3948 §5.2).
        """
        return bool(self.peer)

    @property
    def is_coming(self) -> bool:
        """Whether the pair is not up yet: its exchange, which has the keys, is not complete on our side."""
        return self.state in _COMING

    @property
    def carries(self) -> bool:
        """Whether the traffic of its selectors belongs to this pair, so that no other peer may have it."""
        return self.state in _CARRYING

    @property
    def locals(self) -> tuple[Selector, ...]:
        """The local selectors of the packets that this pair carries."""
        return self.networks or (self.local,)

    @property
    def traffic(self) -> tuple[str, Selector, Selector]:
        """The tunnel and the selectors. A newer pair with the same values replaces this one."""
        return self.name, self.local, self.remote

    @property
    def lowest_spi(self) -> int:
        """The lower one of its SPIs, which decides between colliding pairs (`ikev1.core.negotiation.lineage`)."""
        return min(self.inbound.spi, self.outbound.spi)

    def inherited(self, heir: ChildSa, retires_at: float) -> ChildSa:
        """The pair once ``heir`` sends in its place; it receives until ``retires_at``."""
        old: ChildSa = replace(
            self,
            state=ChildState.REKEYED,
            heir=heir.unique_id,
            contested=heir.initiator is not self.initiator,
            rekey_at=0.0,
            retires_at=retires_at,
        )
        return old

    def coming(self, state: ChildState) -> ChildSa:
        """Return the record of the pair while its exchange has the keys; ``state`` is one of those of `is_coming`."""
        return self.without_keys(state)

    def without_keys(self, state: ChildState | None = None) -> ChildSa:
        """Return the pair as it is stored, without the keys that only the data plane needs, and in ``state``; by
        default, the state remains.
        """
        inbound, outbound = IpsecKeys(self.inbound.spi), IpsecKeys(self.outbound.spi)
        bare: ChildSa = replace(self, inbound=inbound, outbound=outbound, state=state or self.state)
        return bare
