"""Initiators by the thousand, to load a responder: run as a program in the namespace that they call from.

initiators.py LOCAL REMOTE IKE ESP COUNT [FIRST]     complete Main and Quick Modes; prints how many came to an end

Each initiator is an engine of its own, with an identity (``peer7@lab``) and a network (10.128.0.7/32) of its own, as
the peers of a real gateway have. They share one socket on port 500, and at most `WINDOW` are under way at a time: then
nothing is lost and nobody waits long. What the initiators cost is not measured.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterable, Iterator

from ikev1.core.engine import Engine, without_data_plane
from ikev1.core.records.actions import Action, Report, Send
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.core.records.events import ChildUp
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, IpsecProposal, Policy, Settings, Tunnel
from ikev1.crypto.suites import parse_esp_proposal, parse_ike_proposal
from lab.charon import GATEWAY_ID, PSK

PEERS = "10.128.0.0/9"  # the networks behind the initiators
WINDOW = 16
PATIENCE = 10.0  # seconds without an answer


def initiator(number: int, local: str, remote: str, ike: str, esp: str) -> Engine:
    """The engine of one initiator; its connection is ``peer``, its tunnel ``net``."""
    phase1 = parse_ike_proposal(ike)
    phase2 = parse_esp_proposal(esp)
    esp_suite = IpsecSuite(phase2.encryption, phase2.key_length, phase2.integrity)
    behind = (0x0A800000 + number).to_bytes(4)
    tunnel = Tunnel(
        name="net",
        local=Selector(behind, behind),
        remote=Selector.parse("10.10.2.0/24"),
        proposals=(IpsecProposal(esp_suite, phase2.group),),
    )
    connection = Connection(
        name="peer",
        policies=(Policy(1, Phase1Suite(*phase1)),),
        tunnels=(tunnel,),
        secret=PSK.encode(),
        local_address=local,
        remote_address=remote,
        local_id=f"peer{number}@lab",
        remote_id=GATEWAY_ID,
    )
    return Engine(Settings((connection,)), os.urandom)


def done(engine: Engine, actions: list[Action]) -> list[Action]:
    """What is left to do: there is no data plane here."""
    return list(without_data_plane(engine, actions, os.urandom, time.time()))


class _Load:
    """The initiators that are under way, by their cookies."""

    def __init__(self, local: str, remote: str) -> None:
        self._path = UdpPath(local, 500, remote, 500)
        self._engines: dict[bytes, Engine] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE)
        self._socket.bind((local, 500))

    def run(self, engines: Iterator[Engine]) -> int:
        """Let them all call; returns how many came to an end. Those that wait in vain for `PATIENCE` end it."""
        completed = 0
        for engine in engines:
            actions = done(engine, engine.initiate("peer", "net", self._path, time.time()))
            self._send(actions, engine)
            while len(self._engines) >= WINDOW and self._receive():
                completed += 1
        while self._engines and self._receive():
            completed += 1
        return completed

    def _receive(self) -> bool:
        """Until one more has come to an end; whether it did."""
        while True:
            try:
                datagram, _ = self._socket.recvfrom(65535)
            except TimeoutError:
                return False
            engine = self._engines.get(datagram[:8])
            if engine is None:
                continue
            actions = done(engine, engine.receive(datagram, self._path, time.time()))
            self._send(actions, engine)
            if any(isinstance(action, Report) and isinstance(action.event, ChildUp) for action in actions):
                del self._engines[datagram[:8]]
                return True

    def _send(self, actions: Iterable[Action], engine: Engine) -> None:
        for action in actions:
            if isinstance(action, Send):
                self._engines[action.datagram[:8]] = engine
                self._socket.sendto(action.datagram, (action.path.remote_host, action.path.remote_port))


def main(arguments: list[str]) -> None:
    """Load one responder."""
    local, remote, ike, esp, count = arguments[:5]
    first = int(arguments[5]) if len(arguments) > 5 else 1
    numbers = range(first, first + int(count))
    print(_Load(local, remote).run(initiator(number, local, remote, ike, esp) for number in numbers))


if __name__ == "__main__":
    main(sys.argv[1:])
