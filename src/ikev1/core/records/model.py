"""The records of the protocol: `IkeSa` (long-lived), `Exchange` (short-lived), `ChildSa` (a pair of IPsec SAs).

Stage records (`Chosen`, `KeyShare`, `Keys`) are present or absent as a whole, so no SA is ever half filled.
Times are wall-clock seconds since the epoch, so that they mean the same in another process.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ikev1.core.records.record import Record, replace
from ikev1.core.records.selector import Selector
from ikev1.wire.payloads import Identification, SecurityAssociation
from ikev1.wire.registry import ProtocolId

AGGRESSIVE_MODE = "AM"
"""The name of Aggressive Mode in `Exchange`."""


class Role(StrEnum):
    """Who began: every exchange has an initiator and a responder of its own (RFC 2408 §2.1)."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


class UdpPath(NamedTuple):
    """The two ends of a UDP conversation, addresses in text, ports as numbers."""

    local_host: str
    local_port: int
    remote_host: str
    remote_port: int

    @property
    def remote(self) -> str:
        """The peer's end, for people."""
        return f"{self.remote_host}[{self.remote_port}]"

    def __str__(self) -> str:
        return f"{self.local_host}[{self.local_port}] - {self.remote_host}[{self.remote_port}]"


class TimerKind(StrEnum):
    """What an SA, an exchange or a probe waits for; `ikev1.core.machine.timers` has a handler for each."""

    RETRANSMIT = "retransmit"  # our last message of an exchange goes out again, or a complaint is reported
    GIVE_UP = "give-up"  # an exchange is abandoned, or no longer worth remembering
    EXPIRE_CHILD = "expire-child"
    REKEY_CHILD = "rekey-child"
    PROBE = "probe"
    EXPIRE_IKE = "expire-ike"
    REKEY_IKE = "rekey-ike"


Timers = tuple[tuple[float, TimerKind], ...]
"""The timers of one record: when each is due, in seconds since the epoch (0.0: never), and which it is."""


class Phase1Suite(Record, frozen=True):
    """What protects the ISAKMP SA, in the numbers of the wire (RFC 2409 Appendix A).

    ``key_length`` is in bits and 0 for ciphers whose key has one size only.
    """

    encryption: int
    key_length: int
    hash: int
    group: int
    authentication: int = 1


class IpsecSuite(Record, frozen=True):
    """What protects a pair of IPsec SAs, in the numbers of the wire (RFC 2407 §4.4.1, §4.4.3, §4.4.4, §4.5).

    ``encryption`` is an ESP transform identifier, 0 for AH; ``key_length`` is in bits (0: the cipher has one size
    only), ``integrity`` an Authentication Algorithm (0: none, the cipher does it).
    """

    encryption: int
    key_length: int = 0
    integrity: int = 0
    protocol: int = ProtocolId.ESP  # or AH
    esn: bool = False  # extended sequence numbers, of 64 bits (RFC 4304)


class IpsecKeys(Record, frozen=True):
    """One direction of a pair of IPsec SAs: its SPI (RFC 4303 §2.1) and what KEYMAT gave it (RFC 2409 §5.5).

    Once the data plane has the keys, nobody else needs them: they are empty in what is kept of the pair.
    """

    spi: int
    encryption_key: bytes = b""  # for AES-GCM: the key, then 4 octets of salt (RFC 4106 §8.1)
    integrity_key: bytes = b""

    secret_fields = frozenset({"encryption_key", "integrity_key"})


class IpsecMode(StrEnum):
    """What a packet on the wire holds: a whole packet, or one's payload alone (RFC 4301 §3.2)."""

    TUNNEL = "tunnel"
    TRANSPORT = "transport"


class Compression(Record, frozen=True):
    """IPComp inside a pair of IPsec SAs (RFC 3173): the transform, and the CPI that names it in each direction."""

    algorithm: int  # an IPCOMP transform identifier (RFC 2407 §4.4.5)
    inbound_cpi: int
    outbound_cpi: int


