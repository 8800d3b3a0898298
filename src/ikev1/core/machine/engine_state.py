"""All that an engine knows, and what row functions may ask of it."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ikev1.core.machine.admission import AdmissionControl, RefusalCache
from ikev1.core.machine.report_limits import ReportLimits
from ikev1.core.machine.sa_table import SaTable
from ikev1.core.machine.stateless_responder import FirstMessages
from ikev1.core.peer.connection_lookup import ConnectionLookup
from ikev1.core.records.context import ExchangeContext, Trace
from ikev1.core.records.model import ChildSa, Exchange, IkeSa, UdpPath
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Settings, Tunnel, Unique
from ikev1.wire.header import Header


class Arrival(NamedTuple):
    """A datagram: what it says of itself, how it came, and when."""

    header: Header
    datagram: bytes
    path: UdpPath
    now: float


class State:
    """The SAs, the settings, and what row functions may ask for (`ikev1.core.records.context.Context`)."""

    def __init__(self, settings: Settings, random: Callable[[int], bytes]) -> None:
        self.settings = settings
        self.random = random
        self.trace: Trace = lambda sa, label: True
        self.table = SaTable()
        self.limits = ReportLimits()
        self.first_messages = FirstMessages(random(32))
        self.refusals = RefusalCache(random(32))
        self.admission = AdmissionControl()
        self.lookup = ConnectionLookup(settings.connections)
        self.generation = 0  # of the settings: answers to first messages are kept for one generation
        self.unique_ids = 0
        self._told: set[tuple[str, str]] = set()  # of the connections that there are, each of a few things
        self.requests = 0  # of the world, so far

    def reconfigure(self, settings: Settings) -> None:
        """Takes new settings for what is negotiated from now on; what runs goes on as it is."""
        self.settings = settings
        self.lookup = ConnectionLookup(settings.connections)
        self.generation += 1

    # --- what row functions ask for

    def has_spi(self, spi: int) -> bool:
        """Whether a pair of ours has this inbound SPI."""
        return self.table.of_spi(spi) is not None

    def next_unique_id(self) -> int:
        """The next number of an SA."""
        self.unique_ids += 1
        return self.unique_ids

    def next_request(self) -> int:
        """The next number of a question to the world."""
        self.requests += 1
        return self.requests

    def candidates(self, sa: IkeSa) -> tuple[Connection, ...]:
        """The connections that the addresses of ``sa`` allow, the most specific first."""
        return self.lookup.candidates(*sa.hosts)

    def rivals(self, sa: IkeSa, local: Selector, remote: Selector, connection: str | None = None) -> Iterator[ChildSa]:
        """The pairs with other peers than ``sa``'s that carry some of this traffic: all, or those of a connection."""
        return self.table.rivals(sa, local, remote, connection, apart=self._all_stay(sa))

    def equals(self, sa: IkeSa, local: Selector, remote: Selector) -> Iterator[ChildSa]:
        """The pairs with other peers than ``sa``'s that carry exactly this traffic."""
        return self.table.equals(sa, local, remote, apart=self._all_stay(sa))

    def _all_stay(self, sa: IkeSa) -> bool:
        """Whether peers that share an identity are different ones, as the connection of ``sa`` has it."""
        connection = self.lookup.by_name(sa.connection)
        return connection is not None and connection.unique is Unique.NEVER

    def claims(self, local: Selector, remote: Selector) -> Iterator[tuple[str, Tunnel]]:
        """The tunnels whose networks, both of which are fixed, overlap these, and the names of their connections."""
        return self.lookup.claims(local, remote)

    def is_own_cookie(self, cookie: bytes) -> bool:
        """Whether ``cookie`` is the CKY-I of an SA that we called for."""
        return cookie in self.table.own_cookies

    def is_news(self, connection: str, text: str) -> bool:
        """Whether nothing was said yet of this connection in these words; from now on it was."""
        if (connection, text) in self._told:
            return False
        self._told.add((connection, text))
        return True

    def may_acknowledge(self, sa: IkeSa, now: float) -> bool:
        """Whether the peer of ``sa`` gets one more answer to dead peer detection now."""
        return self.limits.may_acknowledge(sa.cookies, now)

    def first_contact(self, sa: IkeSa) -> bool:
        """Whether ``sa`` is all that we hold under its identity with the peer that it calls, over all connections, so
        that whatever else the peer has of us is stale (RFC 2407 §4.6.3.3).
        """
        others = (other for other in self.table.of_host(sa.hosts[1]) if other.cookies != sa.cookies)
        return all(other.local_id_body not in (b"", sa.local_id_body) for other in others)

    def fingerprint(self, connection: Connection) -> bytes:
        """The fingerprint of what ``connection`` believes its peer by."""
        return self.lookup.fingerprint(connection)

    def believes(self, sa: IkeSa) -> bool:
        """Whether the configuration still believes the peer of ``sa`` by what it has proved."""
        connection = self.lookup.by_name(sa.connection)
        return (
            connection is not None
            and sa.anchor is not None
            and hmac.compare_digest(sa.anchor.proof, self.fingerprint(connection))
        )

    def context(self, sa: IkeSa, exchange: Exchange, now: float) -> ExchangeContext:
        """A context for the next message of ``exchange``."""
        # A connection that was removed negotiates nothing any more, but its SAs can be talked about until they end
        connection = self.lookup.by_name(sa.connection) or Connection(sa.connection, (), (), b"")
        return ExchangeContext(self, sa, exchange, connection, now)
