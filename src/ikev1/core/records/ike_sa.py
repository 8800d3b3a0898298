"""`IkeSa`: an ISAKMP SA.

The results of each stage (`Chosen`, `KeyShare`, `Keys`) are records that are present or absent as a whole. Times are
seconds by the clock of the caller (`ikev1.store.wall_time`).
"""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.exchange import Exchange, Held, KeyShare, Role
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import Nat, UdpPath
from ikev1.core.records.record import Record, replace
from ikev1.core.records.remote_access import User, Xauth
from ikev1.core.records.selector import Selector
from ikev1.core.records.timer import TimerKind, Timers


class Phase1Suite(Record, frozen=True):
    """The algorithms of an ISAKMP SA, as numbers of the protocol (RFC 2409 Appendix A).

    ``key_length`` is in bits, 0 for ciphers with a single key length.
    """

    encryption: int
    key_length: int
    hash: int
    group: int
    authentication: int = 1


class Chosen(Record, frozen=True):
    """The result of the negotiation in messages 1 and 2."""

    suite: Phase1Suite
    lifetime: int  # seconds
    lifetime_kilobytes: int = 0
    shortened: bool = False  # by this gateway, which has yet to notify the peer
    ignored: tuple[int, ...] = ()  # private-use attributes of the offer


class Keys(Record, frozen=True):
    """SKEYID and the keys derived from it (RFC 2409 §5).

    ``encryption_key`` is derived from SKEYID_e with the length that the cipher requires (Appendix B). ``last_block`` is
    the last ciphertext block of phase 1, from which the IVs of later exchanges are derived.
    """

    SKEYID: bytes  # empty after phase 1, which alone needs it
    SKEYID_d: bytes
    SKEYID_a: bytes
    encryption_key: bytes
    last_block: bytes

    secret_fields = frozenset({"SKEYID", "SKEYID_d", "SKEYID_a", "encryption_key"})


class IkeState(StrEnum):
    """The state of an ISAKMP SA, with the names that strongSwan uses."""

    CONNECTING = "CONNECTING"
    ESTABLISHED = "ESTABLISHED"
    REKEYING = "REKEYING"
    REKEYED = "REKEYED"  # has an heir: takes what the peer sends under it, and begins nothing
    DELETING = "DELETING"
    DELETED = "DELETED"  # without keys; the record remains for the pairs of IPsec SAs that outlive the ISAKMP SA


class Anchor(Record, frozen=True):
    """The facts about a peer, besides its identity, that phase 1 has authenticated; they do not change afterwards.

    ``local_host`` and ``remote_host`` are the addresses of the messages of phase 1. ``proof`` is the fingerprint of the
    credentials by which the peer was authenticated (`ikev1.core.peer.authentication.proof_of`).
    """

    local_host: str
    remote_host: str
    proof: bytes = b""


class Probe(Record, frozen=True):
    """An R-U-THERE (RFC 3706) that awaits its acknowledgement.

    Without ``ends_at``, the acknowledgement proves that the peer is reachable on ``path``. With ``ends_at``, the probe
    tests whether the peer is alive, at any path, and a peer that has not acknowledged it by then is dead.
    """

    path: UdpPath
    first: int = 0  # sequence number of the first transmission; each retransmission has the next (RFC 3706 §6.2)
    tries: int = 0
    resend_at: float = 0.0
    ends_at: float = 0.0

    def timers(self) -> Timers:
        """The timers of this probe."""
        return (self.ends_at, TimerKind.GIVE_UP_PEER), (self.resend_at, TimerKind.PROBE)


class Renewal(Record, frozen=True):
    """The last Quick Mode for the traffic of a pair that brought no packet back, and the wait for the next one."""

    tunnel: str
    quick_mode_at: float  # its start
    quick_mode_wait: float  # seconds from then until the next one may start
    local: Selector | None = None  # an earlier version stored only the tunnel
    remote: Selector | None = None

    @property
    def traffic(self) -> tuple[str, Selector | None, Selector | None]:
        """The tunnel and the selectors, as in `ChildSa.traffic`."""
        return self.tunnel, self.local, self.remote


