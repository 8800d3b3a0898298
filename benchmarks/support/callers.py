"""Callers who arrive one after another whatever becomes of those before: run as a program where they call from.

callers.py LOCAL REMOTE PORT IKE ESP COUNT EVERY FIRST     COUNT Main and Quick Modes, one every EVERY seconds; prints
                                                           the seconds that each took, ``inf`` where none came of it
"""

from __future__ import annotations

import math
import select
import socket
import sys
import time
from collections.abc import Iterable

from ikev1.core.engine import Engine
from ikev1.core.records.actions import Action, Report, Send
from ikev1.core.records.events import ChildUp
from ikev1.core.records.path import UdpPath
from ikev1.wire.header import NON_ESP_MARKER
from support.initiators import done, initiator

PATIENCE = 20.0  # seconds after the last arrival


class _Callers:
    """Those that are under way, by their cookies."""

    def __init__(self, local: str, remote: str, port: int) -> None:
        self._path = UdpPath(local, port, remote, port)
        self._marker = NON_ESP_MARKER if port == 4500 else b""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((local, port))
        self._under_way: dict[bytes, tuple[Engine, float]] = {}
        self.took: list[float] = []

    def call(self, engine: Engine) -> None:
        """One more arrives."""
        now = time.time()
        actions = engine.initiate("peer", "net", self._path, now)
        (cookie,) = {action.datagram[:8] for action in actions if isinstance(action, Send)}
        self._under_way[cookie] = engine, now
        self._send(actions)

    def serve(self, until: float) -> None:
        """Goes on with all of them until then."""
        while (left := until - time.time()) > 0 and (self._under_way or left > 0):
            readable, _, _ = select.select([self._socket], [], [], min(left, 0.05))
            if readable:
                self._receive(self._socket.recv(65535)[len(self._marker) :])
            for engine, _ in tuple(self._under_way.values()):
                if engine.deadline() <= time.time():
                    self._send(engine.expire(time.time()))

    def wait(self, seconds: float) -> None:
        """Goes on with those that are left, but not for longer than that."""
        end = time.time() + seconds
        while self._under_way and time.time() < end:
            self.serve(time.time() + 0.05)
        self.took += [math.inf] * len(self._under_way)

    def _receive(self, datagram: bytes) -> None:
        engine, begun = self._under_way.get(datagram[:8], (None, 0.0))
        if engine is None:
            return
        actions = done(engine, engine.receive(datagram, self._path, time.time()))
        self._send(actions)
        if any(isinstance(action, Report) and isinstance(action.event, ChildUp) for action in actions):
            self.took.append(time.time() - begun)
            del self._under_way[datagram[:8]]

    def _send(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self._socket.sendto(self._marker + action.datagram, (self._path.remote_host, self._path.remote_port))


def main(arguments: list[str]) -> None:
    """Call one responder."""
    local, remote, port, ike, esp, count, every, first = arguments
    callers = _Callers(local, remote, int(port))
    for number in range(int(count)):
        callers.call(initiator(int(first) + number, local, remote, ike, esp))
        callers.serve(time.time() + float(every))
    callers.wait(PATIENCE)
    print(*callers.took)


if __name__ == "__main__":
    main(sys.argv[1:])
