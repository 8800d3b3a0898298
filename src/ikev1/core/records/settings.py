"""What an operator wants: the one model that every configuration format becomes, and that the engine obeys."""

from __future__ import annotations

from enum import StrEnum

from ikev1.core.records.model import IpsecMode, IpsecSuite, PacketMarks, Phase1Suite
from ikev1.core.records.record import Record
from ikev1.core.records.selector import Selector

DAY, HOUR = 86_400, 3_600


class Start(StrEnum):
    """When a tunnel comes up: on command, with the daemon, or with the first packet for it."""

    NONE = "none"
    START = "start"
    TRAP = "trap"


class WhenDown(StrEnum):
    """What becomes of a tunnel's traffic while no pair of IPsec SAs carries it."""

    DROP = "drop"  # it neither leaves nor comes in unprotected
    PASS = "pass"  # noqa: S105  it goes where the routes lead


class Unique(StrEnum):
    """What a second ISAKMP SA with the same peer does to the first, where it does not follow it by rekeying."""

    REPLACE = "replace"  # it takes the place of the first
    KEEP = "keep"  # the first stays, the second is refused
    NEVER = "never"  # both stay


class Mode(StrEnum):
    """The phase 1 exchange in which we call a peer."""

    MAIN = "main"
    AGGRESSIVE = "aggressive"


class Aggressive(StrEnum):
    """Whether a caller may use Aggressive Mode: never, with signatures, or even with a pre-shared key, although our
    answer then lets anybody who asks guess the key offline.
    """

    REFUSE = "refuse"
    ACCEPT = "accept"
    ACCEPT_PSK = "accept-psk"


class ProposalCheck(StrEnum):
    """How far the offer of a caller may differ from what is ours, in racoon's words
    (`ikev1.core.negotiation.proposal_check`).
    """

    OBEY = "obey"  # whatever the caller says
    CLAIM = "claim"  # no shorter key; of a longer life as much as we want, and the caller is told
    STRICT = "strict"  # no shorter key, no longer life
    EXACT = "exact"  # neither another key nor another life


class Credential(Record, frozen=True):
    """What proves who we are: a private key (PKCS#8 DER), its certificate first among ``certificates`` (DER), and those
    that lead from it to a CA. A raw key has no certificates: the peer knows it already.
    """

    private_key: bytes
    certificates: tuple[bytes, ...] = ()

    secret_fields = frozenset({"private_key"})


class Revocation(StrEnum):
    """What must be known of a certificate's revocation: that it is not revoked; nothing worse than no news; nothing."""

    STRICT = "strict"
    IF_PRESENT = "if-present"
    OFF = "off"


class TrustedKey(Record, frozen=True):
    """A peer's public key, and which identity it proves."""

    spki: bytes  # DER SubjectPublicKeyInfo
    identity: str | None = None  # None: whatever identity the connection allows


class Trust(Record, frozen=True):
    """Whom to believe: CAs and what they issue, or certificates and keys that are known already. All octets are DER."""

    authorities: tuple[bytes, ...] = ()  # CAs that end a path; intermediate ones may be among them
    intermediates: tuple[bytes, ...] = ()  # for peers that do not send those above their own
    peers: tuple[bytes, ...] = ()  # peers' own certificates, trusted as they are, also when not sent
    public_keys: tuple[TrustedKey, ...] = ()  # of peers with raw keys
    revocation_lists: tuple[bytes, ...] = ()
    revocation: Revocation = Revocation.IF_PRESENT
    smallest_rsa_bits: int = 2048
    allow_sha1: bool = False  # in signatures on certificates; MD5 never is


class Policy(Record, frozen=True):
    """One phase 1 policy: a suite, its place in the order (the lowest is preferred), and its lifetime."""

    priority: int
    suite: Phase1Suite
    lifetime: int = DAY  # seconds
    lifetime_kilobytes: int = 0  # 0: no limit
    lifetime_set: bool = False  # by the operator, in seconds: a default is no reason to refuse another
    check: ProposalCheck = ProposalCheck.STRICT


class IpsecProposal(Record, frozen=True):
    """One phase 2 proposal: a suite and the group of perfect forward secrecy (0: without)."""

    suite: IpsecSuite
    group: int = 0


class Tunnel(Record, frozen=True):
    """One pair of networks that a connection joins."""

    name: str
    local: Selector  # dynamic: our own address
    remote: Selector  # dynamic: the peer's address
    proposals: tuple[IpsecProposal, ...]
    lifetime: int = HOUR  # seconds
    lifetime_kilobytes: int = 0  # 0: no limit
    lifetime_set: bool = False  # as in `Policy`
    check: ProposalCheck = ProposalCheck.STRICT
    start: Start = Start.NONE
    replay_window: int = 64  # packets
    mode: IpsecMode = IpsecMode.TUNNEL
    compress: bool = False  # offer IPComp as well, and take it where the peer offers it
    marks: PacketMarks = PacketMarks()
    when_down: WhenDown | None = None  # None: drop, but for `Start.NONE` before its first ``up`` and after a ``down``


class Connection(Record, frozen=True):
    """One peer, or one kind of peer: how we reach it, who we are to it, and what we share.

    ``local_address`` and ``remote_address`` are a single address, a network, or ``%any``; only a single remote
    address can be called. Identities are in strongSwan's notation; None is our own address (local), or the remote
    address where that can be called and else anybody (remote, `ikev1.core.peer.connection_lookup.expected`).
    """

    name: str
    policies: tuple[Policy, ...]  # by priority, the preferred first
    tunnels: tuple[Tunnel, ...]
    secret: bytes = b""
    credential: Credential | None = None
    trust: Trust = Trust()
    mode: Mode = Mode.MAIN  # in which we call
    aggressive: Aggressive = Aggressive.ACCEPT  # in which we are called
    local_address: str = "%any"
    remote_address: str = "%any"
    local_id: str | None = None
    remote_id: str | None = None
    same_identity: bool = False  # the peer may be who we are
    remote_port: int = 500
    encapsulation: bool = False  # UDP even where no NAT was found
    rekey: bool = True
    unique: Unique = Unique.REPLACE
    close_children: bool = False  # end the pairs of IPsec SAs with the ISAKMP SA that made them

    secret_fields = frozenset({"secret"})


class Settings(Record, frozen=True):
    """All of it, and what concerns the engine as a whole."""

    connections: tuple[Connection, ...] = ()
    encapsulation_port: int = 4500  # RFC 3947 §4; another one only where both ends agree on it
    half_open_limit: int = 1000
    retransmit_tries: int = 5
    retransmit_timeout: float = 4.0  # seconds until the first repetition
    retransmit_base: float = 1.8  # each wait is so many times the one before
    retransmit_jitter: float = 0.1  # of each wait, drawn at random, so that peers do not fall in step
    nat_keepalive: float = 20.0  # seconds (RFC 3948 §4)