class Mark(NamedTuple):
    """A netfilter mark and which of its bits count; a mask of 0 is no mark at all."""

    value: int = 0
    mask: int = 0


class PacketMarks(Record, frozen=True):
    """How an operator steers packets to a pair of IPsec SAs beside its selectors; all of it only in a kernel."""

    mark_in: Mark = Mark()
    mark_out: Mark = Mark()
    if_id_in: int = 0  # of an xfrm interface; 0: none
    if_id_out: int = 0


class ChildState(StrEnum):
    """The life of a pair of IPsec SAs, in the words of strongSwan."""

    INSTALLED = "INSTALLED"  # carries traffic
    REKEYED = "REKEYED"  # a newer pair carries the traffic; still receives until it expires
    DELETED = "DELETED"


class ChildSa(Record, frozen=True):
    """A pair of IPsec SAs, one in each direction.

    ``path`` is the conversation of the ISAKMP SA at the time; ESP travels on it when ``udp_encapsulation`` is set,
    else as IP protocol 50 between its two addresses. ``rekey_at`` and ``expires_at`` are absolute, 0 for never;
    ``lifetime_kilobytes`` is 0 for no limit.
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
    replay_window: int = 64  # packets
    group: int = 0  # the group of perfect forward secrecy, 0 without
    state: ChildState = ChildState.INSTALLED
    reqid: int = 0  # the same for all that follow one another by rekeying
    mode: IpsecMode = IpsecMode.TUNNEL
    compression: Compression | None = None
    marks: PacketMarks = PacketMarks()

    def timers(self) -> Timers:
        """The timers of this pair; one that is over is not rekeyed."""
        return (self.expires_at, TimerKind.EXPIRE_CHILD), (self.rekey_at, TimerKind.REKEY_CHILD)

    @property
    def traffic(self) -> tuple[str, Selector, Selector]:
        """The tunnel and the selectors: a newer pair for the same traffic takes the place of this one."""
        return self.name, self.local, self.remote

    def retired(self) -> ChildSa:
        """The pair once a newer one carries its traffic: it still receives what is under way."""
        retired: ChildSa = replace(self, state=ChildState.REKEYED, rekey_at=0.0)
        return retired

    def without_keys(self) -> ChildSa:
        """What is kept of the pair once the data plane has its keys."""
        inbound, outbound = IpsecKeys(self.inbound.spi), IpsecKeys(self.outbound.spi)
        bare: ChildSa = replace(self, inbound=inbound, outbound=outbound)
        return bare


class Chosen(Record, frozen=True):
    """What messages 1 and 2 agreed upon."""

    suite: Phase1Suite
    lifetime: int  # seconds
    lifetime_kilobytes: int = 0
    shortened: bool = False  # by us, who should tell
    ignored: tuple[int, ...] = ()  # the attributes for private use in the offer


class KeyShare(Record, frozen=True):
    """Diffie-Hellman and nonces of one exchange while it runs: forgotten once keys are made of it."""

    private: bytes
    g_xi: bytes = b""
    g_xr: bytes = b""
    Ni_b: bytes = b""
    Nr_b: bytes = b""

    secret_fields = frozenset({"private"})


class Keys(Record, frozen=True):
    """SKEYID and what is derived from it (RFC 2409 §5); ``encryption_key`` is SKEYID_e brought to the cipher's size
    (Appendix B), ``last_block`` the last ciphertext block of phase 1, from which later IVs come.
    """

    SKEYID: bytes  # empty once phase 1 is done: nothing needs it any more
    SKEYID_d: bytes
    SKEYID_a: bytes
    encryption_key: bytes
    last_block: bytes

    secret_fields = frozenset({"SKEYID", "SKEYID_d", "SKEYID_a", "encryption_key"})


class NatTraversalVersion(StrEnum):
    """Which NAT traversal a peer speaks, newest first: the numbers differ, the idea does not."""

    RFC_3947 = "RFC 3947"
    DRAFT_03 = "draft-03"
    DRAFT_02 = "draft-02"


class Nat(Record, frozen=True):
    """What the NAT-D payloads showed (RFC 3947 §3.2)."""

    version: NatTraversalVersion
    local_behind: bool = False
    remote_behind: bool = False
    forced: bool = False  # encapsulated because the connection says so

    @property
    def encapsulate(self) -> bool:
        """Whether ESP travels in UDP (RFC 3948)."""
        return self.local_behind or self.remote_behind or self.forced


class Life(NamedTuple):
    """How long an SA lives; 0 is no limit, or nothing said of it."""

    seconds: int
    kilobytes: int


class Agreed(NamedTuple):
    """What a Quick Mode agreed upon; ``spi`` and ``cpi`` are the peer's, for what we send."""

    suite: IpsecSuite
    group: int
    life: Life
    spi: int
    shortened: bool  # the life is less than was offered
    ignored: tuple[int, ...]  # the attributes for private use in the offer
    compression: int = 0  # an IPCOMP transform identifier, 0 without
    cpi: int = 0