class Liveness(Record, frozen=True):
    """What is known about whether the peer is alive (RFC 3706 §5.5). It is stored only along with other changes."""

    heard_at: float = 0.0  # time of the last ISAKMP message that proved the peer to be alive
    check_at: float = 0.0  # time of the next check
    request: int = 0  # number of the open question to the data plane about traffic, 0 for none
    looked_at: float = 0.0  # time of the last question to the data plane
    looks: int = 0  # number of these questions
    hinted_at: float = 0.0  # time at which an unauthenticated error last caused an R-U-THERE
    quick_mode: int = 0  # message ID of the Quick Mode that tests a peer without dead peer detection, 0 for none
    renewals: tuple[Renewal, ...] = ()  # of the pairs that brought nothing back

    def timers(self) -> Timers:
        """The timer of the next check."""
        return ((self.check_at, _CHECK_PEER),)


class PeerKey(Record, frozen=True):
    """The key that identifies a peer: two ISAKMP SAs with the same key are SAs with the same peer.

    ``location`` is the address and port of a peer behind a NAT, where several peers may have the same identity. It is
    None for other peers, which may reconnect from another address. ``user`` is the name that XAUTH authenticated: the
    members of a group share an identity.
    """

    connection: str
    identity: bytes  # `IkeSa.peer_identity`, authenticated
    location: tuple[str, int] | None
    user: str = ""


# Looked up once, as in `ikev1.core.records.exchange`
_UP = frozenset({IkeState.ESTABLISHED, IkeState.REKEYING, IkeState.REKEYED})
_EXPIRE, _REKEY, _RETIRE = TimerKind.EXPIRE_IKE, TimerKind.REKEY_IKE, TimerKind.RETIRE_IKE
_CHECK_PEER = TimerKind.CHECK_PEER
_CONFIG, _END_SESSION, _RESUME = TimerKind.CONFIG, TimerKind.END_SESSION, TimerKind.RESUME
_INITIATOR = Role.INITIATOR
_NAMES = (b"\x02", b"\x03")  # FQDN and user FQDN (RFC 2407 §4.6.2.1)


