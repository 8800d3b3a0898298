"""Who stands behind an endpoint's sockets and notes what comes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable

from ikev1.core.records.path import UdpPath


class Recorder:
    """Notes what an endpoint hands on."""

    def __init__(self, busy: Callable[[], None] = lambda: None) -> None:
        self.busy = busy  # called for each ISAKMP message
        self.isakmp: list[tuple[bytes, UdpPath]] = []
        self.esp: list[tuple[bytes, UdpPath]] = []
        self.in_order: list[bytes] = []
        self.largest_batch = 0
        self.largest_turn = 0  # the most packets of ESP before the event loop did other work
        self._turn = 0
        self._changed = asyncio.Event()

    def receive_isakmp(self, datagrams: Iterable[tuple[bytes, UdpPath]]) -> None:
        before = len(self.isakmp)
        for datagram, path in datagrams:
            self.isakmp.append((datagram, path))
            self.in_order.append(datagram)
            self.busy()
        self.largest_batch = max(self.largest_batch, len(self.isakmp) - before)
        self._changed.set()

    def receive_esp(self, packets: Iterable[bytes | memoryview], path: UdpPath) -> None:
        if not self._turn:
            asyncio.get_running_loop().call_soon(self._end_turn)
        before = len(self.esp)
        self.esp += ((bytes(packet), path) for packet in packets)
        self._turn += len(self.esp) - before
        self.in_order += map(bytes, packets)
        self._changed.set()

    def _end_turn(self) -> None:
        self.largest_turn = max(self.largest_turn, self._turn)
        self._turn = 0

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


def free_port(host: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
