"""`Exchange`: a negotiation in progress, and what it has agreed on so far."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ikev1.core.records.child_sa import ChildSa, IpsecSuite, OriginalAddresses
from ikev1.core.records.mode_config import ConfigPush, ConfigRequest
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import Record
from ikev1.core.records.remote_access import Saying, XauthAttempt, XauthQuestions
from ikev1.core.records.selector import Selector
from ikev1.core.records.timer import TimerKind, Timers
from ikev1.wire.payloads import Identification, SecurityAssociation

AGGRESSIVE_MODE = "AM"
"""The name of Aggressive Mode in `Exchange`."""


class Role(StrEnum):
    """The role of this gateway in an exchange: each exchange has its own initiator and responder (RFC 2408 §2.1)."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


class KeyShare(Record, frozen=True):
    """The Diffie-Hellman values and nonces of an exchange, until the keys are derived from them."""

    private: bytes
    g_xi: bytes = b""
    g_xr: bytes = b""
    Ni_b: bytes = b""
    Nr_b: bytes = b""

    secret_fields = frozenset({"private"})


class Life(NamedTuple):
    """The lifetime of an SA; 0 means no limit, or that the message does not contain one."""

    seconds: int
    kilobytes: int


class Agreed(NamedTuple):
    """The result of a Quick Mode negotiation; ``spi`` and ``cpi`` are those of the peer, for outbound packets."""

    suite: IpsecSuite
    group: int
    life: Life
    spi: int
    shortened: bool  # ``life`` is shorter than offered
    ignored: tuple[int, ...]  # private-use attributes of the offer
    compression: int = 0  # an IPCOMP transform identifier, 0 without
    cpi: int = 0


class Choice(Record, frozen=True, tag=True):
    """The decision of a Quick Mode responder about an offer, before an SPI is allocated."""

    tunnel: str
    local: Selector
    remote: Selector
    agreed: Agreed
    chosen: SecurityAssociation  # the answer, without the inbound SPI and CPI
    nonce: bytes  # Ni_b
    public: bytes  # g_xi, empty without perfect forward secrecy
    identities: tuple[Identification, ...]  # IDci and IDcr, which are repeated in the answer
    original: OriginalAddresses | None = None  # from the peer's NAT-OA payloads
    draws: int = 0  # how often the data plane allocated the SPI of the peer


class QuickMode(Record, frozen=True, tag=True):
    """The data of a Quick Mode (RFC 2409 §5.5)."""

    tunnel: str
    share: KeyShare
    spi: int  # inbound; 0 before it is allocated
    local: Selector
    remote: Selector
    cpi: int = 0  # inbound; 0 without IPComp
    group: int = 0  # of perfect forward secrecy, 0 without
    offer: bytes = b""  # as initiator: the body of the SA payload, from which the responder selects a transform
    child: ChildSa | None = None  # the pair of IPsec SAs, once its keys are derived
    known: tuple[int, ...] = ()  # the numbers of the pairs for the same traffic that sent when it began
    sends_at: float = 0.0  # when the pair sends in place of an older one, at the latest; 0: at once
    installed: int = 0  # number of directions of ``child`` that are installed: 1 is the inbound one
    original: OriginalAddresses | None = None  # from the peer's NAT-OA payloads


class TransactionData(Record, frozen=True, tag=True):
    """The data of a Transaction exchange (draft-dukes-ike-mode-cfg-02 §3.2)."""

    identifier: int
    kind: int  # the `ConfigType` of the last message, sent or received
    topic: str = ""  # a `Topic` (`ikev1.core.exchanges.transaction_exchange`)
    goes_on: bool = False  # as responder: the peer may continue under the same message ID


ExchangeData = QuickMode | TransactionData
"""The data of an exchange that is specific to its type."""


class Held(NamedTuple):
    """A received message that is not processed yet, its path, and whether it was reassembled from IKE fragments."""

    datagram: bytes
    path: UdpPath
    reassembled: bool = False


QuickModeDecision = QuickMode | Choice
TransactionDecision = Saying | XauthAttempt | XauthQuestions | ConfigRequest | ConfigPush
Decision = QuickModeDecision | TransactionDecision
"""The decision about the next message of an exchange, as initiator or as responder."""