class IkeSa(Record, frozen=True):
    """An ISAKMP SA in any state."""

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
    xauth: Xauth | None = None  # XAUTH that is not complete: until then, nothing else is allowed
    awaits_config: bool = False  # mode config is not complete: no Quick Mode begins, and those of the peer are held
    user: User | None = None  # of the peer, authenticated by XAUTH
    held: tuple[Held, ...] = ()  # messages of the peer that came too early
    requested: tuple[tuple[int, bytes], ...] = ()  # certificates that the peer requested: encoding and name of the CA
    established_at: float = 0.0
    rekey_at: float = 0.0
    expires_at: float = 0.0
    exchanges: tuple[Exchange, ...] = ()
    children: tuple[ChildSa, ...] = ()  # also those whose Quick Modes are not complete (`ChildState.INSTALLING`)
    queued: tuple[str, ...] = ()  # tunnels to negotiate once the SA is established
    replaces: int = 0  # unique_id of the ISAKMP SA whose pairs of IPsec SAs move to this one
    heir: int = 0  # the unique_id of the ISAKMP SA that is used in place of this one, whichever peer initiated it
    retires_at: float = 0.0  # when an SA that has an heir is deleted
    delete_sent: bool = False  # for an SA that has an heir: a Delete, which is repeated at `retires_at`
    revived: bool = False  # it is used although it had an heir, or the peer began one, that ended or is not confirmed
    spent_message_ids: tuple[int, ...] = ()  # of the peer's Quick Modes; none is accepted again
    own_quick_modes: int = 0  # number of Quick Modes that this gateway initiated
    own_message_ids: int = 0  # number of message IDs used by this gateway (`ikev1.core.exchanges.message_ids`)
    heard_message_ids: bytes = b""  # of notifications received, 4 octets each, the newest last
    peer_sequence: int | None = None  # sequence number of the last R-U-THERE received (RFC 3706 §6.2)
    own_sequence: int | None = None  # sequence number of the last R-U-THERE sent
    anchor: Anchor | None = None  # present after phase 1
    confirmed: bool = False  # the peer has used this SA, which may therefore replace other SAs
    initial_contact: bool = False  # INITIAL-CONTACT was received; applied once confirmed (RFC 2407 §4.6.3.3)
    probe: Probe | None = None
    liveness: Liveness = Liveness()
    reached: tuple[str, int] | None = None  # the address and port at which a peer behind a NAT has answered a probe
    moved_at: float = 0.0  # time of the last change of the peer's address or port
    moves: int = 0  # number of these changes
    draining: bool = False  # its connection was removed, and it and its pairs are used until they expire
    assigned: ModeConfig | None = None  # the configuration that this gateway gave to the peer
    config_due_at: float = (
        0.0  # when mode config is given up if it is not complete by then; 0: it is, or is not awaited
    )
    received: ModeConfig | None = None  # the configuration that the peer, a gateway, gave to us
    lost: tuple[ChildSa, ...] = ()  # pairs that ended with an earlier process
    resumes_at: float = 0.0  # when these are deleted at the peer, too, and negotiated again

    def timers(self) -> Timers:
        """The timers of the ISAKMP SA itself; one that expires is not rekeyed, nor is one that has an heir."""
        usual: Timers = (self.expires_at, _EXPIRE), (self.retires_at, _RETIRE), (self.rekey_at, _REKEY)
        if self.lost:
            usual = (*usual, (self.resumes_at, _RESUME))
        if self.user is None and not self.config_due_at:
            return usual
        due = ((self.config_due_at, _CONFIG),) if self.config_due_at else ()
        return (*usual, *due) if self.user is None else (*usual, *due, (self.user.ends_at, _END_SESSION))

    @property
    def timed_parts(self) -> tuple[Exchange | ChildSa | Probe | Liveness | IkeSa, ...]:
        """The records that have timers, in the order in which simultaneous timers fire."""
        phase1 = () if self.phase1 is None else (self.phase1,)
        probe = () if self.probe is None else (self.probe,)
        return (*phase1, *self.exchanges, *self.children, *probe, self.liveness, self)

    def new_timed_parts(self, before: IkeSa) -> list[Exchange | ChildSa | Probe | Liveness | IkeSa]:
        """The records that have timers and that ``before``, an earlier record of the SA, may not have."""
        parts: list[Exchange | ChildSa | Probe | Liveness | IkeSa] = [self]
        if self.phase1 is not before.phase1 and self.phase1 is not None:
            parts.append(self.phase1)
        if self.exchanges is not before.exchanges:
            parts += self.exchanges
        if self.children is not before.children:
            parts += self.children
        if self.probe is not before.probe and self.probe is not None:
            parts.append(self.probe)
        if self.liveness is not before.liveness:
            parts.append(self.liveness)
        return parts

    @property
    def complete_children(self) -> tuple[ChildSa, ...]:
        """The pairs of IPsec SAs whose Quick Modes are complete."""
        return tuple([child for child in self.children if not child.is_coming])

    def with_child(self, child: ChildSa) -> IkeSa:
        """Return this SA with ``child`` in place of the pair with the same number."""
        children = tuple([child if other.unique_id == child.unique_id else other for other in self.children])
        changed: IkeSa = replace(self, children=children)
        return changed

    def without_child(self, child: ChildSa) -> IkeSa:
        """Return this SA without the pair with the number of ``child``."""
        children = tuple([other for other in self.children if other.unique_id != child.unique_id])
        changed: IkeSa = replace(self, children=children)
        return changed

    def with_exchange(self, exchange: Exchange) -> IkeSa:
        """Return this SA with ``exchange`` in place of the phase 2 exchange with the same message ID."""
        exchanges = tuple([exchange if other.message_id == exchange.message_id else other for other in self.exchanges])
        changed: IkeSa = replace(self, exchanges=exchanges)
        return changed

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
        """The exchanges that wait for an answer (`ikev1.core.records.answers`)."""
        phase1 = self.phase1
        others = tuple([exchange for exchange in self.exchanges if exchange.waiting and not exchange.holds_back])
        return others if phase1 is None or phase1.waiting is None else (phase1, *others)

    @property
    def under_way(self) -> tuple[tuple[int, int], ...]:
        """The inbound SPI that was allocated, and the number of the question that waits for an answer, of each exchange
        that has one of them; 0 for the other. An open question about traffic has no SPI.
        """
        phase1, request = self.phase1, self.liveness.request
        if not self.exchanges and not request and (phase1 is None or phase1.waiting is None):
            return ()
        found = [
            (exchange.spi, 0 if exchange.waiting is None else exchange.waiting.request)
            for exchange in self.exchanges
            if exchange.data is not None or exchange.waiting is not None
        ]
        if phase1 is not None and phase1.waiting is not None:
            found.append((0, phase1.waiting.request))
        if request:
            found.append((0, request))
        return tuple(found)

    @property
    def suite(self) -> Phase1Suite:
        """The negotiated suite.

        Raises:
            LookupError: no suite has been negotiated yet.
        """
        if self.chosen is None:
            raise LookupError("no suite was negotiated yet")
        return self.chosen.suite

    @property
    def peer(self) -> PeerKey | None:
        """The key of the peer; None until its identity is authenticated and, behind a NAT, its location is proved."""
        return self.proved(self.claim)

    def proved(self, claim: PeerKey | None) -> PeerKey | None:
        """The key of the peer, as `peer`, from its ``claim``."""
        if claim is None or claim.location is None:
            return claim
        return None if self.reached is None else replace(claim, location=self.reached)

    @property
    def claim(self) -> PeerKey | None:
        """The key of the peer if the source address of its last messages is genuine, which is unproved: anyone who
        knows the keys of this SA can send from a forged address.
        """
        if self.anchor is None or self.awaits_user:
            return None
        behind = self.nat is not None and self.nat.remote_behind
        location = (self.path.remote_host, self.path.remote_port) if behind else None
        return PeerKey(self.connection, self.peer_identity, location, self.user_name)

    @property
    def awaits_user(self) -> bool:
        """Whether XAUTH has to be completed before anything else is negotiated."""
        return self.xauth is not None

    @property
    def holds_phase2(self) -> bool:
        """Whether XAUTH or mode config has to be completed before Quick Modes."""
        return self.xauth is not None or self.awaits_config

    @property
    def user_name(self) -> str:
        r"""The user of the peer that XAUTH authenticated, as ``name`` or ``domain\name``; empty if there is none."""
        if self.user is None:
            return ""
        return f"{self.user.domain}\\{self.user.name}" if self.user.domain else self.user.name

    @property
    def hosts(self) -> tuple[str, str]:
        """The local and the remote address that phase 1 has authenticated; before that, those of the first message."""
        if self.anchor is None:
            return self.path.local_host, self.path.remote_host
        return self.anchor.local_host, self.anchor.remote_host

    @property
    def assigned_addresses(self) -> tuple[str, ...]:
        """The virtual addresses that this gateway assigned to the peer."""
        return () if self.assigned is None else self.assigned.addresses

    @property
    def is_call_of_ours(self) -> bool:
        """Whether this gateway initiated phase 1, which is not complete. Tunnels are queued only for such an SA: the
        initiator of any other incomplete phase 1 has proved nothing.
        """
        return self.state is IkeState.CONNECTING and self.role is Role.INITIATOR

    @property
    def is_up(self) -> bool:
        """Whether phase 2 exchanges are possible under this SA."""
        return self.state in _UP

    @property
    def is_current(self) -> bool:
        """Whether exchanges of phase 2 are begun under it: it is up, and has no heir."""
        return self.state is IkeState.ESTABLISHED or self.state is IkeState.REKEYING

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
        """CKY-I and CKY-R, 16 octets, which identify an ISAKMP SA in messages (RFC 2408 §3.1)."""
        return self.CKY_I + self.CKY_R

    @property
    def peer_id_body(self) -> bytes:
        """The body of the peer's identification payload; empty before it is received."""
        return self.IDir_b if self.role is _INITIATOR else self.IDii_b

    @property
    def peer_identity(self) -> bytes:
        """The body of the peer's identification payload in the one form of all that are the same identity."""
        return _one_form(self.peer_id_body)

    @property
    def local_id_body(self) -> bytes:
        """The body of this gateway's identification payload; empty before it is sent."""
        return self.IDii_b if self.role is _INITIATOR else self.IDir_b


@lru_cache(maxsize=4096)
def _one_form(body: bytes) -> bytes:
    """``body`` without what peers may write in several ways: protocol and port, the ASCII case of a name, and the text
    of an address that is sent as a name. Otherwise one peer could be any number of peers.
    """
    kind, name = body[:1], body[4:]
    if kind not in _NAMES:
        return kind + bytes(len(body[1:4])) + name
    name = name.lower()
    if name[-1:].isdigit() or b":" in name:  # else it cannot be an address
        with suppress(ValueError):
            name = str(ip_address(name.decode("ascii"))).encode()
    return kind + bytes(3) + name
