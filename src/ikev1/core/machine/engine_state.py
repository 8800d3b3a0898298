"""All that an engine knows, and how a turn becomes part of it."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ikev1.core.exchanges.informational import INFORMATIONAL, tell
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.registry import script_of
from ikev1.core.machine.admission import AdmissionControl, RefusalCache
from ikev1.core.machine.sa_table import SaTable
from ikev1.core.machine.stateless_responder import FirstMessages
from ikev1.core.peer.connection_lookup import ConnectionLookup
from ikev1.core.peer.path_changes import on_path
from ikev1.core.records.actions import Action, Forget, Keep, Move, Remove, Report
from ikev1.core.records.context import ExchangeContext, Trace
from ikev1.core.records.events import ChildDown, Code, Failure, IkeDown, Note
from ikev1.core.records.model import ChildSa, ChildState, Exchange, IkeSa, IkeState, Role, UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal, Unproved
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Settings, Tunnel, Unique
from ikev1.core.records.spi import AllocateSpi, SpiUnavailable, drawn, is_usable
from ikev1.wire.header import Header
from ikev1.wire.payloads import Payload
from ikev1.wire.registry import NotifyType, ProtocolId

_IMPATIENCE = 2.0  # seconds for which a proper answer is still hoped for after an error that nobody vouches for


class Arrival(NamedTuple):
    """A datagram: what it says of itself, how it came, and when."""

    header: Header
    datagram: bytes
    path: UdpPath
    now: float


class PendingCheck(NamedTuple):
    """A message that waits for a verdict, the number of the question, and the first messages that came behind it."""

    request: int
    arrival: Arrival
    followers: tuple[Arrival, ...] = ()


class State:
    """The SAs, the settings, and what row functions may ask for (`ikev1.core.records.context.Context`)."""

    def __init__(
        self, settings: Settings, random: Callable[[int], bytes], allocate_spi: AllocateSpi | None = None
    ) -> None:
        self.settings = settings
        self.random = random
        self._allocate_spi = allocate_spi or self._draw_spi
        self.trace: Trace = lambda sa, label: True
        self.table = SaTable()
        self.first_messages = FirstMessages(random(32))
        self.refusals = RefusalCache(random(32))
        self.admission = AdmissionControl()
        self.lookup = ConnectionLookup(settings.connections)
        self.generation = 0  # of the settings: answers to first messages are kept for one generation
        self.unique_ids = 0
        self._told: set[tuple[str, str]] = set()  # of the connections that there are, each of a few things
        self.pending_checks: dict[bytes, PendingCheck] = {}  # by cookies: what waits for a verdict

    def reconfigure(self, settings: Settings) -> None:
        """Takes new settings for what is negotiated from now on; what runs goes on as it is."""
        self.settings = settings
        self.lookup = ConnectionLookup(settings.connections)
        self.generation += 1

    # --- what row functions ask for

    def free_spi(self, path: UdpPath, protocol: int) -> int:
        """An inbound SPI for a pair on ``path``, or a CPI where ``protocol`` is IPCOMP.

        Raises:
            Refusal: there is none to be had, or it is one that a pair of ours has.
        """
        try:
            spi = self._allocate_spi(path, protocol)
        except SpiUnavailable as error:
            raise Refusal(
                Code.NO_SPI, f"no SPI for a new pair: {error}", notify=NotifyType.NO_PROPOSAL_CHOSEN
            ) from error
        if not is_usable(spi, protocol) or (protocol != ProtocolId.IPCOMP and self.table.of_spi(spi) is not None):
            fault = f"the data plane gave SPI {spi:08x}, which is reserved or in use"
            raise Refusal(Code.NO_SPI, fault, notify=NotifyType.NO_PROPOSAL_CHOSEN)
        return spi

    def _draw_spi(self, path: UdpPath, protocol: int) -> int:
        while self.table.of_spi(spi := drawn(self.random, protocol)) is not None:
            pass
        return spi

    def next_unique_id(self) -> int:
        """The next number of an SA."""
        self.unique_ids += 1
        return self.unique_ids

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
        return self.table.may_acknowledge(sa, now)

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

    # --- turns

    def context(self, sa: IkeSa, exchange: Exchange, now: float) -> ExchangeContext:
        """A turn for the next message of ``exchange``."""
        # A connection that was removed negotiates nothing any more, but its SAs can be talked about until they end
        connection = self.lookup.by_name(sa.connection) or Connection(sa.connection, (), (), b"")
        return ExchangeContext(self, sa, exchange, connection, now)

    def complain(self, sa: IkeSa, exchange: Exchange, complaint: tuple[Code, str], now: float) -> bool:
        """The one trace that a refused message leaves: what was wrong is said once, and is the reason if we give up.

        A call of ours is given up soon, for whoever sent this knows our cookie: most likely the peer did. Of a peer's
        call nothing else changes, for anybody's junk would change it.

        Returns:
            Whether the complaint will be said when the call is given up.
        """
        complaining = replace(exchange, complaint=complaint)
        if sa.phase1 is not None and exchange.message_id == 0:
            if exchange.role is Role.RESPONDER:
                self.table.put(sa, replace(sa, phase1=complaining))
                return False
            ends_at = min(exchange.ends_at, now + _IMPATIENCE)
            self.table.put(sa, replace(sa, phase1=replace(complaining, resend_at=0.0, ends_at=ends_at)))
            return True
        others = tuple(complaining if other is exchange else other for other in sa.exchanges)
        self.table.put(sa, replace(sa, exchanges=others))
        return False

    def say_once(self, sa: IkeSa, code: Code, text: str) -> list[Action]:
        """Tells people of a failure under ``sa`` if it is the first of this code that anybody might have caused."""
        return [Report(Failure(code, text, sa.path.remote, sa))] if self.table.is_news(sa, code) else []

    def say_unproved(self, sa: IkeSa, what: str, error: Unproved) -> list[Action]:
        """Tells people once that ``what``, under the cookies of ``sa``, is not proved to be the peer's."""
        text = (
            f"{what} under the cookies of this ISAKMP SA is ignored: {error}. It was changed on its way, or is not the "
            "peer's; if nothing works under this SA, the two ends have different keys, and a new one helps"
        )
        return self.say_once(sa, error.code, text)

    def note_once(self, sa: IkeSa, code: Code, text: str) -> list[Action]:
        """Notes ``text`` about ``sa`` if it is the first note of this code that anybody might have caused."""
        return [Report(Note(code, text, sa))] if self.table.is_news(sa, f"note {code}") else []

    def commit(self, old: IkeSa | None, context: ExchangeContext, exchange: Exchange | None) -> list[Action]:
        """Keeps what ``context`` made of ``old``, with ``exchange`` as its exchange stands now (None: nothing to keep).

        Returns:
            The actions of the turn; the record is stored before anything is sent.
        """
        sa = context.sa if exchange is None else _with_exchange(context.sa, exchange)
        if sa.state is IkeState.DELETING:
            return [*context.actions, *self._bury(old or sa, sa, "the peer deleted the ISAKMP SA")]
        self.table.put(old, sa)
        if sa.state is IkeState.CONNECTING:
            return context.actions
        return [Keep(sa), *context.actions]

    def say(self, sa: IkeSa, payloads: list[Payload], now: float) -> list[Action]:
        """Sends an informational message under ``sa``."""
        context = self.context(sa, new_exchange(INFORMATIONAL, 0, Role.INITIATOR, now), now)
        tell(context, payloads)
        return self.commit(sa, context, None)

    def end(self, sa: IkeSa, reason: str, *, with_children: bool = False) -> list[Action]:
        """Ends an ISAKMP SA without a word to the peer.

        Its pairs go over to another SA with the same peer, or live until their own end without one (RFC 2409 §4: "it is
        possible [...] to delete the ISAKMP SA" while those of phase 2 remain), unless they are to end ``with_children``
        or by the wish of the connection.
        """
        told = [] if sa.state is IkeState.DELETED else [Report(IkeDown(sa, reason))]
        return [*self._bury(sa, sa, reason, with_children=with_children), *told]

    def _bury(self, old: IkeSa, sa: IkeSa, reason: str, *, with_children: bool = False) -> list[Action]:
        self.table.drop(old)
        if sa.state is not IkeState.CONNECTING:
            self.table.note_end(sa.cookies)
        unfinished = [exchange.child for exchange in sa.exchanges if exchange.child is not None]
        ends: list[Action] = [*map(Remove, unfinished)]
        heirs = self._heirs(sa)
        connection = self.lookup.by_name(sa.connection)
        if sa.children and not with_children and not (connection is not None and connection.close_children):
            if heirs:
                return [*ends, *self.adopt(heirs[-1], sa.children), Forget(sa)]
            left = _without_keys(sa)
            self.table.put(None, left)
            return [*ends, Keep(left)]
        for child in sa.children:
            ends += [Remove(child), Report(ChildDown(sa, child, reason))]
        return [*ends, Forget(sa)]

    def _heirs(self, sa: IkeSa) -> list[IkeSa]:
        return [other for other in self.table.of_peer(sa) if other.is_up and other.confirmed]

    def takes_anothers(self, sa: IkeSa, child: ChildSa, path: UdpPath) -> bool:
        """Whether ``child``, a pair of the peer of ``sa``, would carry what another peer has if it were on ``path``: in
        transport mode the traffic of a pair follows its addresses, and peers behind one NAT share one.
        """
        moved = on_path(child, path)
        rivals = self.rivals(sa, moved.local, moved.remote) if moved.traffic != child.traffic else iter(())
        return any(rival.marks == child.marks for rival in rivals)

    def adopt(self, heir: IkeSa, children: tuple[ChildSa, ...]) -> list[Action]:
        """Puts pairs of another ISAKMP SA under ``heir``, for they outlive the SA that made them; from now on they go
        where the heir goes.
        """
        if not children:
            return []
        newer = {child.traffic for child in heir.children if child.state is ChildState.INSTALLED}
        encapsulates = heir.nat is not None and heir.nat.encapsulate
        unwelcome = [child for child in children if self.takes_anothers(heir, child, heir.path)]
        children = tuple(child for child in children if child not in unwelcome)
        ends: list[Action] = []
        for child in unwelcome:
            ends += [
                Remove(child),
                Report(ChildDown(heir, child, "another peer has its traffic where its peer is now")),
            ]
        adopted = tuple(
            on_path(child, heir.path) if child.udp_encapsulation is encapsulates else child for child in children
        )
        adopted = tuple(child.retired() if child.traffic in newer else child for child in adopted)
        grown = replace(heir, children=(*heir.children, *adopted))
        self.table.put(heir, grown)
        moved = [child for child, before in zip(adopted, children, strict=True) if child.path != before.path]
        return [Keep(grown), *map(Move, moved), *ends]


def _without_keys(sa: IkeSa) -> IkeSa:
    """What is left of an ISAKMP SA that ended before its pairs: who the peer is, and no key."""
    left: IkeSa = replace(
        sa,
        state=IkeState.DELETED,
        phase1=None,
        keys=None,
        exchanges=(),
        queued=(),
        probe=None,
        rekey_at=0.0,
        expires_at=0.0,
        spent_message_ids=frozenset(),
        heard_message_ids=b"",
    )
    return left


def _with_exchange(sa: IkeSa, exchange: Exchange) -> IkeSa:
    """``sa`` with ``exchange`` as it stands; one that is over stays only while its last message may be asked for."""
    if exchange.message_id == 0:
        return replace(sa, phase1=exchange)
    others = tuple([other for other in sa.exchanges if other.message_id != exchange.message_id])
    script = script_of(exchange)
    if script.is_over(exchange) and script.speaker(exchange.step - 1) is not exchange.role:
        return replace(sa, exchanges=others)
    return replace(sa, exchanges=(*others, exchange))