class Choice(Record, frozen=True, tag=True):
    """What a responder of Quick Mode decided about an offer, before it has an SPI."""

    tunnel: str
    local: Selector
    remote: Selector
    agreed: Agreed
    chosen: SecurityAssociation  # the answer, but for our SPI and CPI
    nonce: bytes  # Ni_b
    public: bytes  # g_xi, empty without perfect forward secrecy
    identities: tuple[Identification, ...]  # IDci and IDcr, which the answer repeats
    draws: int = 0  # of an SPI that was the peer's


class QuickMode(Record, frozen=True, tag=True):
    """What a Quick Mode has agreed upon so far (RFC 2409 §5.5)."""

    tunnel: str
    share: KeyShare
    spi: int  # ours, inbound; 0 before there is one
    local: Selector
    remote: Selector
    cpi: int = 0  # ours, inbound; 0 without IPComp
    group: int = 0  # of perfect forward secrecy, 0 without
    offer: bytes = b""  # the body of our SA payload: the answer must be one of its transforms
    child: ChildSa | None = None  # what came of it, once there are keys
    installed: int = 0  # directions of ``child`` that the data plane has: inbound, then both


class TransactionData(Record, frozen=True, tag=True):
    """What a Transaction exchange is about (draft-dukes-ike-mode-cfg-02 §3.2)."""

    identifier: int
    kind: int  # a `ConfigType`: of the last message in either direction


ExchangeData = QuickMode | TransactionData
"""What an exchange knows besides its messages, as its kind has it."""


class Held(NamedTuple):
    """A datagram that waits, and the path by which it came."""

    datagram: bytes
    path: UdpPath


Decision = QuickMode | Choice
"""What was decided about the next message of an exchange of ours or the peer's."""


class Waiting(Record, frozen=True):
    """What an exchange waits for: the answer of the world to the question of number ``request``.

    Either our next message waits, or the end of the exchange, and ``decision`` is what it will be made of; or messages
    of the peer's wait, the one whose check asked and those that came behind it. They are ``held``, and taken as if they
    had just come once the answer is there.
    """

    request: int
    decision: Decision | None = None
    held: tuple[Held, ...] = ()


