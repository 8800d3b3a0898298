"""A clock, and datagrams under way between endpoints, whatever these are."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Generic, NamedTuple, Protocol, TypeVar

_SENT = re.compile(r"(?P<sender>\w+) +(?P<fate>->|-x|=>) +(?P<receiver>\w+) +(?P<label>.+)")
_TIME = re.compile(r"(?P<seconds>[0-9.]+) s pass")
_MOST = 2000  # datagrams without a pause: peers that send more will never stop


class Datagram(NamedTuple):
    """One datagram under way. ``datagram._replace(octets=...)`` is another one with other octets.

    Attributes:
        source: the address and port that it is sent from.
        destination: the address and port that it is sent to.
        octets: the UDP payload.
        label: its place in the exchange, such as ``MM1``; ``INFO`` for an informational message.
        sender: the name of the peer that sent it.
    """

    source: tuple[str, int]
    destination: tuple[str, int]
    octets: bytes
    label: str
    sender: str


class Station(Protocol):
    """What a network needs of an endpoint."""

    @property
    def name(self) -> str:
        """What it is called in `BaseNetwork.plays`."""

    @property
    def address(self) -> str:
        """Where datagrams for it go."""

    def receive(self, datagram: Datagram) -> None:
        """A datagram arrives."""

    def get_timer(self) -> float:
        """When it wants `handle_timer` to be called."""

    def handle_timer(self) -> None:
        """The clock of the network was moved on: do what is due, if anything is."""


StationT = TypeVar("StationT", bound=Station)


class BaseNetwork(Generic[StationT]):
    """A clock, the peers, and the datagrams under way between them.

    Attributes:
        now: seconds since the epoch.
        peers: by their names.
        link: decides what becomes of each datagram sent: a list of what goes on, empty if it is lost.
        delay: how many seconds a datagram is under way; none by default.
        flying: the datagrams under way that arrive next, the first of them first.
        sent: all that were sent, in order.
    """

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.peers: dict[str, StationT] = {}
        self.link: Callable[[Datagram], list[Datagram]] = lambda datagram: [datagram]
        self.delay: Callable[[Datagram], float] = lambda datagram: 0.0
        self.flying: deque[Datagram] = deque()
        self.sent: list[Datagram] = []
        self._delayed: list[tuple[float, int, Datagram]] = []  # a heap by the time of arrival
        self._numbers = 0

    def other(self, peer: StationT) -> StationT:
        """The other one of two peers."""
        (other,) = (each for each in self.peers.values() if each is not peer)
        return other

    def send(self, datagram: Datagram) -> None:
        """Put a datagram on the link."""
        self.sent.append(datagram)
        for passed in self.link(datagram):
            delay = self.delay(passed)
            if delay <= 0:
                self.flying.append(passed)
                continue
            self._numbers += 1
            heappush(self._delayed, (self.now + delay, self._numbers, passed))

    def receiver(self, datagram: Datagram) -> StationT | None:
        """The peer that has the address to which the datagram goes; None if no peer has it."""
        host = datagram.destination[0]
        return next((peer for peer in self.peers.values() if peer.address == host), None)

    def deliver(self, datagram: Datagram) -> None:
        """Deliver a datagram to the peer that has the address, if one has."""
        peer = self.receiver(datagram)
        if peer is not None:
            peer.receive(datagram)

    # --- time

    def wait(self, seconds: float) -> None:
        """Let time pass. Datagrams sent meanwhile stay under way.

        Args:
            seconds: how long.
        """
        end = self.now + seconds
        while (due := self._next()) <= end:
            self.now = max(self.now, due)
            self._arrive()
            for peer in self.peers.values():
                peer.handle_timer()
        self.now = end

    def _next(self) -> float:
        """When the next timer is due, or the next delayed datagram arrives."""
        due = self._delayed[0][0] if self._delayed else float("inf")
        for peer in self.peers.values():
            due = min(due, peer.get_timer())
        return due

    def _arrive(self) -> None:
        """Move the delayed datagrams that are due to those that arrive next."""
        while self._delayed and self._delayed[0][0] <= self.now:
            self.flying.append(heappop(self._delayed)[2])

    def settle(self) -> None:
        """Deliver all datagrams that are not delayed, the answers to them, and so on until there is none.

        Raises:
            AssertionError: the peers do not stop sending.
        """
        for _ in range(_MOST):
            if not self.flying:
                return
            self.deliver(self.flying.popleft())
        raise AssertionError(f"the peers do not stop sending: {self._line(self.flying[0])} ...")

    def run(self, seconds: float) -> None:
        """Let time pass. Datagrams arrive as soon as they are sent, or after `delay`.

        Args:
            seconds: how long; they pass at once.

        Raises:
            AssertionError: the peers do not stop sending.
        """
        end = self.now + seconds
        self.settle()
        while (due := self._next()) <= end:
            self.wait(max(0.0, due - self.now))
            self.settle()
        self.now = end

    # --- conversations

    def plays(self, *lines: str) -> None:
        """Expect exactly these datagrams, in this order, and then none.

        Args:
            lines: ``"alice -> bob MM1"``: a datagram that is delivered; ``"alice -x bob MM1"``: one that is lost;
                ``"alice => bob MM1"``: one that is delivered twice; ``"5 s pass"``: so many seconds pass.

        Raises:
            AssertionError: another datagram, or none, was sent; the text shows all up to there.
        """
        seen: list[str] = []
        for line in lines:
            sent, time = _SENT.fullmatch(line), _TIME.fullmatch(line)
            if time is not None:
                self.wait(float(time["seconds"]))
                seen.append(line)
                continue
            assert sent is not None, f"{line!r} is no line of a conversation"
            assert self.flying, f"nothing was sent instead of {line!r} after {seen}"
            datagram = self.flying.popleft()
            seen.append(self._line(datagram, sent["fate"]))
            assert seen[-1] == " ".join(line.split()), f"after {seen[:-1]}"
            for _ in range(("-x", "->", "=>").index(sent["fate"])):
                self.deliver(datagram)
        assert [self._line(datagram) for datagram in self.flying] == [], f"after {seen}"

    def _line(self, datagram: Datagram, fate: str = "->") -> str:
        receiver = self.receiver(datagram)
        return f"{datagram.sender} {fate} {receiver.name if receiver else 'nobody'} {datagram.label}"

    def labels(self, sender: str) -> Sequence[str]:
        """The labels of all datagrams that one peer sent so far, in order."""
        return [datagram.label for datagram in self.sent if datagram.sender == sender]
