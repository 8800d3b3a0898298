"""The configuration: the model that every configuration format is converted to, and that the engine uses."""

from __future__ import annotations

from enum import StrEnum

from ikev1.core.records.child_sa import IpsecMode, IpsecSuite, PacketMarks
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.mode_config import ModeConfig, ModeConfigMethod
from ikev1.core.records.record import Record
from ikev1.core.records.selector import Selector

DAY, HOUR = 86_400, 3_600


class Start(StrEnum):
    """When a tunnel is initiated: on command, when the daemon starts, or when the first packet matches it."""

    NONE = "none"
    START = "start"
    TRAP = "trap"


class WhenDown(StrEnum):
    """What happens to the traffic of a tunnel while no pair of IPsec SAs is installed for it."""

    DROP = "drop"  # neither sent nor accepted unprotected
    PASS = "pass"  # noqa: S105  sent and accepted unprotected, as routed


class DpdAction(StrEnum):
    """What happens to the tunnels of a peer that is found dead, with the names of strongSwan."""

    CLEAR = "clear"  # they stay down
    RESTART = "restart"  # they are initiated again
    TRAP = "trap"  # they are initiated again by the first packet that matches


class Fragmentation(StrEnum):
    """Whether long messages are sent in IKE fragments (MS-IKEE), with the names of strongSwan. Fragments of the peer
    are accepted in any case.
    """

    YES = "yes"  # to a peer that announces support; we announce it
    ACCEPT = "accept"  # never; we announce support, so that the peer may
    FORCE = "force"  # always, including the first message
    NO = "no"  # never, and we do not announce support


class Unique(StrEnum):
    """What happens to an ISAKMP SA if a second one with the same peer is established other than by rekeying."""

    REPLACE = "replace"  # the second replaces the first
    KEEP = "keep"  # the first is kept, the second is rejected
    NEVER = "never"  # both are kept


class Mode(StrEnum):
    """The phase 1 exchange with which we initiate."""

    MAIN = "main"
    AGGRESSIVE = "aggressive"


class NatTraversal(StrEnum):
    """NAT traversal (RFC 3947) of a connection."""

    AUTO = "auto"  # announced, and used if a NAT is detected
    OFF = "off"  # neither announced nor accepted: ESP is never sent in UDP
    FORCE = "force"  # announced, and used even without a NAT


class Aggressive(StrEnum):
    """Whether an initiator may use Aggressive Mode: never, with signatures, or also with a pre-shared key, although our
    response then allows anyone to guess the key offline.
    """

    REFUSE = "refuse"
    ACCEPT = "accept"
    ACCEPT_PSK = "accept-psk"


class ProposalCheck(StrEnum):
    """How far the offer of an initiator may differ from the configuration, with the names of racoon
    (`ikev1.core.negotiation.proposal_check`).
    """

    OBEY = "obey"  # accept any key length and lifetime
    CLAIM = "claim"  # no shorter key; shorten a longer lifetime and notify the initiator
    STRICT = "strict"  # no shorter key, no longer lifetime
    EXACT = "exact"  # no other key length, no other lifetime


class XauthRole(StrEnum):
    """The role of this gateway in XAUTH."""

    CLIENT = "client"  # it is asked for a user name and a password
    SERVER = "server"  # it asks


class XauthRenewal(StrEnum):
    """Whether the user is asked again when an ISAKMP SA is renewed."""

    ASK = "ask"
    INHERIT = "inherit"  # the user of the ISAKMP SA that is renewed, if the peer proves the same identity


class Credential(Record, frozen=True):
    """Our credential: a private key (PKCS#8 DER), and ``certificates`` (DER), its own first, then the intermediate ones
    up to a CA. A raw key has no certificates: the peer has the public key.
    """

    private_key: bytes
    certificates: tuple[bytes, ...] = ()

    secret_fields = frozenset({"private_key"})


class Revocation(StrEnum):
    """The revocation check of certificates: the status must be good; good, if a URI of a CRL or an OCSP responder is
    known; good or unknown; or no check.
    """

    STRICT = "strict"
    IF_URI = "if-uri"
    IF_PRESENT = "if-present"
    OFF = "off"


