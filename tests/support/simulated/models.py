"""How other implementations behave: an engine of ours under another policy of rekeying, deleting and asking.

What they do is what their documentation, source or logs show; none of it is copied from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ikev1.core.engine import Engine
from ikev1.core.exchanges.informational import notify
from ikev1.core.machine import commands
from ikev1.core.machine.boundary import attempt
from ikev1.core.machine.transaction import Transaction
from ikev1.core.peer import vendor_ids
from ikev1.core.records.actions import Action, Report, Send
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import ChildUp, Code, Event, Failure, IkeDown, IkeUp, MessageSeen
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.path import UdpPath
from ikev1.wire.header import Header
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import Notification, VendorId
from ikev1.wire.registry import ExchangeType, NotifyType
from playbook import Datagram, say
from simulated.iv_memory import IvMemory
from simulated.node import Node

CONNECTION = "hub"  # what spokes call their connection


class Model(Node):
    """A node with a policy of its own, which is asked every few seconds."""

    TICK = 3.0
    REKEYS = False  # whether the engine follows its own timers of rekeying
    DPD_DELAY = 0.0  # seconds of silence after which its engine asks whether the hub is alive; 0: it has no DPD
    ASKS = True  # whether it notices by any means that the hub has lost its SAs, before they end
    ANSWERS = True  # whether it has dead peer detection: packets need not come from it to show that it has its SAs
    GIVES_UP = True  # whether an exchange of phase 2 without an answer ends its ISAKMP SA and the pairs
    ASKS_FOR = 0.0  # seconds after its first packet within which it notices that; 0: it notices it also when idle
    CALLS_WHEN_IDLE = True  # whether it calls without a packet that needs it
    INSTALLS_LATE = False  # whether it installs nothing before message 3 of a Quick Mode of its peer
    _muted = False

    def begins(self) -> None:
        """The world begins."""
        self.world.at(self.TICK, self._tick)

    def _tick(self) -> None:
        if not self.is_down:
            self.tick()
        self.world.at(self.TICK, self._tick)

    def tick(self) -> None:
        """Look at the SAs, and do what is due by the policy."""

    def failed(self, failure: Failure) -> None:
        """What does not answer is dead."""
        if not self.GIVES_UP or failure.code is not Code.PEER_SILENT or failure.sa is None:
            return
        for sa in self.sas_with(CONNECTION):
            if sa.cookies == failure.sa.cookies:
                self.wishes(Engine.close_ike, sa.unique_id)

    def receives_with(self, child: ChildSa) -> bool:
        """A pair that waits for message 3 may not be installed yet."""
        if not self.INSTALLS_LATE or child.initiator:
            return True
        sas = self.engine.of_connection(CONNECTION)
        known = (other for sa in sas for other in sa.children if other.inbound.spi == child.inbound.spi)
        return all(other.state is not ChildState.CREATED for other in known)

    def withholds(self, send: Send, following: Action | None) -> bool:
        """Nothing is sent of what the model does quietly."""
        return self._muted

    def quietly_closes(self, spis: set[int]) -> None:
        """Delete pairs without a word to the peer."""
        while dying := [child for child in self.pairs_with(CONNECTION) if child.inbound.spi in spis]:
            self._muted = True
            try:
                self.wishes(Engine.close_child, dying[0].unique_id)
            finally:
                self._muted = False

    def age(self, established_at: float) -> float:
        """Seconds since then, by the clock of the node."""
        return self.network.now - established_at

    def replaces_ike(self, sa: IkeSa) -> None:
        """Replace an ISAKMP SA."""
        self.wishes(Engine.rekey_ike, sa.unique_id)

    def calls_anew(self, sa: IkeSa) -> None:
        """Begin a phase 1 that is independent of the ISAKMP SAs that there are."""
        connection = self.engine.settings.connections[0]
        self.does(
            lambda engine: attempt(
                engine._state, self.network.now, lambda tx: commands.begin_phase1(tx, connection, sa.path, ())
            )
        )


class Ours(Model):
    """This gateway."""

    REKEYS = True
    DPD_DELAY = 20.0
    GIVES_UP = False

    def begins(self) -> None:
        """It has no policy but that of the engine."""


class Charon(Model):
    """strongSwan: each ISAKMP SA is replaced at its own ``rekey_time`` and remains until its end, ``over_time`` later.
    It has no rule for which of several is used: its pairs are where it last moved them, and end with that ISAKMP SA.
    A packet with an unknown SPI is dropped.

    It moves them twice: as initiator from the ISAKMP SA that is replaced, before message 1; as responder, in a job a
    moment after message 6, from the first ISAKMP SA that has any and is not being replaced. Ten seconds later it
    deletes those at which it looked for them. Threads take messages out of order. It remembers the IVs of
    `EXCHANGES` message IDs under each ISAKMP SA, and cannot decrypt the next message of an exchange before these.
    """

    DPD_DELAY = 20.0
    INSTALLS_LATE = True
    REKEY = 0.75, 0.97  # of the lifetime: no earlier, and no later
    DELETES_AFTER = 10.0  # seconds
    EXCHANGES = 3  # max_ikev1_exchanges

    def begins(self) -> None:
        """Nothing is known of any SA."""
        super().begins()
        self._owners: dict[int, bytes] = {}  # by inbound SPI of a pair: CKY_I of its ISAKMP SA
        self._moves: dict[bytes, tuple[float, bytes]] = {}  # when the pairs of an ISAKMP SA were moved, and to which
        self._rekeying: set[bytes] = set()
        self._rekey_at: dict[bytes, float] = {}
        self.ivs = IvMemory(self.EXCHANGES)

    def take(self, datagram: Datagram) -> None:
        """A thread takes the message, sometimes later."""
        delay = self.world.chance.choice((0.0, 0.0, 0.002, 0.02))
        if delay:
            self.world.at(delay, lambda: self._decrypt(datagram))
        else:
            self._decrypt(datagram)

    def _decrypt(self, datagram: Datagram) -> None:
        header = Header.parse(datagram.octets)
        sa = self.engine.sas.get(header.CKY_I + header.CKY_R)
        begun = sa is not None and any(exchange.message_id == header.message_id for exchange in sa.exchanges)
        if self.ivs.decrypts(header, begun=begun):
            super().take(datagram)

    def _send(self, path: UdpPath, octets: bytes, following: Action | None) -> None:
        self.ivs.sends(Header.parse(octets))
        super()._send(path, octets, following)

    def knows_no(self, spi: int, datagram: Datagram) -> None:
        """Nothing is sent."""

    def does(self, wish: Callable[[Engine], list[Action]]) -> None:
        """No ISAKMP SA has an heir, and each pair is under the one that has it."""
        super().does(wish)
        if not self.is_down:
            super().does(lambda engine: attempt(engine._state, self.network.now, self._straighten))

    def _straighten(self, tx: Transaction) -> None:
        up = {sa.CKY_I: sa for sa in self.sas_with(CONNECTION)}
        for sa in up.values():
            if sa.heir:
                tx.of(sa).change(state=IkeState.ESTABLISHED, heir=0, retires_at=0.0)
        for sa in self.engine.of_connection(CONNECTION):
            for child in sa.complete_children:
                owner = up.get(self._owners.get(child.inbound.spi, b""))
                if owner is not None and owner.cookies != sa.cookies:
                    ref, heir = tx.of(sa), tx.of(owner)
                    ref.change(children=tuple(other for other in ref.sa.children if other is not child))
                    heir.change(children=(*heir.sa.children, child))

    def tick(self) -> None:
        """Replace what has reached its ``rekey_time``: of the pairs of each ISAKMP SA the newest of each tunnel."""
        for sa in self.sas_with(CONNECTION):
            if sa.CKY_I not in self._rekeying and self.world.now >= self._rekey_at.get(sa.CKY_I, math.inf):
                self.replaces_ike(sa)
                return
        known = {sa.CKY_I for sa in self.engine.of_connection(CONNECTION)}
        self._ends({owner for owner in self._owners.values() if owner not in known})
        pairs = sorted(self.pairs_with(CONNECTION), key=lambda child: child.created_at)
        newest = {(self._owners.get(child.inbound.spi, b""), child.name): child for child in pairs}
        for child in newest.values():
            due = self.age(child.created_at) > self.REKEY[0] * (child.expires_at - child.created_at)
            if due and child.state is ChildState.INSTALLED and not self.engine.is_under_way(CONNECTION, child.name):
                self.wishes(Engine.rekey_child, child.unique_id)

    def replaces_ike(self, sa: IkeSa) -> None:
        """The pairs are moved before message 1 is sent."""
        known = {other.CKY_I for other in self.engine.sas.values()}
        self.calls_anew(sa)
        for other in self.engine.of_connection(CONNECTION):
            if other.CKY_I not in known:
                self._rekeying.add(sa.CKY_I)
                self._moves_pairs(sa.CKY_I, other.CKY_I)

    def happened(self, event: Event) -> None:
        """Move pairs a little late, and end those of an ISAKMP SA that ends."""
        match event:
            case ChildUp(sa, child):
                # The engine reports a pair some seconds after charon has it
                owner = sa.CKY_I
                while owner in self._moves and child.created_at < self._moves[owner][0]:
                    owner = self._moves[owner][1]
                self._owners[child.inbound.spi] = owner
            case IkeUp(sa):
                life = (sa.expires_at - sa.established_at) * self.world.chance.uniform(*self.REKEY)
                self._rekey_at[sa.CKY_I] = self.world.now + life
                if sa.role is Role.RESPONDER:
                    self.world.at(self.world.chance.choice((0.0, 0.004, 0.05)), lambda: self._adopts(sa.CKY_I))
            case IkeDown(sa):
                self._ends({sa.CKY_I})

    def _adopts(self, heir: bytes) -> None:
        """The job after message 6."""
        for sa in self.sas_with(CONNECTION):
            if heir == sa.CKY_I or sa.CKY_I in self._rekeying:
                continue
            self.world.at(self.DELETES_AFTER, lambda number=sa.unique_id: self._deletes(number))  # type: ignore[misc]
            if sa.CKY_I in self._owners.values():
                self._moves_pairs(sa.CKY_I, heir)
                break

    def _deletes(self, number: int) -> None:
        if any(sa.unique_id == number for sa in self.sas_with(CONNECTION)):
            self.wishes(Engine.close_ike, number)

    def _moves_pairs(self, giver: bytes, heir: bytes) -> None:
        self._moves[giver] = self.network.now, heir
        self._owners = {spi: heir if owner == giver else owner for spi, owner in self._owners.items()}

    def _ends(self, gone: set[bytes]) -> None:
        dying = {spi for spi, owner in self._owners.items() if owner in gone}
        self._owners = {spi: owner for spi, owner in self._owners.items() if spi not in dying}
        if dying:
            self.quietly_closes(dying)


class Pluto(Model):
    """libreswan: what carried nothing lately is not replaced, but ends."""

    DPD_DELAY = 20.0
    GIVES_UP = False
    MARGIN = 0.3  # of the lifetime, before its end

    def begins(self) -> None:
        """No packet was sent yet."""
        super().begins()
        self._used: dict[int, int] = {}

    def tick(self) -> None:
        """Replace what is about to end, if packets went through it since it was made."""
        busy = False
        for child in self.pairs_with(CONNECTION):
            used = bool(self.sequences.get(child.inbound.spi) or child.inbound.spi in self.windows)
            busy = busy or used
            ending = child.expires_at - self.network.now < self.MARGIN * (child.expires_at - child.created_at)
            idle = not used or child.state is not ChildState.INSTALLED
            if ending and not idle and not self.engine.is_under_way(CONNECTION, child.name):
                self.wishes(Engine.rekey_child, child.unique_id)
        sas = self.sas_with(CONNECTION)
        newest = sas[-1] if sas else None
        if (
            busy
            and newest is not None
            and newest.expires_at - self.network.now < self.MARGIN * (newest.expires_at - newest.established_at)
        ):
            calling = any(sa.is_call_of_ours for sa in self.engine.of_connection(CONNECTION))
            if not calling:
                self.calls_anew(newest)


class Windows(Model):
    """Windows: no DPD, and what is idle for five minutes is deleted. It calls again with the next packet."""

    IDLE = 300.0  # seconds
    CALLS_WHEN_IDLE = False
    ASKS = False
    ANSWERS = False

    def begins(self) -> None:
        """Idle time begins."""
        super().begins()
        self._busy_at = self.world.now
        self._count = 0

    def tick(self) -> None:
        """Delete what is idle."""
        count = sum(self.sequences.values()) + len(self.received)
        if count != self._count:
            self._count, self._busy_at = count, self.world.now
        if self.world.now - self._busy_at < self.IDLE:
            return
        for sa in self.sas_with(CONNECTION):
            self.wishes(Engine.close_ike, sa.unique_id)

    def happened(self, event: Event) -> None:
        """What is new is not idle."""
        if isinstance(event, ChildUp):
            self._busy_at = self.world.now

    def take(self, datagram: Datagram) -> None:
        """DPD is unknown: neither announced nor seen."""
        super().take(datagram._replace(octets=_without_dpd(datagram.octets)))

    def _send(self, path: UdpPath, octets: bytes, following: Action | None) -> None:
        super()._send(path, _without_dpd(octets), following)

    def withholds(self, send: Send, following: Action | None) -> bool:
        """No question about liveness is asked or answered."""
        seen = following.event if isinstance(following, Report) else None
        if isinstance(seen, MessageSeen) and any(
            payload.type in (NotifyType.R_U_THERE, NotifyType.R_U_THERE_ACK)
            for payload in seen.message.all(Notification)
        ):
            return True
        return super().withholds(send, following)


class Cisco(Model):
    """Cisco IOS: lifetimes of its own, told by RESPONDER-LIFETIME; asks R-U-THERE when it sent and heard nothing for
    ten seconds, and gives up after five tries.
    """

    TICK = 10.0
    INSTALLS_LATE = True
    ASKS_FOR = 100.0  # a packet within 20 seconds, and seven ticks
    REKEYS = True
    DPD_DELAY = 1e9  # the engine announces and answers DPD; the model asks
    TRIES = 5

    def begins(self) -> None:
        """Nothing was asked."""
        super().begins()
        self._sent = self._heard = self._messages = self._asked = 0

    def happened(self, event: Event) -> None:
        """A message that the ISAKMP SA protects is a sign of life."""
        if isinstance(event, MessageSeen) and not event.sent and event.message.header.encrypted:
            self._messages += 1

    def tick(self) -> None:
        """Ask on demand."""
        sent, heard = sum(self.sequences.values()), len(self.received) + self._messages
        went_out, came_in = sent > self._sent, heard > self._heard
        self._sent, self._heard = sent, heard
        if came_in or not (went_out or self._asked):
            self._asked = 0
            return
        sas = self.sas_with(CONNECTION)
        self._asked += 1
        if self._asked <= self.TRIES:
            for sa in sas[-1:]:
                self._asks(sa)
            return
        self._asked = 0
        for sa in sas:
            self.wishes(Engine.close_ike, sa.unique_id)
        self.quietly_closes({child.inbound.spi for child in self.pairs_with(CONNECTION)})

    def _asks(self, sa: IkeSa) -> None:
        question = notify(sa, NotifyType.R_U_THERE, self._asked.to_bytes(4))
        self.does(lambda engine: say(engine, sa, [question], self.network.now))


MODELS: dict[str, type[Model]] = {
    "ours": Ours,
    "charon": Charon,
    "pluto": Pluto,
    "windows": Windows,
    "cisco": Cisco,
}


def _without_dpd(octets: bytes) -> bytes:
    """A message of phase 1 in the clear without the vendor ID of DPD; any other one as it is."""
    header = Header.parse(octets)
    if header.encrypted or header.exchange not in (ExchangeType.IDENTITY_PROTECTION, ExchangeType.AGGRESSIVE):
        return octets
    payloads = parse_message(header, octets[28 : header.length]).payloads
    kept = [payload for payload in payloads if payload != VendorId(vendor_ids.DPD)]
    return octets if len(kept) == len(payloads) else build_message(header, kept)
