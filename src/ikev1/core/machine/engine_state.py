"""The state of an engine, and the queries that row functions may make on it."""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Container, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from ikev1.core.machine.admission import AdmissionControl, RefusalCache
from ikev1.core.machine.fragments import Fragments
from ikev1.core.machine.report_limits import ReportLimits
from ikev1.core.machine.sa_table import SaTable
from ikev1.core.machine.stateless_responder import FirstMessages
from ikev1.core.peer.connection_lookup import ConnectionLookup
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.context import ExchangeContext, Trace
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Settings, Tunnel, Unique
from ikev1.wire.header import Header

_NEVER, _INITIATOR = Unique.NEVER, Role.INITIATOR  # looked up once, as in `ikev1.core.records.exchange`
_MOST_LOOKED_AT = 16  # SAs at one address
LOOK_UP_INTERVAL = 10.0  # seconds between look-ups that initiators at unknown addresses cause


class Arrival(NamedTuple):
    """A received datagram: its header, its octets, its path and the time of arrival."""

    header: Header
    datagram: bytes
    path: UdpPath
    now: float


class Reassembled(Arrival):
    """An arrival that was put together from IKE fragments, of which one may be forged: the refusal of such a message
    does not end an exchange.
    """

    __slots__ = ()


class State:
    """The SAs, the settings, and the queries of row functions (`ikev1.core.records.context.Context`)."""

    def __init__(self, settings: Settings, random: Callable[[int], bytes]) -> None:
        self.settings = settings
        self.random = random
        self.trace: Trace = lambda sa, label, sent: True
        self.large_groups: Container[int] = ()
        self.table = SaTable()
        self.limits = ReportLimits()
        self.first_messages = FirstMessages(random(32))
        self.refusals = RefusalCache(random(32))
        self.admission = AdmissionControl()
        self.names: Mapping[str, tuple[str, ...]] = {}
        self.fragments = Fragments()
        self.lookup = ConnectionLookup(settings.connections)
        self.generation = 0  # of the settings: cached answers to first messages are valid for one generation
        self.unique_ids = 0
        self.pair_ids = 0
        self.reqids = 0
        self._told: set[tuple[str, str]] = set()  # (connection, text); few texts per configured connection
        self.requests = 0  # number of requests made to the environment so far
        self._names_due = -math.inf  # when an initiator at an unknown address causes the next look-up of host names

    def reconfigure(self, settings: Settings) -> None:
        """Apply new settings to future negotiations; existing SAs and exchanges are unchanged."""
        self.settings = settings
        self.lookup = ConnectionLookup(settings.connections, self.names)
        self.generation += 1

    def name_addresses(self, names: Mapping[str, tuple[str, ...]]) -> None:
        """Note which addresses the host names of peers have now. Names without an entry have none."""
        self.names = dict(names)
        self.lookup.name_addresses(self.names)

    def awaits_names(self, now: float) -> bool:
        """Return whether an initiator at an unknown address causes a look-up of host names, after which its message,
        when it repeats that, may have a connection.
        """
        if not self.lookup.has_host_names or now < self._names_due:
            return False
        self._names_due = now + LOOK_UP_INTERVAL
        return True

    # --- queries of row functions

    def has_spi(self, spi: int) -> bool:
        """Return whether a pair of IPsec SAs, or a Quick Mode under way, has this inbound SPI."""
        return self.table.has_spi(spi)

    def next_unique_id(self) -> int:
        """Allocate the number of a new ISAKMP SA."""
        self.unique_ids += 1
        return self.unique_ids

    def next_pair_id(self) -> int:
        """Allocate the number of a new pair of IPsec SAs."""
        self.pair_ids += 1
        return self.pair_ids

    def next_reqid(self) -> int:
        """Allocate the number that a new pair of IPsec SAs shares with those that replace it."""
        self.reqids += 1
        return self.reqids

    def next_request(self) -> int:
        """Allocate the number of a new request to the environment."""
        self.requests += 1
        return self.requests

    def candidates(self, sa: IkeSa) -> tuple[Connection, ...]:
        """Return the connections that match the addresses of ``sa``, the most specific first."""
        return self.lookup.candidates(*sa.hosts)

    def rivals(self, sa: IkeSa, local: Selector, remote: Selector, connection: str | None = None) -> Iterator[ChildSa]:
        """Yield the pairs of peers other than that of ``sa`` whose selectors overlap; of ``connection``, or of all."""
        return self.table.rivals(sa, local, remote, connection, apart=self._all_stay(sa))

    def equals(self, sa: IkeSa, local: Selector, remote: Selector) -> Iterator[ChildSa]:
        """Yield the pairs of peers other than that of ``sa`` that have exactly these selectors."""
        return self.table.equals(sa, local, remote, apart=self._all_stay(sa))

    def own_pairs(self, sa: IkeSa, local: Selector, remote: Selector) -> Iterator[ChildSa]:
        """Yield the pairs with exactly these selectors that the peer of ``sa`` has, under any of its ISAKMP SAs."""
        return self.table.own(sa, local, remote)

    def others(self, sa: IkeSa) -> list[IkeSa]:
        """Return the other SAs with the peer of ``sa``, oldest first. Where peers with the same identity are different
        peers, none of these says anything about another one.
        """
        return self.table.of_peer(sa, apart=self._all_stay(sa))

    def _all_stay(self, sa: IkeSa) -> bool:
        """Return whether the connection of ``sa`` treats peers with the same identity as different peers."""
        connection = self.lookup.by_name(sa.connection)
        return connection is not None and connection.unique is _NEVER

    def claims(self, local: Selector, remote: Selector) -> Iterator[tuple[str, Tunnel]]:
        """Yield (connection name, tunnel) of each tunnel with two fixed networks that overlap these selectors."""
        return self.lookup.claims(local, remote)

    def is_own_cookie(self, cookie: bytes) -> bool:
        """Return whether ``cookie`` is the CKY-I of an SA that this gateway initiated."""
        return cookie in self.table.own_cookies

    def is_news(self, connection: str, text: str) -> bool:
        """Return whether ``text`` has not been reported for this connection yet, and mark it as reported."""
        if (connection, text) in self._told:
            return False
        self._told.add((connection, text))
        return True

    def may_acknowledge(self, sa: IkeSa, now: float) -> bool:
        """Return whether the rate limit allows another R-U-THERE-ACK to the peer of ``sa`` now."""
        return self.limits.may_acknowledge(sa.cookies, now)

    def knows_peer_at(self, path: UdpPath) -> bool:
        """Return whether a peer is, or was, at the remote address of ``path``: one that has proved who it is, or one
        whose address is configured.
        """
        host = path.remote_host
        if self.limits.is_former(host) or any(
            sa.anchor is not None for sa in islice(self.table.of_host(host), _MOST_LOOKED_AT)
        ):
            return True
        candidates = self.lookup.candidates(path.local_host, host)
        return any(host in self.lookup.called_addresses(known) for known in candidates)

    def may_refuse(self, path: UdpPath) -> bool:
        """Return whether a peer on ``path`` is told that its first message is refused. What an unknown one is told may
        depend on the identity that it claims, so silence is for all refusals.
        """
        return self.settings.answer_strangers or self.knows_peer_at(path)

    def first_contact(self, sa: IkeSa) -> bool:
        """Return whether ``sa`` is the only SA with the peer's address under its local identity, over all connections.

        Any other SA that the peer has with this identity is then stale (RFC 2407 §4.6.3.3).
        """
        cookies, same = sa.cookies, (b"", sa.local_id_body)
        # Written out, without calls: a gateway may have many SAs with one peer
        for other in self.table.of_host(sa.hosts[1]):
            local_id_body = other.IDii_b if other.role is _INITIATOR else other.IDir_b
            if local_id_body in same and other.cookies != cookies:
                return False
        return True

    def fingerprint(self, connection: Connection) -> bytes:
        """Return the fingerprint of the credentials by which ``connection`` authenticates its peer."""
        return self.lookup.fingerprint(connection)

    def believes(self, sa: IkeSa) -> bool:
        """Return whether the credentials by which the peer of ``sa`` was authenticated are still configured."""
        connection = self.lookup.by_name(sa.connection)
        return (
            connection is not None
            and sa.anchor is not None
            and hmac.compare_digest(sa.anchor.proof, self.fingerprint(connection))
        )

    def context(self, sa: IkeSa, exchange: Exchange, now: float) -> ExchangeContext:
        """Create the context for the next message of ``exchange``."""
        # A removed connection allows no negotiation, but its SAs can still exchange notifies and Delete payloads
        connection = self.lookup.by_name(sa.connection) or Connection(sa.connection, (), (), b"")
        return ExchangeContext(self, sa, exchange, connection, now)
