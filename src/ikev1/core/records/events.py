"""Events of the engine. Failures and notes have a stable code, which docs/troubleshooting.md explains."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import UdpPath
from ikev1.wire.message import Message


class Code(StrEnum):
    """The stable names of failures and notes."""

    PSK_MISMATCH = "psk-mismatch"
    NO_PROPOSAL_CHOSEN = "no-proposal-chosen"
    NO_CONNECTION = "no-connection"
    INITIATOR_ONLY = "initiator-only"
    ID_MISMATCH = "id-mismatch"
    AUTHENTICATION_FAILED = "authentication-failed"
    REFLECTION = "reflection"
    CERTIFICATE_UNTRUSTED = "cert-untrusted"
    CERTIFICATE_EXPIRED = "cert-expired"
    CERTIFICATE_REVOKED = "cert-revoked"
    REVOCATION_UNKNOWN = "cert-revocation-unknown"
    CERTIFICATE_UNUSABLE = "cert-unusable"
    CERTIFICATE_MISSING = "cert-missing"
    CERTIFICATE_ID_MISMATCH = "cert-id-mismatch"
    SELECTORS_UNACCEPTABLE = "selectors-unacceptable"
    WRONG_MODE = "wrong-mode"
    WRONG_VERSION = "wrong-version"
    XAUTH_REQUIRED = "xauth-required"
    XAUTH_FAILED = "xauth-failed"
    MALFORMED = "malformed"
    PFS_REQUESTED = "pfs-requested"
    REFUSED_BY_PEER = "refused-by-peer"
    DELETED_BY_PEER = "deleted-by-peer"
    PEER_SILENT = "peer-silent"
    PEER_DEAD = "peer-dead"
    DPD_HINT = "dpd-hint"
    UNKNOWN_SA = "unknown-sa"
    UNKNOWN_SPI = "unknown-spi"
    UNPROVED = "unproved"
    QUICK_MODE_LIMIT = "quick-mode-limit"
    HALF_OPEN_LIMIT = "half-open-limit"
    RUNNER_UP = "runner-up"
    WEAK = "weak"
    OVERLOADED = "overloaded"
    NO_SPI = "no-spi"
    INSTALL_FAILED = "install-failed"
    ATTRIBUTES_IGNORED = "attributes-ignored"
    OTHER_LIFETIME = "other-lifetime"
    ADDRESS_AS_NAME = "address-as-name"
    NAT_FOUND = "nat-found"
    PEER_MOVED = "peer-moved"
    NOT_CONFIRMED = "not-confirmed"
    REAUTHENTICATION = "reauthentication"
    DUPLICATE_PEER = "duplicate-peer"
    COLLISION = "collision"
    TUNNEL_FLAPPING = "tunnel-flapping"
    DRAINING = "draining"
    NETWORKS_CHANGED = "networks-changed"
    NAME_NOT_RESOLVED = "name-not-resolved"
    RETRANSMIT = "retransmit"
    NOTIFY = "notify"
    NO_ADDRESS = "no-address"
    USER_REJECTED = "user-rejected"
    USER_LOCKED_OUT = "user-locked-out"
    BACKEND_UNAVAILABLE = "backend-unavailable"
    ACCOUNTING_FAILED = "accounting-failed"
    UPDOWN_FAILED = "updown-failed"
    RESOLVER_FAILED = "resolver-failed"
    UNUSABLE_CONFIG = "unusable-config"
    INTERNAL_ERROR = "internal-error"


class MessageSeen(NamedTuple):
    """An ISAKMP message that was sent, or received and accepted.

    ``label`` is its position in the exchange (``MM3``, ``QM1``, ``INFO``), ``state`` the state after it in the names of
    Cisco (``MM_WAIT_MSG4``). The payloads of ``message`` are decrypted.
    """

    sa: IkeSa
    sent: bool
    label: str
    state: str
    message: Message


class IkeUp(NamedTuple):
    """Phase 1 of an ISAKMP SA is complete; ``sa.keys`` has the keys for a key log. `XauthUp` follows if the SA
    `awaits_user`: it is of no use before.
    """

    sa: IkeSa


class XauthUp(NamedTuple):
    """XAUTH is complete: ``sa.user`` is the user of the peer, None if this gateway is the client."""

    sa: IkeSa


class IkeConfirmed(NamedTuple):
    """The peer used an ISAKMP SA of which we sent the last message of phase 1, and so confirmed it."""

    sa: IkeSa


class ConfigAssigned(NamedTuple):
    """This gateway gave the peer a configuration, `IkeSa.assigned` of ``sa``."""

    sa: IkeSa


class ConfigReceived(NamedTuple):
    """The peer, a gateway, gave us a configuration, `IkeSa.received` of ``sa``; no Quick Mode has begun with it yet.

    ``before`` is the configuration that this one replaces, of an ISAKMP SA that ``sa`` renews.
    """

    sa: IkeSa
    before: ModeConfig | None = None


class IkeDown(NamedTuple):
    """An ISAKMP SA is closed, or was not established; ``reason`` is text for people."""

    sa: IkeSa
    reason: str


class ChildUp(NamedTuple):
    """A pair of IPsec SAs is established; ``replaces`` is the pair that it rekeys, if any.

    ``child`` has the keys, unless the process ended just before this event and the next one reports it
    (`Engine.restore`).
    """

    sa: IkeSa
    child: ChildSa
    replaces: ChildSa | None = None


class ChildReady(NamedTuple):
    """A pair of IPsec SAs that replaces another one is negotiated, and receives. The older one sends until `ChildUp`
    follows: at ``sends_at`` by the caller's clock, or as soon as the peer sends with the new pair.
    """

    sa: IkeSa
    child: ChildSa
    sends_at: float


class ChildDown(NamedTuple):
    """A pair of IPsec SAs is closed; ``reason`` is text for people."""

    sa: IkeSa
    child: ChildSa
    reason: str


class Failure(NamedTuple):
    """A failure. ``text`` describes it and the remedy for people; ``peer`` is the address of the peer, with or without
    port; ``sa`` is the ISAKMP SA, None if there is none yet; ``tunnel`` is the tunnel that was not established, if any.
    """

    code: Code
    text: str
    peer: str
    sa: IkeSa | None = None
    tunnel: str = ""


class Note(NamedTuple):
    """Information that is not a failure; ``text`` is for people. ``before`` is the path of ``sa`` before its peer
    moved.
    """

    code: Code
    text: str
    sa: IkeSa | None = None
    before: UdpPath | None = None


EventOfSa = (
    IkeUp | XauthUp | IkeConfirmed | ConfigAssigned | ConfigReceived | IkeDown | ChildReady | ChildUp | ChildDown
)
"""What happens in the life of an ISAKMP SA."""

Event = EventOfSa | MessageSeen | Failure | Note