class TrustedKey(Record, frozen=True):
    """A peer's public key and the identity that it authenticates."""

    spki: bytes  # DER SubjectPublicKeyInfo
    identity: str | None = None  # None: any identity that the connection allows


class Trust(Record, frozen=True):
    """Trust anchors: CAs, or certificates and public keys of peers. All octets are DER."""

    authorities: tuple[bytes, ...] = ()  # CAs that end a path, root or intermediate
    intermediates: tuple[bytes, ...] = ()  # for peers that do not send their intermediate certificates
    peers: tuple[bytes, ...] = ()  # peers' own certificates, trusted directly, even if not sent
    public_keys: tuple[TrustedKey, ...] = ()  # of peers with raw keys
    revocation_lists: tuple[bytes, ...] = ()
    revocation: Revocation = Revocation.IF_PRESENT
    smallest_rsa_bits: int = 2048
    allow_sha1: bool = False  # in signatures on certificates; MD5 is never allowed


class Authority(Record, frozen=True):
    """Where a CA publishes the status of its certificates, in addition to the URIs in these."""

    name: str
    certificate: bytes  # DER
    crl_uris: tuple[str, ...] = ()
    ocsp_uris: tuple[str, ...] = ()


class Policy(Record, frozen=True):
    """A phase 1 policy: a suite, its priority (the lowest is preferred), and its lifetime."""

    priority: int
    suite: Phase1Suite
    lifetime: int = DAY  # seconds
    lifetime_kilobytes: int = 0  # 0: no limit
    lifetime_set: bool = False  # whether the operator configured ``lifetime``: a default is not enforced
    check: ProposalCheck = ProposalCheck.CLAIM


class Rekeying(Record, frozen=True):
    """When an SA is rekeyed before it expires, with the names of strongSwan; 0 or None: the default.

    ``rekey_time`` is in seconds after it was established, ``rand_time`` how many of them are left out at random.
    ``rekey_bytes`` and ``rekey_packets`` count those of either direction of a pair of IPsec SAs.
    """

    rekey_time: int = 0
    rand_time: int | None = None
    rekey_bytes: int = 0
    rekey_packets: int = 0


class IpsecProposal(Record, frozen=True):
    """A phase 2 proposal: a suite and the group of perfect forward secrecy (0: none)."""

    suite: IpsecSuite
    group: int = 0


class InterfaceKind(StrEnum):
    """How packets that are routed to the interface of a tunnel get to its IPsec SAs in the kernel."""

    XFRM = "xfrm"  # by an interface ID
    VTI = "vti"  # by a mark, and by the addresses of the peers; IPv4 only


class TunnelInterface(Record, frozen=True):
    """The interface of a tunnel, which exists while the gateway runs: what is routed to it is for the tunnel.

    ``addresses`` have a prefix length. ``routes`` are networks; None: the remote network, unless it is everything.
    """

    name: str
    kind: InterfaceKind = InterfaceKind.XFRM
    addresses: tuple[str, ...] = ()
    mtu: int = 1400  # octets
    routes: tuple[str, ...] | None = None


class Tunnel(Record, frozen=True):
    """A pair of networks that a connection protects."""

    name: str
    local: Selector  # dynamic: our own address
    remote: Selector  # dynamic: the peer's address
    proposals: tuple[IpsecProposal, ...]
    lifetime: int = HOUR  # seconds
    lifetime_kilobytes: int = 0  # 0: no limit
    lifetime_set: bool = False  # as in `Policy`
    rekeying: Rekeying = Rekeying()
    check: ProposalCheck = ProposalCheck.CLAIM
    start: Start = Start.NONE
    replay_window: int = 64  # packets
    mode: IpsecMode = IpsecMode.TUNNEL
    compress: bool = False  # offer IPComp, and select it if the peer offers it
    sha256_96: bool = False  # truncate HMAC-SHA-256 to 96 bits, as in a draft before RFC 4868
    marks: PacketMarks = PacketMarks()
    updown: tuple[str, ...] = ()  # a program and its arguments, run when the tunnel comes up and goes down
    when_down: WhenDown | None = None  # None: drop, except `Start.NONE` before ``up`` and after ``down``
    interface: TunnelInterface | None = None  # only in the kernel's data plane
    pfs_if_refused: bool = False  # as initiator, request perfect forward secrecy if the peer refuses without it


