"""All that an engine knows, and how a turn becomes part of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ikev1.core import natt
from ikev1.core.actions import Action, Forget, Keep, Move, Remove, Report
from ikev1.core.events import ChildDown, Code, IkeDown
from ikev1.core.first_message import FirstMessages
from ikev1.core.informational import INFORMATIONAL, tell
from ikev1.core.lookup import Lookup
from ikev1.core.model import ChildSa, ChildState, Exchange, IkeSa, IkeState, IpsecMode, Path, Role
from ikev1.core.record import replace
from ikev1.core.refusal import Refusal
from ikev1.core.script import new_exchange
from ikev1.core.scripts import script_of
from ikev1.core.selector import Selector
from ikev1.core.settings import Connection, Settings
from ikev1.core.spi import AllocateSpi, SpiUnavailable, drawn, is_usable
from ikev1.core.table import SaTable
from ikev1.core.turn import Turn
from ikev1.wire.header import Header
from ikev1.wire.payloads import Payload
from ikev1.wire.registry import NotifyType, ProtocolId

__all__ = ["Arrival", "Examination", "State", "follow"]

_IMPATIENCE = 2.0  # seconds for which a proper answer is still hoped for after an error that nobody vouches for


class Arrival(NamedTuple):
    """A datagram: what it says of itself, how it came, and when."""

    header: Header
    datagram: bytes
    path: Path
    now: float


class Examination(NamedTuple):
    """A message that waits for a verdict, the number of the question, and the first message that came behind it."""

    request: int
    arrival: Arrival
    follower: Arrival | None = None


class State:
    """The SAs, the settings, and what row functions may ask for (`ikev1.core.turn.Context`)."""

    def __init__(
        self, settings: Settings, random: Callable[[int], bytes], allocate_spi: AllocateSpi | None = None
    ) -> None:
        self.settings = settings
        self.random = random
        self._allocate_spi = allocate_spi or self._draw_spi
        self.trace = True
        self.table = SaTable()
        self.first_messages = FirstMessages(random(32))
        self.lookup = Lookup(settings.connections)
        self.generation = 0  # of the settings: answers to first messages are kept for one generation
        self.unique_ids = 0
        self._told: set[tuple[str, str]] = set()  # of the connections that there are, each of a few things
        self.examined: dict[bytes, Examination] = {}  # by cookies: what waits for a verdict

    def reconfigure(self, settings: Settings) -> None:
        """Takes new settings for what is negotiated from now on; what runs goes on as it is."""
        self.settings = settings
        self.lookup = Lookup(settings.connections)
        self.generation += 1

    # --- what row functions ask for

    def free_spi(self, path: Path, protocol: int) -> int:
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

    def _draw_spi(self, path: Path, protocol: int) -> int:
        while self.table.of_spi(spi := drawn(self.random, protocol)) is not None:
            pass
        return spi

    def next_unique_id(self) -> int:
        """The next number of an SA."""
        self.unique_ids += 1
        return self.unique_ids

    def candidates(self, sa: IkeSa) -> tuple[Connection, ...]:
        """The connections that the addresses of ``sa`` allow, the most specific first."""
        return self.lookup.candidates(sa.path.local_host, sa.path.remote_host)

    def rival(self, sa: IkeSa, local: Selector, remote: Selector) -> ChildSa | None:
        """A pair with another peer at the address of ``sa``'s peer that carries some of this traffic, or None."""
        for child in self.table.of_neighbours(sa):
            if child.state is ChildState.INSTALLED and child.local.overlaps(local) and child.remote.overlaps(remote):
                return child
        return None

    def is_own_cookie(self, cookie: bytes) -> bool:
        """Whether ``cookie`` is the CKY-I of an SA that we called for."""
        return cookie in self.table.own_cookies

    def is_news(self, connection: str, text: str) -> bool:
        """Whether nothing was said yet of this connection in these words; from now on it was."""
        if (connection, text) in self._told:
            return False
        self._told.add((connection, text))
        return True

    def first_contact(self, sa: IkeSa) -> bool:
        """Whether ``sa`` is the only one of its connection, so that whatever else the peer has of us is stale."""
        return all(other.cookies == sa.cookies for other in self.table.of_connection(sa.connection))

    # --- turns

    def turn(self, sa: IkeSa, exchange: Exchange, now: float) -> Turn:
        """A turn for the next message of ``exchange``."""
        # A connection that was removed negotiates nothing any more, but its SAs can be talked about until they end
        connection = self.lookup.by_name(sa.connection) or Connection(sa.connection, (), (), b"")
        return Turn(self, sa, exchange, connection, now)

    def turn_for(
        self, sa: IkeSa, exchange: Exchange, arrival: Arrival, *, follows: bool = True
    ) -> tuple[Turn, list[Action]]:
        """A turn for a message that came; unless it ``follows`` not, one that already answers to where it came from:
        should it turn out not to be the peer's, the turn is dropped, and that with it. Before the float, phase 1 stays
        on the path that it began on.

        Returns:
            The turn, and what makes the pairs of ``sa`` follow.
        """
        followed, moves = sa, list[Action]()
        if follows and arrival.header.encrypted:
            path = natt.moved(sa.path, arrival.path, sa.nat, self.settings.encapsulation_port)
            followed, moves = follow(sa, path)
        turn = self.turn(followed, exchange, arrival.now)
        turn.seen = arrival.path
        return turn, moves

    def complain(self, sa: IkeSa, exchange: Exchange, complaint: tuple[Code, str], now: float) -> bool:
        """The one trace that a refused message leaves: what was wrong is said once, and is the reason if we give up.

        A call of ours is given up soon, for whoever sent this knows our cookie: most likely the peer did.

        Returns:
            Whether the complaint will be said when the call is given up.
        """
        complaining = replace(exchange, complaint=complaint)
        if sa.phase1 is not None and exchange.message_id == 0:
            calling = exchange.role is Role.INITIATOR
            ends_at = min(exchange.ends_at, now + _IMPATIENCE) if calling else exchange.ends_at
            self.table.put(sa, replace(sa, phase1=replace(complaining, resend_at=0.0, ends_at=ends_at)))
            return calling
        others = tuple(complaining if other is exchange else other for other in sa.exchanges)
        self.table.put(sa, replace(sa, exchanges=others))
        return False

    def commit(self, old: IkeSa | None, turn: Turn, exchange: Exchange | None) -> list[Action]:
        """Keeps what ``turn`` made of ``old``, with ``exchange`` as its exchange stands now (None: nothing to keep).

        Returns:
            The actions of the turn; the record is stored before anything is sent.
        """
        sa = turn.sa if exchange is None else _with_exchange(turn.sa, exchange)
        if sa.state is IkeState.DELETING:
            return [*turn.actions, *self._bury(old or sa, sa, "the peer deleted the ISAKMP SA")]
        self.table.put(old, sa)
        if sa.state is IkeState.CONNECTING:
            return turn.actions
        return [Keep(sa), *turn.actions]

    def say(self, sa: IkeSa, payloads: list[Payload], now: float) -> list[Action]:
        """Sends an informational message under ``sa``."""
        turn = self.turn(sa, new_exchange(INFORMATIONAL, 0, Role.INITIATOR, now), now)
        tell(turn, payloads)
        return self.commit(sa, turn, None)

    def end(self, sa: IkeSa, reason: str, *, orphan: bool = False) -> list[Action]:
        """Ends an ISAKMP SA without a word to the peer; its pairs find an heir unless they are to end as ``orphan``."""
        return [*self._bury(sa, sa, reason, orphan=orphan), Report(IkeDown(sa, reason))]

    def _bury(self, old: IkeSa, sa: IkeSa, reason: str, *, orphan: bool = False) -> list[Action]:
        self.table.drop(old)
        heirs = [other for other in self.table.of_peer(sa) if other.state is not IkeState.CONNECTING]
        if heirs and sa.children and not orphan:
            return [*self.adopt(heirs[-1], sa.children), Forget(sa)]
        ends: list[Action] = []
        for child in sa.children:
            ends += [Remove(child), Report(ChildDown(sa, child, reason))]
        unfinished = [exchange.quick.child for exchange in sa.exchanges if exchange.quick and exchange.quick.child]
        return [*ends, *map(Remove, unfinished), Forget(sa)]

    def adopt(self, heir: IkeSa, children: tuple[ChildSa, ...]) -> list[Action]:
        """Puts pairs of another ISAKMP SA under ``heir``, for they outlive the SA that made them; from now on they go
        where the heir goes.
        """
        if not children:
            return []
        encapsulates = heir.nat is not None and heir.nat.encapsulate
        adopted = tuple(
            _on_path(child, heir.path) if child.udp_encapsulation is encapsulates else child for child in children
        )
        grown = replace(heir, children=(*heir.children, *adopted))
        self.table.put(heir, grown)
        moved = [child for child, before in zip(adopted, children, strict=True) if child.path != before.path]
        return [Keep(grown), *map(Move, moved)]


