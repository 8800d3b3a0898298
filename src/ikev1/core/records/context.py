"""The work on one message, or on one wish of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from ikev1.core.records.actions import Action, Report
from ikev1.core.records.certificate_check import CertificateVerdict
from ikev1.core.records.events import Event
from ikev1.core.records.model import ChildSa, Exchange, IkeSa, Role, UdpPath
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Settings, Tunnel

# Whether a message of an SA (None: of a peer without one) with this label is to be reported
Trace = Callable[[IkeSa | None, str], bool]


class EngineServices(Protocol):
    """What a row function may ask for besides the records it works on: the engine, seen from below."""

    settings: Settings
    trace: Trace

    def random(self, octets: int, /) -> bytes:
        """So many unpredictable octets."""

    def has_spi(self, spi: int) -> bool:
        """Whether a pair of ours has this inbound SPI."""

    def next_request(self) -> int:
        """A number for a question to the world, which no other question has or had."""

    def next_unique_id(self) -> int:
        """A number that names an SA to people, for as long as the process lives."""

    def candidates(self, sa: IkeSa) -> tuple[Connection, ...]:
        """The connections that the addresses of ``sa`` allow, the most specific first."""

    def rivals(
        self, sa: IkeSa, local: Selector, remote: Selector, connection: str | None = None, /
    ) -> Iterator[ChildSa]:
        """The pairs with other peers than ``sa``'s that carry some of this traffic: all, or those of a connection."""

    def equals(self, sa: IkeSa, local: Selector, remote: Selector, /) -> Iterator[ChildSa]:
        """The pairs with other peers than ``sa``'s that carry exactly this traffic."""

    def claims(self, local: Selector, remote: Selector, /) -> Iterator[tuple[str, Tunnel]]:
        """The tunnels whose networks, both of which are fixed, overlap these, and the names of their connections."""

    def is_own_cookie(self, cookie: bytes) -> bool:
        """Whether ``cookie`` is the CKY-I of a call of ours."""

    def is_news(self, connection: str, text: str) -> bool:
        """Whether nothing was said yet of this connection in these words; from now on it was."""

    def may_acknowledge(self, sa: IkeSa, now: float) -> bool:
        """Whether the peer gets one more answer to dead peer detection now."""

    def first_contact(self, sa: IkeSa) -> bool:
        """Whether we hold nothing else under our identity with the peer that ``sa`` calls."""

    def fingerprint(self, connection: Connection) -> bytes:
        """The fingerprint of what ``connection`` believes its peer by."""


class ExchangeContext:
    """One message's work: the only thing that changes, and it is dropped whole when the message is refused.

    The row functions of an exchange read and replace the records in it and append the actions that are to follow.
    """

    __slots__ = (
        "actions",
        "connection",
        "engine",
        "exchange",
        "now",
        "sa",
        "seen",
        "speaks_last",
        "verdict",
    )

    def __init__(
        self, engine: EngineServices, sa: IkeSa, exchange: Exchange, connection: Connection, now: float
    ) -> None:
        self.engine = engine
        self.sa = sa
        self.exchange = exchange
        self.connection = connection
        self.now = now
        self.actions: list[Action] = []
        self.seen: UdpPath | None = None  # the path by which the message came, None where it can move nobody
        self.speaks_last = False  # in phase 1: whether the peer has not shown yet that it took our last message
        self.verdict: CertificateVerdict | None = None  # on the peer's certificate, once the world gave it

    @property
    def initiates(self) -> bool:
        """Whether this exchange is ours."""
        return self.exchange.role is Role.INITIATOR

    def report(self, event: Event) -> None:
        """Tells people and programs, should the turn succeed."""
        self.actions.append(Report(event))