class ShuntAction(StrEnum):
    """What happens to the traffic of a `Shunt` (RFC 4301 §4.4.1)."""

    PASS = "pass"  # noqa: S105  BYPASS: unprotected, even if it is that of a tunnel
    DROP = "drop"  # DISCARD: neither sent nor accepted, unless it is that of a tunnel


class Shunt(Record, frozen=True):
    """Traffic that no IPsec SA is negotiated for; neither selector is dynamic. ``start`` is TRAP if it is in force
    from the start, NONE if only on command.
    """

    name: str
    action: ShuntAction
    local: Selector
    remote: Selector
    start: Start = Start.TRAP


class Pool(Record, frozen=True):
    """Virtual addresses for remote users, and the configuration that comes with them.

    ``ranges`` are closed ranges of packed addresses, in order; ``reserved`` are pairs of a user or identity and the
    address that only it gets. ``config`` has no addresses. If ``any`` is true, there are no ranges: clients get the
    addresses that they ask for.
    """

    name: str
    ranges: tuple[tuple[bytes, bytes], ...]
    config: ModeConfig = ModeConfig()
    reserved: tuple[tuple[str, str], ...] = ()
    any: bool = False

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """The ranges as selectors, for all protocols and ports."""
        return tuple(Selector(first, last) for first, last in self.ranges)


class Connection(Record, frozen=True):
    """A peer, or a group of peers: addresses, identities, authentication, policies and tunnels.

    ``local_address`` is a single address, a network, or ``%any``; ``remote_address`` may also be a host name, and the
    peer may have ``further_remote_addresses``. A connection can initiate if one of these is a single address or a host
    name; they are called in this order. Identities are in strongSwan's notation. ``local_id`` None means our own
    address; ``remote_id`` None means the remote address or host name if there is a single one, else any identity
    (`ikev1.core.peer.connection_lookup.expected`).
    """

    name: str
    policies: tuple[Policy, ...]  # by priority, the preferred first
    tunnels: tuple[Tunnel, ...]
    secret: bytes = b""
    credential: Credential | None = None
    trust: Trust = Trust()
    mode: Mode = Mode.MAIN  # as initiator
    aggressive: Aggressive = Aggressive.ACCEPT  # as responder
    local_address: str = "%any"
    remote_address: str = "%any"
    further_remote_addresses: tuple[str, ...] = ()
    local_id: str | None = None
    remote_id: str | None = None
    same_identity: bool = False  # the peer may have our own identity
    remote_port: int = 500
    nat_traversal: NatTraversal = NatTraversal.AUTO
    fragmentation: Fragmentation = Fragmentation.YES
    fragment_size: int | None = None  # octets of an IP packet; None: that of the settings
    rekey: bool = True
    rekeying: Rekeying = Rekeying()  # of the ISAKMP SA
    unique: Unique = Unique.REPLACE
    close_children: bool = False  # close the pairs of IPsec SAs with their ISAKMP SA
    keyingtries: int = 0  # attempts to bring up a tunnel that starts by itself; 0: no limit
    dpd_delay: float = 0.0  # seconds of silence before the peer is asked whether it is alive (RFC 3706); 0: never
    dpd_timeout: float = 30.0  # seconds without an answer until it is dead
    dpd_action: DpdAction | None = None  # None: what ``start`` of the tunnel says
    pools: tuple[str, ...] = ()  # as gateway: where the virtual addresses of clients come from
    vips: tuple[str, ...] = ()  # as client: the virtual addresses to request, 0.0.0.0 and :: for any
    mode_config: ModeConfigMethod = ModeConfigMethod.PULL
    install_routes: bool = True  # as client: what is for the tunnels of virtual addresses is routed into them
    install_dns: bool = True  # as client: the resolver of this host uses the name servers of the gateway
    local_lan: bool = False  # as client: the networks to which this host is attached, if the gateway permits it, too
    xauth: XauthRole | None = None  # None: without XAUTH, unless the method of a policy requires it
    xauth_method: bool = True  # the authentication method of phase 1 announces XAUTH; otherwise it comes unannounced
    xauth_backend: tuple[str, ...] = ()  # as server: the backends that check users, tried in order
    xauth_timeout: float = 60.0  # seconds after phase 1 within which the user must be authenticated
    xauth_attempts: int = 1  # as server: rejected attempts after which the ISAKMP SA is deleted
    xauth_renewal: XauthRenewal = XauthRenewal.ASK  # as server
    xauth_user: str = ""  # as client; as server, the only user who may log in, empty: every user
    xauth_domain: str = ""
    xauth_secret: bytes = b""  # as client; empty: the user is asked
    groups: tuple[str, ...] = ()  # as server: the user must belong to one of them; empty: to any or none

    secret_fields = frozenset({"secret", "xauth_secret"})

    @property
    def remotes(self) -> tuple[str, ...]:
        """All remote addresses, networks and host names, in the order in which they are called."""
        return self.remote_address, *self.further_remote_addresses

    def tunnel(self, name: str) -> Tunnel | None:
        """The tunnel ``name``, None if there is none."""
        for tunnel in self.tunnels:
            if tunnel.name == name:
                return tunnel
        return None


