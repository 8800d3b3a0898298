"""What happened, for people and programs: each kind has a stable code, documented in docs/troubleshooting.md."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ikev1.core.records.model import ChildSa, IkeSa
from ikev1.wire.message import Message


class Code(StrEnum):
    """The stable names of what can go wrong or is worth a line."""

    PSK_MISMATCH = "psk-mismatch"
    NO_PROPOSAL_CHOSEN = "no-proposal-chosen"
    NO_CONNECTION = "no-connection"
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
    MALFORMED = "malformed"
    REFUSED_BY_PEER = "refused-by-peer"
    PEER_SILENT = "peer-silent"
    UNKNOWN_SA = "unknown-sa"
    UNPROVED = "unproved"
    QUICK_MODE_LIMIT = "quick-mode-limit"
    HALF_OPEN_LIMIT = "half-open-limit"
    RUNNER_UP = "runner-up"
    WEAK = "weak"
    OVERLOADED = "overloaded"
    NO_SPI = "no-spi"
    INSTALL_FAILED = "install-failed"
    ATTRIBUTES_IGNORED = "attributes-ignored"
    NAT_FOUND = "nat-found"
    PEER_MOVED = "peer-moved"
    NOT_CONFIRMED = "not-confirmed"
    REAUTHENTICATION = "reauthentication"
    DUPLICATE_PEER = "duplicate-peer"
    RETRANSMIT = "retransmit"
    NOTIFY = "notify"
    INTERNAL_ERROR = "internal-error"


class MessageSeen(NamedTuple):
    """One ISAKMP message, sent or received and understood.

    ``label`` is its place in the exchange (``MM3``, ``QM1``, ``INFO``), ``state`` what we wait for next, in the words
    of Cisco (``MM_WAIT_MSG4``). ``payloads`` are in the clear whether or not the wire saw them so.
    """

    sa: IkeSa
    sent: bool
    label: str
    state: str
    message: Message


class IkeUp(NamedTuple):
    """An ISAKMP SA is established; ``sa.keys`` is what a key log writes."""

    sa: IkeSa


class IkeConfirmed(NamedTuple):
    """The peer has shown that it has an ISAKMP SA whose phase 1 ended with a message of ours."""

    sa: IkeSa


class IkeDown(NamedTuple):
    """An ISAKMP SA is gone, or never came to be; ``reason`` is a sentence."""

    sa: IkeSa
    reason: str


class ChildUp(NamedTuple):
    """A pair of IPsec SAs carries traffic from now on; ``replaces`` is the pair it follows, if any."""

    sa: IkeSa
    child: ChildSa
    replaces: ChildSa | None = None


class ChildDown(NamedTuple):
    """A pair of IPsec SAs is gone."""

    sa: IkeSa
    child: ChildSa
    reason: str


class Failure(NamedTuple):
    """Something did not work: which code, and in plain words what, where and what to do. ``sa`` is the SA it befell,
    None where there is none yet; ``peer`` the address and port it concerns; ``tunnel`` the tunnel that did not come up.
    """

    code: Code
    text: str
    peer: str
    sa: IkeSa | None = None
    tunnel: str = ""


class Note(NamedTuple):
    """Worth a line, but nobody's failure."""

    code: Code
    text: str
    sa: IkeSa | None = None


Event = MessageSeen | IkeUp | IkeConfirmed | IkeDown | ChildUp | ChildDown | Failure | Note
