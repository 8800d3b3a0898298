"""The work on one message, or on one wish of ours."""

from __future__ import annotations

from typing import Protocol

from ikev1.core.actions import Action, Report
from ikev1.core.events import Event
from ikev1.core.model import ChildSa, Exchange, IkeSa, Path, Role
from ikev1.core.selector import Selector
from ikev1.core.settings import Connection, Settings
from ikev1.core.verdict import Verdict
from ikev1.wire.payloads import Payload

__all__ = ["Context", "Turn"]


class Context(Protocol):
    """What a row function may ask for besides the records it works on: the engine, seen from below."""

    settings: Settings
    trace: bool

    def random(self, octets: int, /) -> bytes:
        """So many unpredictable octets."""

    def free_spi(self, path: Path, protocol: int) -> int:
        """An inbound SPI, or CPI, that no SA of ``protocol`` has. Raises Refusal: none can be had."""

    def next_unique_id(self) -> int:
        """A number that names an SA to people, for as long as the process lives."""

    def candidates(self, sa: IkeSa) -> tuple[Connection, ...]:
        """The connections that the addresses of ``sa`` allow, the most specific first."""

    def rival(self, sa: IkeSa, local: Selector, remote: Selector) -> ChildSa | None:
        """A pair with another peer at the address of ``sa``'s peer that carries some of this traffic, or None."""

    def is_own_cookie(self, cookie: bytes) -> bool:
        """Whether ``cookie`` is the CKY-I of a call of ours."""

    def is_news(self, connection: str, text: str) -> bool:
        """Whether nothing was said yet of this connection in these words; from now on it was."""

    def first_contact(self, sa: IkeSa) -> bool:
        """Whether we have no other ISAKMP SA with this peer."""


class Turn:
    """One message's work: the only thing that changes, and it is dropped whole when the message is refused.

    The row functions of an exchange read and replace the records in it and append the actions that are to follow.
    """

    __slots__ = ("actions", "connection", "context", "exchange", "now", "prepared", "sa", "seen", "verdict")

    def __init__(self, context: Context, sa: IkeSa, exchange: Exchange, connection: Connection, now: float) -> None:
        self.context = context
        self.sa = sa
        self.exchange = exchange
        self.connection = connection
        self.now = now
        self.actions: list[Action] = []
        self.seen: Path | None = None  # the path by which the message came, None for a wish of ours
        self.verdict: Verdict | None = None  # on the peer's certificate, once the world gave it
        self.prepared: list[Payload] = []  # what a check leaves for the answer to carry

    @property
    def initiates(self) -> bool:
        """Whether this exchange is ours."""
        return self.exchange.role is Role.INITIATOR

    def report(self, event: Event) -> None:
        """Tells people and programs, should the turn succeed."""
        self.actions.append(Report(event))
