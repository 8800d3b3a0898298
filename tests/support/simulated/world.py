"""The network of a simulated world, its nodes, and what happens to them in time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from configured import connection, esp, policy, settings, tunnel
from ikev1.core.engine import Engine
from ikev1.core.records.events import ChildDown, ChildUp, Code, Event, Failure, IkeConfirmed, IkeDown, IkeUp, Note
from ikev1.core.records.settings import Aggressive, Connection, Mode, ProposalCheck, Settings
from ikev1.testing import Datagram, Delay, Duplication, Link, Loss, Mtu, Nat, Outage, Reordering
from simulated.invariants import EspKeys, Ivs
from simulated.models import CONNECTION, MODELS, Model
from simulated.node import ESP, Clock, Node
from simulated.plan import LINK_FAULTS, Fault, Plan, Spoke
from simulated.schedule import ScheduledNetwork

HUB = "198.51.100.1"
_IKE, _ESP = "aes128-sha256-x25519", "aes128-sha256"
_DPD_DELAY, _DPD_TIMEOUT = 20.0, 20.0  # seconds
_SMALL_MTU = 250  # octets: below a message with a KE payload, above most others
_LADDER = 400  # lines that are kept


class Way(NamedTuple):
    """A tunnel between the hub and a spoke, and the networks that it joins."""

    tunnel: str
    hub: str
    spoke: str


class World(ScheduledNetwork[Model]):
    """A hub, its spokes, and the links between them.

    Attributes:
        plan: what it was made from.
        chance: decides what no node draws: when packets are sent, and what a thread of a model does.
        hub: the gateway in the middle.
        spokes: the others.
        ways: by the name of a spoke, its tunnels.
        ladder: the last lines of what happened.
        sent_packets: how many packets were for a network behind a node, whether or not a pair carried them.
        lost_packets: how many of them had not arrived when the link was empty again.
        collided_at: when an engine last reported that both ends replaced the same SA at the same time.
        messages: how many ISAKMP datagrams were sent.
        happened: how often each kind of fault happened.
    """

    def __init__(self, plan: Plan, ivs: Ivs) -> None:
        super().__init__()
        self.ivs = ivs
        self.plan = plan
        self.began = self.now
        self.chance = Random(f"world {plan.seed}")
        self.esp_keys = EspKeys()
        self.ladder: list[str] = []
        self.sent_packets = self.lost_packets = self.messages = 0
        self.collided_at = -math.inf
        self.happened: Counter[str] = Counter()
        self.bad_links: dict[str, list[Link]] = {}
        self.slow_links: dict[str, Delay] = {}
        self.nats: dict[str, Nat] = {}
        self.died_at = -math.inf  # when a process ended last
        self.link = self._pass
        self.delay = self._delay_of
        names = [f"spoke{number}" for number in range(len(plan.spokes))]
        self.ways = {
            name: tuple(
                Way(tunnel, f"10.{place}.0.0/16", f"10.{place + number + 1}.0.0/16")
                for tunnel, place in (("net", 0), ("other", 100))[: plan.spokes[number].tunnels]
            )
            for number, name in enumerate(names)
        }
        for number, (name, spoke) in enumerate(zip(names, plan.spokes, strict=True)):
            if spoke.behind_nat:
                self.nats[name] = Nat(self.address_of(number), self.outside_of(number))
        self.hub = self._node("hub", HUB, self.settings_of("hub"), MODELS["ours"], Spoke())
        self.hub.keeps_esp = plan.hub_keeps_esp
        self.spokes = {
            name: self._node(name, self.address_of(number), self.settings_of(name), MODELS[spoke.kind], spoke)
            for number, (name, spoke) in enumerate(zip(names, plan.spokes, strict=True))
        }
        for node in self.peers.values():
            node.begins()

    # --- who there is

    def address_of(self, number: int) -> str:
        """The address of a spoke."""
        return f"192.0.2.{number + 10}"

    def outside_of(self, number: int) -> str:
        """The address at which the hub sees a spoke."""
        return f"203.0.113.{number + 10}" if self.plan.spokes[number].behind_nat else self.address_of(number)

    def settings_of(self, name: str, factor: float = 1.0) -> Settings:
        """The settings of a node; ``factor`` makes its lifetimes longer or shorter."""
        options = {"retransmit_timeout": 1.0, "retransmit_tries": 4} if self.plan.brisk else {}
        if name == "hub":
            connections = [self._connection(number, True, factor) for number in range(len(self.plan.spokes))]
        else:
            connections = [self._connection(int(name.removeprefix("spoke")), False, factor)]
        return settings(*connections, **options)

    def _connection(self, number: int, of_hub: bool, factor: float) -> Connection:
        spoke, name = self.plan.spokes[number], f"spoke{number}"
        own, other = (HUB, self.outside_of(number)) if of_hub else (self.address_of(number), HUB)
        ids = ("hub.example", f"{name}.example")
        if not of_hub:
            ids = ids[::-1]
        check = ProposalCheck.CLAIM if spoke.kind == "cisco" else ProposalCheck.OBEY
        return connection(
            own,
            other,
            *(
                tunnel(
                    way.tunnel,
                    way.hub,
                    way.spoke,
                    mirrored=not of_hub,
                    lifetime=int(spoke.child_lifetime * factor),
                    lifetime_set=True,
                    check=check,
                    proposals=(esp(_ESP),),
                )
                for way in self.ways[name]
            ),
            name=name if of_hub else CONNECTION,
            local_id=ids[0],
            remote_id=ids[1],
            secret=f"secret of {name}".encode(),
            mode=Mode.AGGRESSIVE if spoke.aggressive else Mode.MAIN,
            aggressive=Aggressive.ACCEPT_PSK,
            policies=(policy(_IKE, lifetime=int(spoke.ike_lifetime * factor), lifetime_set=True, check=check),),
            rekey=of_hub or MODELS[spoke.kind].REKEYS,
            dpd_delay=_DPD_DELAY if of_hub else MODELS[spoke.kind].DPD_DELAY,
            dpd_timeout=_DPD_TIMEOUT,
        )

    def _node(self, name: str, address: str, given: Settings, model: Callable[..., Model], spoke: Spoke) -> Model:
        seeded = f"{self.plan.seed} {name}"
        node = model(self, seeded, address, given, Clock(self, spoke.clock, spoke.rate))
        node.name, node.keeps_esp = name, spoke.keeps_esp
        self.peers[name] = node
        return node

    def receiver(self, datagram: Datagram) -> Model | None:
        """The node that has the address to which the datagram goes."""
        host = datagram.destination[0]
        for name, nat in self.nats.items():
            if host == nat.outside:
                return self.peers[name]
        return super().receiver(datagram)

    # --- links

    def spoke_of(self, datagram: Datagram) -> str:
        """The spoke at the one end of the datagram's way."""
        if datagram.sender != "hub":
            return datagram.sender
        receiver = self.receiver(datagram)
        return receiver.name if receiver is not None else "nobody"

    def send(self, datagram: Datagram) -> None:
        """Put a datagram on the link, and note what becomes of it."""
        before = len(self.flying) + len(self._delayed)
        super().send(datagram)
        self.sent.clear()
        if datagram.label != ESP:
            self.messages += 1
            self.ivs.sent(datagram.octets)
            arriving = len(self.flying) + len(self._delayed) - before
            receiver = self.receiver(datagram)
            arrow = ("-x", "->", "=>")[min(arriving, 2)]
            self.write(f"{datagram.sender} {arrow} {receiver.name if receiver else 'nobody'} {datagram.label}")

    def _pass(self, datagram: Datagram) -> list[Datagram]:
        name = self.spoke_of(datagram)
        under_way = [datagram]
        if name in self.nats:
            under_way = self.nats[name](datagram)
        for link in self.bad_links.get(name, ()):
            under_way = [passed for each in under_way for passed in link(each)]
        return under_way

    def _delay_of(self, datagram: Datagram) -> float:
        name = datagram.sender if datagram.sender != "hub" else self.spoke_of_address(datagram.destination[0])
        return self.slow_links[name](datagram) if name in self.slow_links else 0.0

    def spoke_of_address(self, host: str) -> str:
        """The spoke that has this address."""
        return next((name for name, node in self.spokes.items() if node.address == host), "nobody")

    # --- what happens

    def happens(self, fault: Fault) -> None:
        """Do to a node or a link what the fault says."""
        self.write(f"*** {fault}")
        self.happened[fault.kind] += 1
        node, number = self.peers[fault.who], int(self.now - self.began) + self.plan.seed
        match fault.kind:
            case "kill":
                node.is_killed_for(fault.seconds)
            case "amnesia":
                node.is_killed_for(fault.seconds, forgets=True)
            case "kill-in-store":
                node.is_killed_in_store(int(fault.share), fault.seconds)
            case "reload" if not node.is_down:
                node.is_given(self.settings_of(fault.who, self.chance.choice((1.0, 0.5, 2.0))))
            case "rebind":
                self.nats[fault.who].rebind()
            case "rekey-ike" | "rekey-child" | "close-child" | "close-ike":
                self._wish(node, fault.kind)
            case "delay":
                self.slow_links[fault.who] = Delay(0.0, fault.share, number)
                self.at(fault.seconds, lambda: self._hurry(fault.who))
            case _ if fault.kind in LINK_FAULTS:
                link = _bad_link(fault, number)
                self.bad_links.setdefault(fault.who, []).append(link)
                self.at(fault.seconds, lambda: self.mend(fault.who, link))

    def _hurry(self, name: str) -> None:
        self.slow_links.pop(name, None)

    def mend(self, name: str, link: Link | None = None) -> None:
        """Take a bad link away; None: all of them."""
        links = self.bad_links.get(name, [])
        links[:] = [each for each in links if link not in (None, each)]

    def _wish(self, node: Model, kind: str) -> None:
        sas = [sa for sa in node.engine.sas.values() if sa.is_up]
        pairs = [child for sa in sas for child in sa.complete_children]
        if kind == "rekey-ike" and sas:
            node.replaces_ike(sas[-1])
        elif kind == "close-ike" and sas:
            node.wishes(Engine.close_ike, sas[-1].unique_id)
        elif kind in ("rekey-child", "close-child") and pairs:
            node.wishes(Engine.rekey_child if kind == "rekey-child" else Engine.close_child, pairs[-1].unique_id)

    @property
    def is_idle(self) -> bool:
        """Whether nobody sends packets now."""
        return self.was_idle_within(0.0)

    def was_idle_within(self, seconds: float) -> bool:
        """Whether there was a moment within the last ``seconds`` when nobody sent packets."""
        elapsed = self.now - self.began
        return any(begin <= elapsed < end + seconds for begin, end in self.plan.idle)

    # --- what is told of it

    def figures(self) -> dict[str, int]:
        """How much was played: worlds, seconds, messages, packets, and for each kind of fault how often it happened."""
        played = {"worlds": 1, "seconds": int(self.now - self.began), "messages": self.messages}
        return played | {"packets": self.sent_packets} | self.happened

    def note(self, node: Node, event: Event) -> None:
        """An engine reported an event."""
        match event:
            case Note(Code.COLLISION):
                self.collided_at = self.now
                self.write(f"    {node.name}: collision")
            case Failure(code) | Note(code):
                self.write(f"    {node.name}: {code}")
            case IkeUp(sa) | IkeConfirmed(sa) | IkeDown(sa):
                told = getattr(event, "reason", "")
                self.write(f"    {node.name}: {type(event).__name__} #{sa.unique_id} {told}")
            case ChildUp(sa, child) | ChildDown(sa, child):
                told = getattr(event, "reason", "")
                self.write(f"    {node.name}: {type(event).__name__} #{child.unique_id} under #{sa.unique_id} {told}")

    def write(self, line: str) -> None:
        """Keep a line of the ladder."""
        self.ladder.append(f"{self.now - self.began:10.3f} {line}")
        if len(self.ladder) > 2 * _LADDER:
            del self.ladder[:_LADDER]


def _bad_link(fault: Fault, seed: int) -> Link:
    match fault.kind:
        case "loss":
            return Loss(fault.share, seed)
        case "duplication":
            return Duplication(fault.share, seed)
        case "reordering":
            return Reordering(fault.share, seed)
        case "outage":
            return Outage()
    return Mtu(_SMALL_MTU)