class Exchange(Record, frozen=True):
    """One exchange in progress, or one that just ended and may have to repeat its last message."""

    script: str
    message_id: int
    role: Role
    step: int = 0  # the next row of the script
    iv: bytes = b""  # the last ciphertext block, in either direction (RFC 2409 Appendix B)
    received: tuple[bytes, ...] = ()  # digests of the peer's messages: the same again are retransmissions
    datagrams: tuple[bytes, ...] = ()  # our last message, to be sent again
    tries: int = 0
    resend_at: float = 0.0  # 0: nothing to resend, the peer must speak or all is said
    ends_at: float = 0.0  # when it is given up, or no longer worth remembering
    data: ExchangeData | None = None
    method: int = 0  # of authentication, where the script has a table of its own for it (RFC 2409 §5.2, §5.3)
    complaint: tuple[str, str] | None = (
        None  # code and sentence of an error nobody vouches for: the reason, if we give up
    )
    waiting: Waiting | None = None

    @property
    def quick(self) -> QuickMode | None:
        """What a Quick Mode has agreed upon so far; None in another exchange."""
        return self.data if isinstance(self.data, QuickMode) else None

    @property
    def child(self) -> ChildSa | None:
        """The pair of IPsec SAs that the exchange is about to make; None before there are keys, and afterwards."""
        quick = self.quick
        return None if quick is None else quick.child

    @property
    def tunnel(self) -> str:
        """The name of the tunnel that a Quick Mode of ours is about, empty in another exchange."""
        of = self.waiting.decision if self.waiting is not None and self.data is None else self.quick
        return "" if of is None else of.tunnel

    @property
    def is_aggressive(self) -> bool:
        """Whether this is Aggressive Mode, by whatever method of authentication."""
        return self.script == AGGRESSIVE_MODE

    def timers(self) -> Timers:
        """The timers of this exchange; one that is given up, or waits, sends nothing again."""
        return (self.ends_at, TimerKind.GIVE_UP), (0.0 if self.waiting else self.resend_at, TimerKind.RETRANSMIT)


class IkeState(StrEnum):
    """The life of an ISAKMP SA, in the words of strongSwan."""

    CONNECTING = "CONNECTING"
    ESTABLISHED = "ESTABLISHED"
    REKEYING = "REKEYING"
    DELETING = "DELETING"
    DELETED = "DELETED"  # it has no keys any more; its record stays for the pairs of IPsec SAs that outlive it


class Anchor(Record, frozen=True):
    """What phase 1 has proved about a peer besides its identity. It is fixed when phase 1 is done.

    ``local_host`` and ``remote_host`` are the addresses that the messages of phase 1 travelled between. ``proof`` is
    the fingerprint of what the peer was believed by (`ikev1.core.peer.authentication.proof_of`).
    """

    local_host: str
    remote_host: str
    proof: bytes = b""


class Probe(Record, frozen=True):
    """A question to the peer, R-U-THERE (RFC 3706), whose answer proves that it is reached along ``path``."""

    path: UdpPath
    sequence: bytes  # 4 octets, drawn at random: the acknowledgement repeats them (RFC 3706 §5.4)
    tries: int = 0
    resend_at: float = 0.0

    def timers(self) -> Timers:
        """The timer of this question."""
        return ((self.resend_at, TimerKind.PROBE),)


class PeerKey(NamedTuple):
    """Who a peer is to us: two ISAKMP SAs with the same key are SAs with the same peer.

    ``location`` is the peer's address and port where it is behind a NAT, for there several peers may share an identity;
    else it is empty, because a peer may come back from another address.
    """

    connection: str
    identity: bytes  # the body of the identification payload that was proved
    location: tuple[str, int] | None