class Waiting(Record, frozen=True):
    """A question with the number ``request`` whose answer an exchange waits for (`ikev1.core.records.answers`).

    ``decision`` is the value from which the next message is built, or the exchange is completed, after the answer. If
    the question came up while a message of the peer was checked, that message and those received after it are ``held``,
    and are processed after the answer as if they had just been received.

    An exchange may also wait for a time, `Exchange.proceeds_at`: then nothing was asked, and ``request`` is 0.
    """

    request: int
    decision: Decision | None = None
    held: tuple[Held, ...] = ()


# Looked up once: Python 3.11 takes 0.2 us to find a member of an enumeration, and each message needs these often
_GIVE_UP, _RETRANSMIT, _PROCEED = TimerKind.GIVE_UP, TimerKind.RETRANSMIT, TimerKind.PROCEED


class Exchange(Record, frozen=True):
    """An exchange in progress, or one that is complete and whose last message may have to be retransmitted."""

    script: str
    message_id: int
    role: Role
    step: int = 0  # the next row of the script
    iv: bytes = b""  # the last ciphertext block, in either direction (RFC 2409 Appendix B)
    received: tuple[bytes, ...] = ()  # digests of the peer's messages, to detect retransmissions
    datagrams: tuple[bytes, ...] = ()  # the last message sent, for retransmission
    tries: int = 0
    resend_at: float = 0.0  # time of the next retransmission; 0: none
    ends_at: float = 0.0  # time at which the exchange is abandoned or, if complete, deleted
    data: ExchangeData | None = None
    method: int = 0  # the authentication method if it has its own table of messages (RFC 2409 §5.2, §5.3)
    complaint: tuple[str, str] | None = (
        None  # code and text of an unauthenticated error: the reason to report if the exchange times out
    )
    waiting: Waiting | None = None
    proceeds_at: float = 0.0  # time for which it waits; 0: it waits for an answer, or not at all
    elsewhere: bool = False  # a message of it was repeated to another port than that of the path

    @property
    def quick(self) -> QuickMode | None:
        """The data of a Quick Mode; None in another exchange."""
        return self.data if isinstance(self.data, QuickMode) else None

    @property
    def transaction(self) -> TransactionData | None:
        """The data of a Transaction exchange; None in another exchange, and before its first message."""
        return self.data if isinstance(self.data, TransactionData) else None

    @property
    def child(self) -> ChildSa | None:
        """The pair of IPsec SAs of a Quick Mode; None before its keys are derived, and after completion."""
        return self.data.child if isinstance(self.data, QuickMode) else None

    @property
    def holds_back(self) -> bool:
        """Whether a Quick Mode is complete but for its outbound SA, which waits until the peer can receive with it."""
        return self.waiting is not None and self.proceeds_at > 0.0

    @property
    def spi(self) -> int:
        """The inbound SPI that was allocated for a Quick Mode; 0 in another exchange, before and afterwards."""
        return self.data.spi if isinstance(self.data, QuickMode) else 0

    @property
    def tunnel(self) -> str:
        """The name of the tunnel of a Quick Mode, empty in another exchange."""
        return self.traffic[0]

    @property
    def traffic(self) -> tuple[str, Selector | None, Selector | None]:
        """The tunnel and the selectors of a Quick Mode, as in `ChildSa.traffic`; empty in another exchange."""
        of = self.waiting.decision if self.waiting is not None and self.data is None else self.quick
        return (of.tunnel, of.local, of.remote) if isinstance(of, QuickModeDecision) else ("", None, None)

    @property
    def is_aggressive(self) -> bool:
        """Whether this is Aggressive Mode, with any authentication method."""
        return self.script == AGGRESSIVE_MODE

    def timers(self) -> Timers:
        """The timers of this exchange. While it waits for an answer, it is not retransmitted."""
        resend_at = 0.0 if self.waiting is not None and not self.holds_back else self.resend_at
        return (self.ends_at, _GIVE_UP), (resend_at, _RETRANSMIT), (self.proceeds_at, _PROCEED)
