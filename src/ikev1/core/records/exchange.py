"""`Exchange`: a negotiation in progress, and what it has agreed on so far."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ikev1.core.records.child_sa import ChildSa, IpsecSuite
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import Record
from ikev1.core.records.selector import Selector
from ikev1.core.records.timer import TimerKind, Timers
from ikev1.wire.payloads import Identification, SecurityAssociation

AGGRESSIVE_MODE = "AM"
"""The name of Aggressive Mode in `Exchange`."""


class Role(StrEnum):
    """Who began: every exchange has an initiator and a responder of its own (RFC 2408 §2.1)."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


class KeyShare(Record, frozen=True):
    """Diffie-Hellman and nonces of one exchange while it runs: forgotten once keys are made of it."""

    private: bytes
    g_xi: bytes = b""
    g_xr: bytes = b""
    Ni_b: bytes = b""
    Nr_b: bytes = b""

    secret_fields = frozenset({"private"})


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
    known: tuple[int, ...] = ()  # the numbers of the pairs for the same traffic that sent when it began
    sends_at: float = 0.0  # when the pair sends in place of an older one, at the latest; 0: at once
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

    An exchange may also wait for a time, ``until``: then nothing was asked, and ``request`` is 0.
    """

    request: int
    decision: Decision | None = None
    held: tuple[Held, ...] = ()
    until: float = 0.0


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
    def holds_back(self) -> bool:
        """Whether a Quick Mode is complete but for its outbound SA, which waits until the peer can receive with it."""
        return self.waiting is not None and self.waiting.until > 0.0

    @property
    def spi(self) -> int:
        """The inbound SPI that was allocated for a Quick Mode; 0 in another exchange, before and afterwards."""
        quick = self.quick
        return 0 if quick is None else quick.spi

    @property
    def tunnel(self) -> str:
        """The name of the tunnel that a Quick Mode of ours is about, empty in another exchange."""
        return self.traffic[0]

    @property
    def traffic(self) -> tuple[str, Selector | None, Selector | None]:
        """The tunnel and the selectors of a Quick Mode, as in `ChildSa.traffic`; empty in another exchange."""
        of = self.waiting.decision if self.waiting is not None and self.data is None else self.quick
        return ("", None, None) if of is None else (of.tunnel, of.local, of.remote)

    @property
    def is_aggressive(self) -> bool:
        """Whether this is Aggressive Mode, by whatever method of authentication."""
        return self.script == AGGRESSIVE_MODE

    def timers(self) -> Timers:
        """The timers of this exchange; one that is given up, or waits, sends nothing again."""
        if self.waiting is not None:
            return (self.ends_at, TimerKind.GIVE_UP), (self.waiting.until, TimerKind.PROCEED)
        return (self.ends_at, TimerKind.GIVE_UP), (self.resend_at, TimerKind.RETRANSMIT)