class IkeSa(Record, frozen=True):
    """An ISAKMP SA, from its first message to its last."""

    unique_id: int
    connection: str
    role: Role
    path: UdpPath
    CKY_I: bytes
    CKY_R: bytes
    created_at: float
    state: IkeState = IkeState.CONNECTING
    phase1: Exchange | None = None
    SAi_b: bytes = b""  # the body of the initiator's SA payload, which HASH_I and HASH_R cover (RFC 2409 §5)
    chosen: Chosen | None = None
    share: KeyShare | None = None
    keys: Keys | None = None
    IDii_b: bytes = b""
    IDir_b: bytes = b""
    nat: Nat | None = None
    vendors: tuple[bytes, ...] = ()
    awaits_user: bool = False  # hybrid: nothing but XAUTH may use it before it authenticated the client
    requested: tuple[tuple[int, bytes], ...] = ()  # the certificates that the peer asked for: encoding, CA's name
    established_at: float = 0.0
    rekey_at: float = 0.0
    expires_at: float = 0.0
    exchanges: tuple[Exchange, ...] = ()
    children: tuple[ChildSa, ...] = ()
    queued: tuple[str, ...] = ()  # tunnels to bring up once established
    replaces: int = 0  # the unique_id of the ISAKMP SA whose children this one takes over
    spent_message_ids: frozenset[int] = frozenset()  # of the peer's Quick Modes: none is ever taken again
    own_message_ids: int = 0  # how many of our exchanges had one (`ikev1.core.exchanges.message_ids`)
    heard_message_ids: bytes = b""  # of notifies of the peer's, 4 octets each, the newest last
    peer_sequence: int | None = None  # of the peer's newest R-U-THERE (RFC 3706 §6.2)
    anchor: Anchor | None = None  # present once phase 1 is done
    confirmed: bool = False  # the peer has shown that it has this SA, too: what other SAs hold may go over to it
    initial_contact: bool = False  # the peer said so; obeyed once the SA is confirmed (RFC 2407 §4.6.3.3)
    probe: Probe | None = None
    reached: tuple[str, int] | None = None  # the address and port at which a peer behind a NAT has shown that it is
    moved_at: float = 0.0  # when the peer's address or port changed last
    moves: int = 0  # how often it did

    def timers(self) -> Timers:
        """The timers of the ISAKMP SA itself; one that is over is not rekeyed."""
        return (self.expires_at, TimerKind.EXPIRE_IKE), (self.rekey_at, TimerKind.REKEY_IKE)

    @property
    def timed_parts(self) -> tuple[Exchange | ChildSa | Probe | IkeSa, ...]:
        """The records that have timers, in the order in which they are served where several are due."""
        phase1 = () if self.phase1 is None else (self.phase1,)
        probe = () if self.probe is None else (self.probe,)
        return (*phase1, *self.exchanges, *self.children, *probe, self)

    @property
    def waiting(self) -> tuple[Exchange, ...]:
        """The exchanges that wait for an answer of the world."""
        phase1 = self.phase1
        others = tuple([exchange for exchange in self.exchanges if exchange.waiting is not None])
        return others if phase1 is None or phase1.waiting is None else (phase1, *others)

    @property
    def suite(self) -> Phase1Suite:
        """The suite that was chosen, which must have happened."""
        if self.chosen is None:
            raise LookupError("no suite was negotiated yet")
        return self.chosen.suite

    @property
    def peer(self) -> PeerKey | None:
        """The key of the peer; None as long as it has not proved who it is, nor, behind a NAT, where."""
        claim = self.claim
        if claim is None or claim.location is None:
            return claim
        return None if self.reached is None else claim._replace(location=self.reached)

    @property
    def claim(self) -> PeerKey | None:
        """The key that the peer has if it is where its last messages seem to come from: anybody who knows the keys of
        this SA can send from a forged address.
        """
        if self.anchor is None or self.awaits_user:
            return None
        behind = self.nat is not None and self.nat.remote_behind
        location = (self.path.remote_host, self.path.remote_port) if behind else None
        return PeerKey(self.connection, self.peer_id_body, location)

    @property
    def hosts(self) -> tuple[str, str]:
        """Our address and the peer's, as phase 1 has proved them; before that, those of the first message."""
        if self.anchor is None:
            return self.path.local_host, self.path.remote_host
        return self.anchor.local_host, self.anchor.remote_host

    @property
    def is_call_of_ours(self) -> bool:
        """Whether we are calling the peer. Somebody who calls us proves nothing before the end of phase 1, so nothing
        of ours waits for that.
        """
        return self.state is IkeState.CONNECTING and self.role is Role.INITIATOR

    @property
    def is_up(self) -> bool:
        """Whether exchanges of phase 2 can be protected by it."""
        return self.state in (IkeState.ESTABLISHED, IkeState.REKEYING)

    @property
    def cookies(self) -> bytes:
        """CKY-I and CKY-R, 16 octets: what names an ISAKMP SA on the wire (RFC 2408 §3.1)."""
        return self.CKY_I + self.CKY_R

    @property
    def peer_id_body(self) -> bytes:
        """The body of the peer's identification payload, empty until it is known."""
        return self.IDir_b if self.role is Role.INITIATOR else self.IDii_b

    @property
    def local_id_body(self) -> bytes:
        """The body of our own identification payload, empty until it is known."""
        return self.IDii_b if self.role is Role.INITIATOR else self.IDir_b
