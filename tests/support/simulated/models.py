"""How other implementations behave: an engine of ours under another policy of rekeying, deleting and asking.

What they do is what their documentation, source or logs show; none of it is copied from them.
"""

from __future__ import annotations

from ikev1.core.engine import Engine
from ikev1.core.exchanges.informational import notify
from ikev1.core.machine import commands
from ikev1.core.machine.boundary import attempt
from ikev1.core.peer import vendor_ids
from ikev1.core.records.actions import Action, Report, Send
from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.events import ChildUp, Code, Event, Failure, IkeUp, MessageSeen
from ikev1.core.records.ike_sa import IkeSa
from ikev1.wire.header import Header
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import Delete, Notification, VendorId
from ikev1.wire.registry import ExchangeType, NotifyType, ProtocolId
from playbook import Datagram, say
from simulated.node import Node

CONNECTION = "hub"  # what spokes call their connection


class Model(Node):
    """A node with a policy of its own, which is asked every few seconds."""

    TICK = 3.0
    REKEYS = False  # whether the engine follows its own timers of rekeying
    DPD_DELAY = 0.0  # seconds of silence after which its engine asks whether the hub is alive; 0: it has no DPD
    ASKS = True  # whether it notices by any means that the hub has lost its SAs, before they end
    GIVES_UP = True  # whether an exchange of phase 2 without an answer ends its ISAKMP SA and the pairs
    CALLS_WHEN_IDLE = True  # whether it calls without a packet that needs it
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
    """strongSwan: whoever's ``rekey_time`` comes first replaces phase 1 by a new one and keeps the old one until its
    end (``over_time`` later); jobs of a pool of threads take messages out of order, and another job hands the pairs
    over to the new ISAKMP SA. A Delete that comes before that ends the pairs with the old one.
    """

    DPD_DELAY = 20.0
    REKEY = 0.75  # of the lifetime

    def begins(self) -> None:
        """Nothing is known of any SA."""
        super().begins()
        self._owners: dict[int, bytes] = {}
        self._adopted = b"", 0.0  # the ISAKMP SA that has all older pairs, and since when
        self._replaced: set[bytes] = set()

    def take(self, datagram: Datagram) -> None:
        """A thread takes the message, sometimes later."""
        delay = self.world.chance.choice((0.0, 0.0, 0.002, 0.02))
        if delay:
            self.world.at(delay, lambda: super(Charon, self).take(datagram))
        else:
            super().take(datagram)

    def tick(self) -> None:
        """Replace what has reached its ``rekey_time``; a pair that the peer replaced is not touched."""
        sas = self.sas_with(CONNECTION)
        for sa in sas:
            lifetime = sa.expires_at - sa.established_at
            if self.age(sa.established_at) > self.REKEY * lifetime and sa.cookies not in self._replaced:
                self._replaced.add(sa.cookies)
                if sa is sas[-1]:
                    self.calls_anew(sa)
        for child in self.pairs_with(CONNECTION):
            due = self.age(child.created_at) > self.REKEY * (child.expires_at - child.created_at)
            if due and child.state is ChildState.INSTALLED and not self.engine.is_under_way(CONNECTION, "net"):
                self.wishes(Engine.rekey_child, child.unique_id)

    def happened(self, event: Event) -> None:
        """Hand pairs over a little late, and end those of an ISAKMP SA that the peer deletes."""
        match event:
            case ChildUp(sa, child):
                # The engine reports a pair some seconds after charon has it, and hands it over
                adopter, adopted_at = self._adopted
                self._owners[child.inbound.spi] = adopter if child.created_at < adopted_at else sa.cookies
            case IkeUp(sa):
                self.world.at(self.world.chance.choice((0.0, 0.004, 0.05)), lambda: self._adopts(sa.cookies))
            case MessageSeen(_, False, _, _, message):
                for payload in message.all(Delete):
                    if payload.protocol == ProtocolId.ISAKMP:
                        self._ends(set(payload.spis))

    def _adopts(self, cookies: bytes) -> None:
        self._adopted = cookies, self.network.now
        self._owners = dict.fromkeys(self._owners, cookies)

    def _ends(self, cookies: set[bytes]) -> None:
        dying = {spi for spi, owner in self._owners.items() if owner in cookies}
        if dying:
            self.quietly_closes(dying)
        self._owners = {spi: owner for spi, owner in self._owners.items() if spi not in dying}


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
            if ending and not idle and not self.engine.is_under_way(CONNECTION, "net"):
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

    def _send(self, path: object, octets: bytes, following: Action | None) -> None:
        changed = _without_dpd(octets)
        super()._send(path, changed, following)  # type: ignore[arg-type]

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