def follow(sa: IkeSa, path: Path) -> tuple[IkeSa, list[Action]]:
    """``sa`` on a new path, and what makes its pairs take it, too."""
    if path == sa.path:
        return sa, []
    children = tuple(_on_path(child, path) for child in sa.children)
    return replace(sa, path=path, children=children), [Move(child) for child in children]


def _on_path(child: ChildSa, path: Path) -> ChildSa:
    """``child`` on a new path; in transport mode its traffic is that of the addresses there."""
    if child.mode is IpsecMode.TUNNEL:
        return replace(child, path=path)
    local, remote = child.local.with_address(path.local_host), child.remote.with_address(path.remote_host)
    return replace(child, path=path, local=local, remote=remote)


def _with_exchange(sa: IkeSa, exchange: Exchange) -> IkeSa:
    """``sa`` with ``exchange`` as it stands; one that is over stays only while its last message may be asked for."""
    if exchange.message_id == 0:
        return replace(sa, phase1=exchange)
    others = tuple([other for other in sa.exchanges if other.message_id != exchange.message_id])
    script = script_of(exchange)
    over = exchange.step == len(script.rows)
    if over and script.speaker(exchange.step - 1) is not exchange.role:
        return replace(sa, exchanges=others)
    return replace(sa, exchanges=(*others, exchange))
