"""Who stands behind an endpoint's sockets and notes what comes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence

from ikev1.core.records.path import UdpPath


class Recorder:
    """Notes what an endpoint hands on."""

    def __init__(self) -> None:
        self.isakmp: list[tuple[bytes, UdpPath]] = []
        self.esp: list[tuple[bytes, UdpPath]] = []
        self.in_order: list[bytes] = []
        self.largest_batch = 0
        self._changed = asyncio.Event()

    def receive_isakmp(self, datagrams: Sequence[tuple[bytes, UdpPath]]) -> None:
        self.isakmp += datagrams
        self.in_order += (datagram for datagram, _ in datagrams)
        self.largest_batch = max(self.largest_batch, len(datagrams))
        self._changed.set()

    def receive_esp(self, packets: Iterable[bytes | memoryview], path: UdpPath) -> None:
        self.esp += ((bytes(packet), path) for packet in packets)
        self.in_order += map(bytes, packets)
        self._changed.set()

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
