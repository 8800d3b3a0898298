"""A world of remote users, played from start to end."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from configured import IKE, connection, esp, policy, settings, suite, tunnel
from ikev1.core.engine import Engine
from ikev1.core.records.actions import Action
from ikev1.core.records.events import ChildDown, ChildUp, Code, Event, Failure, IkeDown, IkeUp, Note
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfigMethod
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import XauthQuestions
from ikev1.core.records.settings import Aggressive, Mode, Pool, Settings, XauthRole
from ikev1.testing import Datagram, Delay, Duplication, Link, Loss, Outage, Reordering
from ikev1.wire.registry import AuthenticationMethod, ConfigAttribute
from playbook import Peer
from simulated.invariants import Violation
from simulated.plan import Fault
from simulated.remote_gateway import CODE, PASSWORD, RemoteGateway
from simulated.remote_plan import ANY, LINK_FAULTS, RemotePlan
from simulated.schedule import ScheduledNetwork

GATEWAY, NAT = "198.51.100.1", "203.0.113.1"
_XAUTH = int(AuthenticationMethod.XAUTH_INIT_PRE_SHARED)
_CALLS = 3.0  # seconds from one look of a client at its tunnel to the next
_PAUSES = (0.0, 12.0)  # seconds after a call within which a client does not call again: the first, and all others
_QUIET = 70.0  # seconds: longer than it takes to find a dead peer, and to call again
_GONE = 150.0  # seconds: longer than a pair lives
_LINES = 60


class Client(Peer):
    """A client that wants to be connected.

    Attributes:
        user_name: whose client it is.
        wants: whether it calls when it has no pair.
        wrong: how many wrong passwords it is to give yet.
    """

    def __init__(self, world: RemoteWorld, number: int) -> None:
        plan, address = world.plan, f"192.0.2.{10 + number}"
        super().__init__(world, f"client{number}", address, world.settings_of(number, address))  # type: ignore[arg-type]
        self.world, self.number = world, number
        self.user_name = plan.users[number]
        self.wrong = plan.wrong[number] if plan.wrong else 0
        self.wants = True
        self.user = self._typed
        self._not_before, self._pause = 0.0, _PAUSES[0]

    def _typed(self, questions: XauthQuestions) -> dict[int, bytes]:
        who = self.user_name.encode()
        values = {
            ConfigAttribute.XAUTH_USER_NAME.value: who,
            ConfigAttribute.XAUTH_USER_PASSWORD.value: PASSWORD + who,
            ConfigAttribute.XAUTH_PASSCODE.value: CODE + who,
        }
        if self.wrong and ConfigAttribute.XAUTH_USER_PASSWORD in questions.kinds:
            self.wrong -= 1
            values[ConfigAttribute.XAUTH_USER_PASSWORD.value] = b"wrong"
        return {kind: values[kind] for kind in questions.kinds}

    def looks(self) -> None:
        """Call the gateway if there is no pair."""
        if self.children:
            self._not_before, self._pause = self.network.now, _PAUSES[0]
        elif self.wants and self.network.now >= self._not_before and not self.engine.is_under_way("peer", "net"):
            self._not_before, self._pause = self.network.now + self._pause, _PAUSES[1]
            self.calls(host=GATEWAY)

    def vanishes(self, address: str | None = None) -> None:
        """The device loses all it knows, without a word; perhaps it is elsewhere then."""
        self.stored.clear()
        self.address = address or self.address
        self.settings = self.world.settings_of(self.number, self.address)
        self.is_killed()

    def leaves(self) -> None:
        """The user disconnects, also from pairs whose ISAKMP SA has expired."""
        for sa in [sa for sa in self.engine.sas.values() if sa.is_up]:
            if sa.cookies in self.engine.sas:
                self.wishes(Engine.close_ike, sa.unique_id)
        for child in self.children:
            self.wishes(Engine.close_child, child.unique_id)

    def wishes(self, wish: Callable[[Engine, int, float], list[Action]], number: int) -> None:
        """Call a method of the engine for the SA of this number."""
        self.does(lambda engine: wish(engine, number, self.network.now))

    def does(self, wish: Callable[[Engine], list[Action]]) -> None:
        """Have the engine do something."""
        super().does(wish)
        self.world.read(self)


class RemoteWorld(ScheduledNetwork[Peer]):
    """The gateway, its clients, and the links between them.

    Attributes:
        ladder: the last lines of what happened.
        logins: how many XAUTH were completed at the gateway.
    """

    def __init__(self, plan: RemotePlan) -> None:
        super().__init__()
        self.plan, self.began, self.reborn = plan, self.now, False
        self.chance = Random(f"remote world {plan.seed}")
        self.ladder: list[str] = []
        self.links: dict[str, list[Link]] = {}
        self.slow: dict[str, Delay] = {}
        self.link, self.delay = self._pass, self._delay_of
        self._ports: dict[tuple[str, int], int] = {}  # of the NAT
        self._moves = 0
        self.gateway = RemoteGateway(self, GATEWAY, self.settings_of(None))
        self.peers["gateway"] = self.gateway
        self.clients = [Client(self, number) for number in range(len(plan.users))]
        self.peers |= {client.name: client for client in self.clients}

    def settings_of(self, number: int | None, address: str = "", factor: float = 1.0) -> Settings:
        """The settings of a client, or of the gateway; ``factor`` makes the lifetimes longer or shorter."""
        plan = self.plan
        phase1 = replace(policy(lifetime=int(100 * factor)), suite=replace(suite(IKE), authentication=_XAUTH))
        both: dict[str, Any] = {
            "policies": (phase1,),
            "mode": Mode.AGGRESSIVE if plan.aggressive else Mode.MAIN,
            "aggressive": Aggressive.ACCEPT_PSK,
            "mode_config": ModeConfigMethod.PUSH if plan.push else ModeConfigMethod.PULL,
            "dpd_delay": 15.0,
            "dpd_timeout": 15.0,
            "xauth_timeout": 20.0,
        }
        quick = {"retransmit_timeout": 1.0, "retransmit_tries": 4}
        life: dict[str, Any] = {"lifetime": int(60 * factor), "proposals": (esp(),)}
        if number is None:
            pool = Pool("office", ((bytes([10, 99, 0, 10]), bytes([10, 99, 0, 9 + plan.pool])),))
            serves = {"xauth": XauthRole.SERVER, "pools": ("office",), "unique": plan.unique}
            given = both | serves | {"local_id": "gw", "xauth_attempts": plan.attempts}
            net = tunnel("net", "10.1.0.0/16", None, **life)
            return settings(connection(GATEWAY, "%any", net, **given), pools=(pool,), **quick)
        suggests = plan.suggests[number] if plan.suggests else ANY
        asks = {"xauth": XauthRole.CLIENT, "vips": (suggests,), "local_id": "group@lab", "remote_id": "gw"}
        net = tunnel("net", None, "10.1.0.0/16", **life)
        return settings(connection(address, GATEWAY, net, **both | asks), **quick)

    # --- links

    def _inside(self, port: int) -> tuple[str, int] | None:
        """The address and port of the client to which a port of the NAT belongs."""
        return next((key for key, outer in self._ports.items() if outer == port), None)

    def receiver(self, datagram: Datagram) -> Peer | None:
        """The peer that has the address, or the client behind the NAT that has the port."""
        host, port = datagram.destination
        if host == NAT:
            inside = self._inside(port)
            host = "" if inside is None else inside[0]
        return next((peer for peer in self.peers.values() if peer.address == host), None)

    def deliver(self, datagram: Datagram) -> None:
        """Deliver a datagram, translated if it goes to the NAT."""
        peer = self.receiver(datagram)
        if peer is None:
            return
        inside = self._inside(datagram.destination[1]) if datagram.destination[0] == NAT else None
        peer.receive(datagram if inside is None else datagram._replace(destination=inside))

    def _pass(self, datagram: Datagram) -> list[Datagram]:
        name = self._client_of(datagram)
        under_way, client = [datagram], self.peers.get(name)
        if isinstance(client, Client) and client.number < self.plan.behind_nat and datagram.sender != "gateway":
            port = self._ports.setdefault(datagram.source, 40_001 + len(self._ports))
            under_way = [datagram._replace(source=(NAT, port))]
        for link in self.links.get(name, ()):
            under_way = [passed for each in under_way for passed in link(each)]
        ends = f"gateway {name}" if datagram.sender == "gateway" else f"{name} gateway"
        sender, receiver = ends.split()
        self.write(f"{sender} {('-x', '->', '=>')[min(2, len(under_way))]} {receiver} {datagram.label}")
        self.sent.clear()
        return under_way

    def _delay_of(self, datagram: Datagram) -> float:
        slow = self.slow.get(self._client_of(datagram))
        return 0.0 if slow is None else slow(datagram)

    def _client_of(self, datagram: Datagram) -> str:
        if datagram.sender != "gateway":
            return datagram.sender
        receiver = self.receiver(datagram)
        return "nobody" if receiver is None else receiver.name

    # --- time

    def looks(self) -> None:
        """The clients look at their tunnels now and then."""
        for client in self.clients:
            client.looks()
        self.gateway.is_bounded()
        self.at(_CALLS, self.looks)

    # --- what happens

    def happens(self, fault: Fault) -> None:
        """Do what the fault says."""
        self.write(f"*** {fault}")
        number = int(self.now - self.began) + self.plan.seed
        match fault.kind:
            case "kill":
                self.gateway.is_killed_for(fault.seconds)
            case "kill-in-store":
                self.gateway.is_killed_in_store(int(fault.share), fault.seconds)
            case "reload":
                self.gateway.is_given(self.settings_of(None, factor=self.chance.choice((1.0, 2.0))))
            case "delay":
                self.slow[fault.who] = Delay(0.0, fault.share, number)
                self.at(fault.seconds, lambda: self._hurry(fault.who))
            case _ if fault.kind in LINK_FAULTS:
                link = _bad_link(fault, number)
                self.links.setdefault(fault.who, []).append(link)
                self.at(fault.seconds, lambda: self.mend(fault.who, link))
            case _:
                client = self.peers[fault.who]
                assert isinstance(client, Client)
                self._befalls(client, fault)

    def _befalls(self, client: Client, fault: Fault) -> None:
        self._moves += 1
        match fault.kind:
            case "vanishes":
                client.vanishes()
            case "moves":
                client.vanishes(f"192.0.2.{100 + self._moves}")
            case "rebind":
                for place, key in enumerate(key for key in self._ports if key[0] == client.address):
                    self._ports[key] = 50_000 + 100 * self._moves + place
            case "leaves":
                client.wants = False
                client.leaves()
                self.at(fault.seconds, lambda: setattr(client, "wants", True))
            case "is-closed":
                if sas := self.sas_of(client.user_name):
                    self.gateway.wishes(Engine.close_ike, sas[-1].unique_id)

    def _hurry(self, name: str) -> None:
        self.slow.pop(name, None)

    def mend(self, name: str, link: Link | None = None) -> None:
        """Take a bad link away; None: all of them."""
        self.links[name] = [each for each in self.links.get(name, []) if link not in (None, each)]

    def sas_of(self, user: str) -> list[IkeSa]:
        """The ISAKMP SAs of a user at the gateway that are up."""
        return [sa for sa in self.gateway.engine.sas.values() if sa.user_name == user and sa.is_current]

    # --- what is told of it

    def read(self, peer: Peer) -> None:
        """Read the events of a peer.

        Raises:
            Violation: an engine reports an internal error.
        """
        events, peer.events = peer.events, []
        for event in events:
            self._note(peer.name, event)

    def _note(self, name: str, event: Event) -> None:
        match event:
            case Failure(Code.INTERNAL_ERROR):
                raise Violation(f"{name}: {event.text}")
            case Failure() | Note():
                self.write(f"    {name}: {event.code} {event.text}")
            case IkeUp(sa) | IkeDown(sa):
                self.write(f"    {name}: {type(event).__name__} #{sa.unique_id} {getattr(event, 'reason', '')}")
            case ChildUp(sa, child) | ChildDown(sa, child):
                self.write(f"    {name}: {type(event).__name__} #{child.unique_id} under #{sa.unique_id}")

    def write(self, line: str) -> None:
        """Keep a line of the ladder."""
        self.ladder.append(f"{self.now - self.began:10.3f} {line}")


def _bad_link(fault: Fault, seed: int) -> Link:
    match fault.kind:
        case "loss":
            return Loss(fault.share, seed)
        case "duplication":
            return Duplication(fault.share, seed)
        case "reordering":
            return Reordering(fault.share, seed)
    return Outage()


def run_remote(plan: RemotePlan) -> RemoteWorld:
    """Play a plan.

    Raises:
        Violation: an invariant does not hold; the text has the plan and the end of the conversation.
    """
    world = RemoteWorld(plan)
    try:
        _play(world)
    except Exception as error:
        kind = "" if isinstance(error, Violation) else f"{type(error).__name__}: "
        ladder = "\n".join(world.ladder[-_LINES:])
        raise Violation(f"{kind}{error}\n{ladder}\n{plan}") from error
    return world


def _play(world: RemoteWorld) -> None:
    plan = world.plan
    for fault in plan.faults:
        world.at(fault.at, lambda fault=fault: world.happens(fault))  # type: ignore[misc]
    world.looks()
    world.plays_until(world.began + plan.duration)
    world.write("--- the faults end")
    world.slow.clear()
    for client in world.clients:
        world.mend(client.name)
    world.gateway.is_not_killed()
    world.gateway.fickle = 0.0
    back = max((world.began + fault.ends_at for fault in plan.faults), default=world.now)
    world.plays_until(max(world.now, back) + _QUIET)
    _agree(world)
    for client in world.clients:
        client.wants = False
        client.leaves()
    world.plays_until(world.now + _GONE)
    left = {address for address, lease in world.gateway.pools.leases.items() if lease.online}
    if left or world.gateway.inbound:
        raise Violation(f"everybody is gone, but {left} are leased, with pairs {list(world.gateway.inbound)}")


def _agree(world: RemoteWorld) -> None:
    """Check that the gateway and each client agree on the user, the address and the pair; if all can be connected, that
    they are.
    """
    gateway, fit = world.gateway, world.plan.all_fit
    for client in world.clients:
        for sa in client.engine.sas.values():
            ours = gateway.engine.sas.get(sa.cookies)
            if sa.received is None or not sa.is_current or ours is None or not ours.is_current:
                continue  # it was closed for another client of the user, whose turn it is
            if ours.user_name != client.user_name or ours.assigned_addresses != sa.received.addresses:
                raise Violation(f"{client.name} has {sa.received.addresses}, the gateway {ours.assigned_addresses}")
        if fit and len(client.outbound) != 1:
            raise Violation(f"{client.name} has {len(client.outbound)} pairs")
        for child in client.outbound.values():
            if fit and child.outbound.spi not in gateway.inbound:
                raise Violation(f"{client.name} sends with a pair that the gateway does not have")
