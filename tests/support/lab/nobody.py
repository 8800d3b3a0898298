"""ikev1 as `ikev1 run` starts it, but with a data plane that takes every pair and carries nothing.

For what is negotiated on a machine whose kernel lacks ESP: ``nobody.py CONFIGURATION [--as NAME | --peer-of NAME]``.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path

from ikev1.config import GatewayOptions, Side, load
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.spi import drawn
from ikev1.daemon.host.data_plane_choice import PlaneChoice
from ikev1.daemon.process import run
from ikev1.esp.plane import Counters, Drops, Listener, Protected, Reader, RoutedInterface, SendUdp, Shunted, Trap
from ikev1.esp.reach import EVERYTHING, Reach


class Nobody:
    """A data plane for which ESP is somebody else's business."""

    def __init__(self, listener: Listener, send_udp: SendUdp) -> None:
        pass

    separates_clients = False

    def prepare_socket(self, udp: socket.socket, encapsulates: bool) -> None:
        pass

    def allocate_spi(self, path: UdpPath, protocol: int) -> int:
        return drawn(os.urandom, protocol)

    def adopt(self, children: Sequence[ChildSa]) -> frozenset[int]:
        return frozenset()

    def install_inbound(self, child: ChildSa) -> int:
        return 0

    def install_outbound(self, child: ChildSa) -> None:
        pass

    def remove(self, child: ChildSa) -> None:
        pass

    def move(self, child: ChildSa) -> None:
        pass

    def counters(self, child: ChildSa) -> Counters:
        return Counters()

    def drops(self) -> Drops:
        return Drops()

    def install_trap(self, trap: Trap) -> None:
        pass

    def remove_trap(self, connection: str, tunnel: str) -> None:
        pass

    def follow(self) -> None:
        pass

    def addresses(self) -> frozenset[str]:
        return frozenset()

    def hold_address(self, address: str, reach: Reach = EVERYTHING) -> None:
        pass

    def release_address(self, address: str) -> None:
        pass

    def receive(self, packets: Iterable[bytes | memoryview], path: UdpPath) -> None:
        pass

    def readers(self) -> Sequence[Reader]:
        return ()

    def protect(self, traffic: Collection[Protected]) -> None:
        pass

    def shunt(self, traffic: Collection[Shunted]) -> None:
        pass

    def interfaces(self, wanted: Collection[RoutedInterface]) -> None:
        self.routed = tuple(wanted)

    def close(self, *, keep_protected: bool = False) -> None:
        pass


def nobody(options: GatewayOptions) -> PlaneChoice:
    """The choice of this plane, whatever the configuration says."""
    return PlaneChoice("nobody", "only the negotiation matters", Nobody)


if __name__ == "__main__":
    file, *which = sys.argv[1:]
    side = Side(which[1], which[0] == "--peer-of") if which else None
    run(Path(file), load=partial(load, side=side), plane=nobody)