class Settings(Record, frozen=True):
    """The whole configuration: the connections and the global settings of the engine."""

    connections: tuple[Connection, ...] = ()
    pools: tuple[Pool, ...] = ()
    shunts: tuple[Shunt, ...] = ()
    authorities: tuple[Authority, ...] = ()
    encapsulation_port: int = 4500  # RFC 3947 §4
    peer_encapsulation_port: int = 0  # that of peers; 0: the same
    answer_strangers: bool = True  # notify peers that nobody knows why their first message is refused
    initiator_only: bool = False  # ignore first messages of peers
    half_open_limit: int = 1000
    retransmit_tries: int = 5
    retransmit_timeout: float = 4.0  # seconds until the first repetition
    retransmit_base: float = 1.8  # factor from each wait to the next
    initiation_window: int = 16  # initiations without a command that are under way at once
    retransmit_jitter: float = 0.1  # of each wait, random, so that peers do not synchronize
    delete_rekeyed_delay: float = 30.0  # seconds for which a replaced SA still receives
    fragment_size: int = 1280  # octets of an IP packet with an IKE fragment; 0: 576 with IPv4, 1280 with IPv6
    nat_keepalive: float = 20.0  # seconds (RFC 3948 §4)
    retry_initiate_interval: float = 5.0  # seconds after a failed attempt to bring up a tunnel until the next
    retry_initiate_base: float = 2.0  # factor from each wait to the next
    retry_initiate_limit: float = 300.0  # seconds: no wait is longer, apart from the jitter
    retry_initiate_jitter: float = 0.2  # of each wait, random
    next_address_after: float = 15.0  # seconds for which one of several remote addresses may leave message 1 unanswered
    dns_interval: float = 60.0  # seconds between look-ups of the host names of peers
    # the data plane tells peers in transport mode apart that have the same address and port behind a NAT
    separates_clients: bool = False

    @property
    def floated_ports(self) -> tuple[int, int]:
        """Our port and the peer's after the port change (RFC 3947 §4)."""
        return self.encapsulation_port, self.peer_encapsulation_port or self.encapsulation_port

    def connection(self, name: str) -> Connection | None:
        """The connection ``name``, None if there is none."""
        for connection in self.connections:
            if connection.name == name:
                return connection
        return None

    def shunt(self, name: str) -> Shunt | None:
        """The shunt ``name``, None if there is none."""
        return next((shunt for shunt in self.shunts if shunt.name == name), None)

    def tunnel(self, name: str, connection: str | None) -> tuple[Connection, Tunnel] | None:
        """The tunnel ``name`` of ``connection``, or of the first connection that has one of that name (None)."""
        for candidate in self.connections:
            tunnel = candidate.tunnel(name) if connection in (None, candidate.name) else None
            if tunnel is not None:
                return candidate, tunnel
        return None
