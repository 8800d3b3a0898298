"""An `Ike` at an address of a network in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ikev1.core.records.actions import CheckCertificate
from ikev1.core.records.certificate_check import CertificateVerdict
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import ChildDown, ChildUp, Code, Failure
from ikev1.core.records.settings import Connection
from ikev1.library.events import Event
from ikev1.library.ike import Ike
from ikev1.library.translate_errors import Misuse
from ikev1.testing.network import BaseNetwork, Datagram
from ikev1.testing.randomness import Randomness

EventType = TypeVar("EventType", bound=Event)


class Peer:
    """An `ikev1.Ike` at an address of a network; `Network.peer` makes one.

    Attributes:
        name: its name in the network.
        address: its only address; it has the ports 500 and 4500.
        ike: the endpoint itself. Call its methods through `does`, which sends what follows.
        random: its seeded randomness.
        events: all events, in order.
        check_certificate: answers `ikev1.events.CheckCertificate`, given the question and the time, as
            `ikev1.check_certificate` does; None, the default, leaves the question in ``events``.
    """

    def __init__(self, network: Network, name: str, address: str, *connections: Connection) -> None:
        self.network = network
        self.name = name
        self.address = address
        self.random = Randomness(name)
        self.ike = Ike(*connections, random=self.random)
        self.events: list[Event] = []
        self.check_certificate: Callable[[CheckCertificate, float], CertificateVerdict] | None = None
        self._labels: dict[bytes, str] = {}  # of datagrams that may be repeated

    # --- what it does

    def connect(self, tunnel: str | None = None, *, connection: str | None = None, host: str | None = None) -> None:
        """Bring up a tunnel.

        Args:
            tunnel: the name of the tunnel; None for the ISAKMP SA alone.
            connection: the name of the connection; by default the only one.
            host: the address of the peer; by default that of the other one of the network.

        Raises:
            LocalError: there is no such connection or tunnel, or there are several connections.
        """
        if connection is None:
            names = [known.name for known in self.ike.connections]
            if len(names) != 1:
                raise Misuse(f"connect: {self.name} has {len(names)} connections: say which of {names}")
            (connection,) = names
        wanted, local, remote = connection, (self.address, 500), (host or self.network.other(self).address, 500)
        self.does(lambda ike: ike.connect(wanted, tunnel, local, remote, self.network.now))

    def does(self, work: Callable[[Ike], None]) -> None:
        """Call a method of the endpoint, send what follows, and collect its events.

        Args:
            work: ``work(ike)`` makes the call.
        """
        if self.network.restarts:
            self.restart()
        work(self.ike)
        self._flush()

    def restart(self) -> None:
        """Continue as a new process would, from `ikev1.Ike.state`."""
        self.ike = Ike.from_state(self.ike.state(), *self.ike.connections, random=self.random)

    def receive(self, datagram: Datagram) -> None:
        """A datagram arrives."""
        self.does(
            lambda ike: ike.receive_datagram(datagram.octets, datagram.destination, datagram.source, self.network.now)
        )

    def get_timer(self) -> float:
        """As `ikev1.Ike.get_timer`."""
        return self.ike.get_timer()

    def handle_timer(self) -> None:
        """Do what is due, if anything is."""
        if self.ike.get_timer() <= self.network.now:
            self.does(lambda ike: ike.handle_timer(self.network.now))

    def _flush(self) -> None:
        for datagram in self.ike.datagrams_to_send():
            if datagram.label:
                self._labels[datagram.octets] = datagram.label
            label = datagram.label or self._labels.get(datagram.octets, "INFO")
            self.network.send(Datagram(datagram.local, datagram.remote, datagram.octets, label, self.name))
        while (event := self.ike.next_event()) is not None:
            if isinstance(event, CheckCertificate) and self.check_certificate is not None:
                verdict = self.check_certificate(event, self.network.now)
                self.ike.certificate_checked(event.request, verdict, self.network.now)
                self._flush()
            else:
                self.events.append(event)

    # --- what became of it

    def saw(self, kind: type[EventType]) -> list[EventType]:
        """The events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def failures(self) -> list[Code]:
        """The codes of all failures, in order."""
        return [failure.code for failure in self.saw(Failure)]

    @property
    def children(self) -> list[ChildSa]:
        """The pairs of IPsec SAs that are up, with their keys, the oldest first."""
        gone = {event.child.unique_id for event in self.saw(ChildDown)}
        return [event.child for event in self.saw(ChildUp) if event.child.unique_id not in gone]

    @property
    def child(self) -> ChildSa:
        """The only pair of IPsec SAs that is up, with its keys.

        Raises:
            AssertionError: there are several, or none.
        """
        assert len(self.children) == 1, f"{self.name} has {len(self.children)} pairs of IPsec SAs: {self.failures}"
        return self.children[0]


class Network(BaseNetwork[Peer]):
    """A clock, peers, and the datagrams under way between them.

    Attributes:
        now (float): seconds since the epoch.
        peers (dict[str, Peer]): the peers by their names.
        link: decides what becomes of each datagram sent; by default each arrives.
        delay: how many seconds a datagram is under way, such as a `Delay`; none by default.
        flying: the datagrams under way that arrive next, the first of them first.
        sent: all datagrams that were sent, in order, whether or not they arrived.
        restarts (bool): as given.
    """

    def __init__(self, *, restarts: bool = False) -> None:
        """Make a network without peers.

        Args:
            restarts: whether each peer goes through `Peer.restart` before everything that it does, which shows that
                nothing is kept outside `ikev1.Ike.state`.
        """
        super().__init__()
        self.restarts = restarts

    def peer(self, name: str, address: str, *connections: Connection) -> Peer:
        """Add a peer.

        Args:
            name: its name, one word.
            address: its address.
            connections: made by `ikev1.psk` or `ikev1.certificate`.

        Raises:
            LocalError: raised by `ikev1.Ike`.
        """
        self.peers[name] = Peer(self, name, address, *connections)
        return self.peers[name]
