"""`IkeSa`: an ISAKMP SA.

Stage records (`Chosen`, `KeyShare`, `Keys`) are present or absent as a whole, so that no SA is partly filled in.
Times are wall-clock seconds since the epoch, so that they mean the same in another process.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.exchange import Exchange, KeyShare, Role
from ikev1.core.records.path import Nat, UdpPath
from ikev1.core.records.record import Record, replace
from ikev1.core.records.timer import TimerKind, Timers


class Phase1Suite(Record, frozen=True):
    """What protects the ISAKMP SA, in the numbers of the wire (RFC 2409 Appendix A).

    ``key_length`` is in bits and 0 for ciphers whose key has one size only.
    """

    encryption: int
    key_length: int
    hash: int
    group: int
    authentication: int = 1


class Chosen(Record, frozen=True):
    """What messages 1 and 2 agreed upon."""

    suite: Phase1Suite
    lifetime: int  # seconds
    lifetime_kilobytes: int = 0
    shortened: bool = False  # by us, who should tell
    ignored: tuple[int, ...] = ()  # the attributes for private use in the offer


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


class IkeState(StrEnum):
    """The life of an ISAKMP SA, in the words of strongSwan."""

    CONNECTING = "CONNECTING"
    ESTABLISHED = "ESTABLISHED"
    REKEYING = "REKEYING"
    REKEYED = "REKEYED"  # has an heir: takes what the peer sends under it, and begins nothing
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
    heir: int = 0  # the unique_id of the ISAKMP SA that is used in place of this one, whichever peer initiated it
    retires_at: float = 0.0  # when an SA that has an heir is deleted
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
        """The timers of the ISAKMP SA itself; one that expires, or has an heir, is not rekeyed."""
        if self.heir:
            return (self.expires_at, TimerKind.EXPIRE_IKE), (self.retires_at, TimerKind.RETIRE_IKE)
        return (self.expires_at, TimerKind.EXPIRE_IKE), (self.rekey_at, TimerKind.REKEY_IKE)

    @property
    def timed_parts(self) -> tuple[Exchange | ChildSa | Probe | IkeSa, ...]:
        """The records that have timers, in the order in which they are served where several are due."""
        phase1 = () if self.phase1 is None else (self.phase1,)
        probe = () if self.probe is None else (self.probe,)
        return (*phase1, *self.exchanges, *self.children, *probe, self)

    @property
    def complete_children(self) -> tuple[ChildSa, ...]:
        """The pairs of IPsec SAs whose Quick Modes are complete."""
        return tuple([child for child in self.children if not child.is_coming])

    def without_exchange(self, exchange: Exchange) -> IkeSa:
        """Return this SA without a phase 2 exchange, and without the pair that the exchange has not completed."""
        exchanges = tuple([other for other in self.exchanges if other.message_id != exchange.message_id])
        child, children = exchange.child, self.children
        if child is not None:
            children = tuple([other for other in children if other.unique_id != child.unique_id])
        without: IkeSa = replace(self, exchanges=exchanges, children=children)
        return without

    @property
    def waiting(self) -> tuple[Exchange, ...]:
        """The exchanges that wait for an answer of the world."""
        phase1 = self.phase1
        others = tuple([exchange for exchange in self.exchanges if exchange.waiting and not exchange.holds_back])
        return others if phase1 is None or phase1.waiting is None else (phase1, *others)

    @property
    def under_way(self) -> tuple[tuple[int, int], ...]:
        """The inbound SPI that was allocated, and the number of the question that waits for an answer, of each exchange
        that has one of them; 0 for the other.
        """
        exchanges = self.exchanges if self.phase1 is None else (self.phase1, *self.exchanges)
        return tuple(
            [
                (exchange.spi, 0 if exchange.waiting is None else exchange.waiting.request)
                for exchange in exchanges
                if exchange.data is not None or exchange.waiting is not None
            ]
        )

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
        return self.state in (IkeState.ESTABLISHED, IkeState.REKEYING, IkeState.REKEYED)

    @property
    def is_current(self) -> bool:
        """Whether exchanges of phase 2 are begun under it: it is up, and has no heir."""
        return self.state in (IkeState.ESTABLISHED, IkeState.REKEYING)

    @property
    def lowest_cookie(self) -> bytes:
        """The lower one of its cookies, which decides between colliding SAs (`ikev1.core.negotiation.lineage`)."""
        return min(self.CKY_I, self.CKY_R)

    def inherited(self, heir: int, retires_at: float) -> IkeSa:
        """The SA once the one numbered ``heir`` is used in its place; it is deleted at ``retires_at``."""
        old: IkeSa = replace(self, state=IkeState.REKEYED, heir=heir, rekey_at=0.0, retires_at=retires_at)
        return old

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
