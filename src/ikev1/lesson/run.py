"""The exchange of a lesson: two engines, two UDP sockets on loopback, and real random numbers.

The lesson shows the actual messages and the actual state of the engines.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum

from ikev1.capture.records.packets import Datagram
from ikev1.core.engine import Engine, without_data_plane
from ikev1.core.records.actions import Action, InstallInbound, Report, Send
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import Failure
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import Record
from ikev1.core.records.settings import Settings
from ikev1.errors import LocalError
from ikev1.lesson.peers import CONNECTION, TUNNEL, initiator_settings, responder_settings

_HOSTS = ("127.0.0.1", "127.0.0.2")  # two: Wireshark distinguishes the peers by address
_TIMEOUT = 5.0  # seconds for a datagram on loopback
_MOST_MESSAGES = 32  # more than any lesson needs
_LARGEST = 65_535  # octets of a datagram


class Subject(StrEnum):
    """The subject of a lesson."""

    MAIN = "main"
    AGGRESSIVE = "aggressive"
    QUICK = "quick"


class LessonFailed(LocalError):
    """The exchange did not complete; the message states the reason."""

    code = "lesson-failed"


class Peer(Record, frozen=True):
    """The state of one peer: ``draws`` are the random octets it drew, ``states`` its ISAKMP SA after each step, and
    ``child`` its IPsec SA pair.
    """

    draws: tuple[bytes, ...]
    states: tuple[IkeSa, ...]
    child: ChildSa | None

    secret_fields = frozenset({"draws"})

    @property
    def sa(self) -> IkeSa:
        """The final ISAKMP SA."""
        return self.states[-1]


class Run(Record, frozen=True):
    """One exchange: the datagrams, and the state of both peers."""

    subject: Subject
    suite: str
    pre_shared_key: bytes
    datagrams: tuple[Datagram, ...]
    initiator: Peer
    responder: Peer

    secret_fields = frozenset({"pre_shared_key"})


class _End:
    """One peer during the run."""

    def __init__(self, settings: Settings, link: socket.socket) -> None:
        self.link = link
        self.draws: list[bytes] = []
        self.states: list[IkeSa] = []
        self.child: ChildSa | None = None
        self.engine = Engine(settings, self._draw)

    def _draw(self, octets: int) -> bytes:
        drawn = os.urandom(octets)
        self.draws.append(drawn)
        return drawn

    @property
    def port(self) -> int:
        """Its UDP port."""
        port: int = self.link.getsockname()[1]
        return port

    @property
    def host(self) -> str:
        """Its address."""
        host: str = self.link.getsockname()[0]
        return host

    def path_to(self, other: _End) -> UdpPath:
        """The UDP path to the other peer."""
        return UdpPath(self.host, self.port, other.host, other.port)

    def perform(self, actions: list[Action]) -> int:
        """Perform the actions of the engine; return the number of datagrams sent.

        Raises:
            LessonFailed: the engine reported a failure.
        """
        sent = 0
        self.states.extend(self.engine.sas.values())
        for action in without_data_plane(self.engine, actions, self._draw, time.time()):
            self.states.extend(self.engine.sas.values())
            match action:
                case Send(path, datagram):
                    self.link.sendto(datagram, (path.remote_host, path.remote_port))
                    sent += 1
                case InstallInbound(_, child):
                    self.child = child
                case Report(Failure() as failure):
                    raise LessonFailed(failure.text)
        return sent

    def peer(self) -> Peer:
        """The recorded state."""
        return Peer(tuple(self.draws), tuple(self.states), self.child)


def run(subject: Subject, suite: str, pre_shared_key: bytes) -> Run:
    """Run an exchange with ``suite`` in strongSwan's notation, such as ``aes128-sha256-modp2048``.

    Raises:
        ValueError: ``suite`` is unknown.
        LessonFailed: the exchange did not complete.
        OSError: the loopback interface is unavailable.
    """
    calls = initiator_settings(subject == Subject.AGGRESSIVE, suite, pre_shared_key)
    answers = responder_settings(suite, pre_shared_key)
    with _socket(_HOSTS[0]) as left, _socket(_HOSTS[1]) as right:
        initiator, responder = _End(calls, left), _End(answers, right)
        tunnel = TUNNEL if subject is Subject.QUICK else None
        begun = initiator.engine.initiate(CONNECTION, tunnel, initiator.path_to(responder), time.time())
        datagrams = tuple(_converse(initiator, responder, initiator.perform(begun)))
    return Run(subject, suite, pre_shared_key, datagrams, initiator.peer(), responder.peer())


@contextmanager
def _socket(host: str) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as link:
        link.bind((host, 0))
        link.settimeout(_TIMEOUT)
        yield link


def _converse(initiator: _End, responder: _End, sent: int) -> Iterator[Datagram]:
    """Yield every datagram as it is received; ``sent`` datagrams are already on their way to the responder."""
    speaker, listener, frame = initiator, responder, 0
    while sent:
        answered = 0
        for _ in range(sent):
            frame += 1
            if frame > _MOST_MESSAGES:
                raise LessonFailed(f"the exchange did not complete after {_MOST_MESSAGES} messages")
            payload, (source, source_port) = _received(listener)
            now = time.time()
            yield Datagram((frame,), now, source, source_port, listener.host, listener.port, False, payload)
            answered += listener.perform(listener.engine.receive(payload, listener.path_to(speaker), now))
        speaker, listener, sent = listener, speaker, answered


def _received(end: _End) -> tuple[bytes, tuple[str, int]]:
    try:
        payload, source = end.link.recvfrom(_LARGEST)
    except TimeoutError:
        raise LessonFailed(
            f"a datagram did not arrive within {_TIMEOUT:.0f} s; check the packet filter of the loopback interface"
        ) from None
    return payload, source
