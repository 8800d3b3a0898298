"""The context of processing one message, or of one exchange that this gateway begins."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Protocol

from ikev1.core.records.actions import Action, Report
from ikev1.core.records.answers import Failed
from ikev1.core.records.certificate_check import CertificateVerdict
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import Event
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.key_exchange import SharedSecret
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Settings, Tunnel

_INITIATOR = Role.INITIATOR  # looked up once, as in `ikev1.core.records.exchange`

# Return whether to report a message with this label of an SA, or of a peer without an SA (None); the last argument says
# whether it was sent
Trace = Callable[[IkeSa | None, str, bool], bool]


class EngineServices(Protocol):
    """The services of the engine that are available to row functions."""

    settings: Settings
    trace: Trace

    @property
    def large_groups(self) -> Container[int]:
        """The Diffie-Hellman groups in which the caller of the engine computes."""

    def random(self, octets: int, /) -> bytes:
        """Return ``octets`` unpredictable octets."""

    def has_spi(self, spi: int) -> bool:
        """Return whether a pair of this engine, or a Quick Mode under way, has this inbound SPI."""

    def next_request(self) -> int:
        """Return a number for a question that no other question has used."""

    def next_unique_id(self) -> int:
        """Return a number that identifies an ISAKMP SA to operators during the lifetime of the process."""

    def next_pair_id(self) -> int:
        """Return a number that identifies a pair of IPsec SAs, and no other one, during the lifetime of the process."""

    def next_reqid(self) -> int:
        """Return a number for a pair that replaces no other one, and for those that will replace it."""

    def candidates(self, sa: IkeSa) -> tuple[Connection, ...]:
        """Return the connections that match the addresses of ``sa``, most specific first."""

    def rivals(
        self, sa: IkeSa, local: Selector, remote: Selector, connection: str | None = None, /
    ) -> Iterator[ChildSa]:
        """Return the pairs that overlap this traffic, of all connections or one, with peers other than ``sa``'s."""

    def equals(self, sa: IkeSa, local: Selector, remote: Selector, /) -> Iterator[ChildSa]:
        """Return the pairs with exactly this traffic and other peers than that of ``sa``."""

    def own_pairs(self, sa: IkeSa, local: Selector, remote: Selector, /) -> Iterator[ChildSa]:
        """Return the pairs with exactly this traffic that send, under any ISAKMP SA with the peer of ``sa``."""

    def claims(self, local: Selector, remote: Selector, /) -> Iterator[tuple[str, Tunnel]]:
        """Return the connection name and the tunnel for all tunnels with two fixed networks that overlap these."""

    def is_own_cookie(self, cookie: bytes) -> bool:
        """Return whether ``cookie`` is the CKY-I of an SA that this gateway initiated."""

    def is_news(self, connection: str, text: str) -> bool:
        """Return whether ``text`` was not reported for this connection before, and record that it is reported now."""

    def may_acknowledge(self, sa: IkeSa, now: float) -> bool:
        """Return whether one more R-U-THERE of the peer may be acknowledged now."""

    def first_contact(self, sa: IkeSa) -> bool:
        """Return whether ``sa`` is the only SA with the peer's address under its local identity."""

    def fingerprint(self, connection: Connection) -> bytes:
        """Return the fingerprint of the credentials by which ``connection`` authenticates its peer."""


class ExchangeContext:
    """The mutable state of processing one message, which is discarded as a whole when the message is refused.

    The row functions of an exchange read and replace the records in the context, and append actions.
    """

    __slots__ = (
        "actions",
        "computed",
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
        self.seen: UdpPath | None = None  # the path of the message; None if it must not change a path
        self.speaks_last = False  # in phase 1: whether this gateway sends the last message, unconfirmed
        self.verdict: CertificateVerdict | None = None  # on the peer's certificate, once it was checked
        self.computed: SharedSecret | Failed | None = None  # of a Diffie-Hellman exchange in a large group

    @property
    def initiates(self) -> bool:
        """Whether this gateway is the initiator of the exchange."""
        return self.exchange.role is _INITIATOR

    def report(self, event: Event) -> None:
        """Report an event to the observers if the message is accepted."""
        self.actions.append(Report(event))
