"""One end of a tunnel whose keys are given by hand: a data plane and the least loop around it. Run as a program.

    python esp_node.py '{"local": "10.1.0.0/16", "remote": "10.2.0.0/16", "here": "192.0.2.1", "there": "192.0.2.2"}'

It prints "ready", then answers each line on its standard input: ``up`` installs the pair, ``down`` removes it,
``trap`` installs a trap, ``release`` sends what waited in it, ``protect`` protects its traffic and ``unprotect`` none,
``counters`` prints all counters and events as JSON, ``quit`` ends it, ``close-protected`` too, and leaves the
protection. Both ends run it with the same options but for ``local`` and ``remote``, ``here`` and ``there``.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ikev1.core.records.child_sa import ChildSa, IpsecKeys, IpsecSuite
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.esp import segments
from ikev1.esp.plane import NetworkChanged, PacketsWait, PlaneEvent, Protected, Trap
from ikev1.esp.userspace import UserspacePlane

_PORT = 4500
_ETH_P_ALL = 3


class Node:
    """The plane, its UDP socket, and a witness that counts what the wire sees."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.child = _child(options)
        self.trapped = (Selector.parse(options["local"]), Selector.parse(options["remote"]))
        self.events: list[str] = []
        self.releases: list[Callable[[], None]] = []
        self.wire = {"esp": 0, "other": 0}
        here = options["here"]
        family = socket.AF_INET6 if ":" in here else socket.AF_INET
        self.udp = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.plane = UserspacePlane(self.note, self.send_udp)
        self.udp.bind((here, _PORT))
        self.plane.prepare_socket(self.udp, encapsulates=True)
        segments.enable_coalescing(self.udp)
        self.witness = socket.socket(
            socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(_ETH_P_ALL)
        )
        self.witness.bind(("eth0", _ETH_P_ALL))
        self.selector = selectors.DefaultSelector()
        for fd, callback in self.plane.readers():
            self.selector.register(fd, selectors.EVENT_READ, callback)
        self.selector.register(self.udp, selectors.EVENT_READ, self.read_udp)
        if options.get("witness", True):
            self.selector.register(self.witness, selectors.EVENT_READ, self.read_witness)

    def note(self, event: PlaneEvent) -> None:
        if isinstance(event, NetworkChanged):
            self.plane.follow()
            return
        self.events.append(type(event).__name__)
        if isinstance(event, PacketsWait):
            self.releases.append(event.release)

    def send_udp(self, path: UdpPath, packets: Sequence[bytes | memoryview]) -> int:
        return segments.send(self.udp, packets, (), (path.remote_host, path.remote_port))

    def read_udp(self) -> None:
        path = self.child.path
        try:
            for _ in range(16):
                data, ancillary, _, address = self.udp.recvmsg(65535, segments.ANCILLARY_SIZE)
                heard = path._replace(remote_host=address[0], remote_port=address[1])
                self.plane.receive(segments.split(data, ancillary), heard)
        except BlockingIOError:
            pass

    def read_witness(self) -> None:
        """Sort what passes the wire: ESP, or something else that is neither ARP nor neighbour discovery."""
        packet, address = self.witness.recvfrom(128)
        version = packet[0] >> 4
        if address[1] not in (0x0800, 0x86DD):
            return
        protocol, upper = (packet[9], (packet[0] & 15) * 4) if version == 4 else (packet[6], 40)
        ports = packet[upper : upper + 4]
        if protocol == 50 or (protocol == 17 and ports == 2 * _PORT.to_bytes(2)):
            self.wire["esp"] += 1
        elif protocol not in (2, 58, 0):
            self.wire["other"] += 1

    def counters(self) -> dict[str, Any]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "pair": self.plane.counters(self.child)._asdict(),
            "drops": self.plane.drops()._asdict(),
            "events": self.events,
            "wire": self.wire,
            "fragments": _fragments(),
            "cpu": usage.ru_utime + usage.ru_stime,
        }

    def obey(self, command: str) -> bool:
        if command == "up":
            self.plane.install_inbound(self.child)
            self.plane.install_outbound(self.child)
        elif command == "down":
            self.plane.remove(self.child)
        elif command == "trap":
            self.plane.install_trap(Trap("peer", "net", *self.trapped))
        elif command == "protect":
            self.plane.protect([Protected("peer", "net", *self.trapped)])
        elif command == "unprotect":
            self.plane.protect(())
        elif command == "close-protected":
            self.plane.close(keep_protected=True)
            print("done", flush=True)
            os._exit(0)
        elif command == "release":
            self.releases.pop()()
        elif command == "counters":
            print(json.dumps(self.counters()), flush=True)
            return True
        elif command == "quit":
            return False
        print("done", flush=True)
        return True

    def run(self) -> None:
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ, None)
        print("ready", flush=True)
        while True:
            for key, _ in self.selector.select():
                if key.data is not None:
                    key.data()
                elif not all(self.obey(line) for line in os.read(0, 4096).decode().splitlines() or ["quit"]):
                    self.plane.close()
                    return


def _child(options: dict[str, Any]) -> ChildSa:
    suite = IpsecSuite(*options.get("suite", (20, 128, 0)))
    encryption_key, integrity_key = (bytes.fromhex(key) for key in options.get("keys", (bytes(20).hex(), "")))
    here, there = options["here"], options["there"]
    return ChildSa(
        unique_id=1,
        name="net",
        connection="peer",
        suite=suite,
        inbound=IpsecKeys(_spi(here), encryption_key, integrity_key),
        outbound=IpsecKeys(_spi(there), encryption_key, integrity_key),
        local=Selector.parse(options["local"]),
        remote=Selector.parse(options["remote"]),
        path=UdpPath(here, _PORT, there, _PORT),
        udp_encapsulation=options.get("encapsulation", True),
        initiator=options.get("initiator", True),
        created_at=0.0,
    )


def _spi(address: str) -> int:
    return 0x1000 + int(address.replace("::", ".").rsplit(".", 1)[1])


def _fragments() -> int:
    """Fragments made or put together in this namespace, of IPv4 and IPv6."""
    total = 0
    with open("/proc/net/snmp") as snmp:
        names, values = [line.split()[1:] for line in snmp if line.startswith("Ip:")]
    counts = dict(zip(names, map(int, values), strict=True))
    total += counts["FragCreates"] + counts["ReasmReqds"]
    with open("/proc/net/snmp6") as snmp6:
        counts6 = {name: int(value) for name, value in (line.split() for line in snmp6)}
    return total + counts6["Ip6FragCreates"] + counts6["Ip6ReasmReqds"]


if __name__ == "__main__":
    Node(json.loads(sys.argv[1])).run()
