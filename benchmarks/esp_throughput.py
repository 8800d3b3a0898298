"""What userspace ESP costs: TCP through a tunnel between two namespaces, in CPU seconds per GiB.

    PYTHONPATH=src python benchmarks/esp_throughput.py [--octets N] [--suite aes128gcm16|aes128-sha256] [--raw]

Both planes, both ends of the TCP connection and the wire between them share the machine, so the throughput is that of
all of them together. ``plane`` is what one plane's process used, ``machine`` what the whole machine did meanwhile.
It needs no root where user namespaces are permitted.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from esp_lab import INNER, NETWORKS, OUTER, Node, two_namespaces  # noqa: E402

_RECEIVE = """
import socket, sys
with socket.create_server((sys.argv[1], 7777)) as server:
    print("listening", flush=True)
    connection, _ = server.accept()
    room, total = bytearray(1 << 20), 0
    while size := connection.recv_into(room):
        total += size
    print(total, flush=True)
"""
_SEND = """
import socket, sys
left, block = int(sys.argv[2]), bytes(1 << 20)
with socket.create_connection((sys.argv[1], 7777)) as connection:
    while left > 0:
        left -= connection.send(block[:left])
"""
_SUITES: dict[str, tuple[tuple[int, int, int], tuple[str, str]]] = {
    "aes128gcm16": ((20, 128, 0), (bytes(20).hex(), "")),
    "aes128-sha1": ((12, 128, 2), (bytes(16).hex(), bytes(20).hex())),
    "aes128-sha256": ((12, 128, 5), (bytes(16).hex(), bytes(32).hex())),
    "null-sha1": ((11, 0, 2), ("", bytes(20).hex())),
}
_GIB = 1 << 30


def _busy() -> float:
    """CPU seconds that the machine has spent on anything."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def measure(octets: int, suite: str, encapsulation: bool) -> None:
    """One transfer, and a line about it."""
    numbers, keys = _SUITES[suite]
    with two_namespaces() as namespaces:
        nodes = [
            Node(
                namespace,
                {
                    "here": OUTER[4][side],
                    "there": OUTER[4][1 - side],
                    "local": NETWORKS[4][side],
                    "remote": NETWORKS[4][1 - side],
                    "suite": numbers,
                    "keys": keys,
                    "encapsulation": encapsulation,
                    "witness": False,
                },
            )
            for side, namespace in enumerate(namespaces)
        ]
        for node in nodes:
            node.tell("up")
        receiver = namespaces[1].start(sys.executable, "-c", _RECEIVE, INNER[4][1])
        assert receiver.stdout is not None
        receiver.stdout.readline()
        cpu, busy, began = [node.counters()["cpu"] for node in nodes], _busy(), time.monotonic()
        sender = namespaces[0].start(sys.executable, "-c", _SEND, INNER[4][1], str(octets))
        received = int(receiver.communicate()[0])
        sender.wait()
        seconds, machine = time.monotonic() - began, _busy() - busy
        planes = [node.counters()["cpu"] - before for node, before in zip(nodes, cpu, strict=True)]
        counted = [node.counters()["pair"] for node in nodes]
        for node in nodes:
            node.close()
    assert received == octets
    assert counted[1]["bytes_in"] >= octets, "the octets did not come through the tunnel"
    each = planes[0] / counted[0]["packets_out"] * 1e6, planes[1] / counted[1]["packets_in"] * 1e6
    print(
        f"{suite:14} {'udp' if encapsulation else 'proto 50':8} {octets * 8 / seconds / 1e9:5.2f} Gbit/s;"
        f" CPU s/GiB: sending plane {planes[0] / octets * _GIB:5.2f}, receiving plane {planes[1] / octets * _GIB:5.2f},"
        f" machine {machine / octets * _GIB:5.2f}; us/packet: {each[0]:.1f}, {each[1]:.1f};"
        f" dropped {counted[0]['packets_out'] - counted[1]['packets_in']}"
    )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--octets", type=int, default=256 << 20)
    parser.add_argument("--suite", choices=_SUITES, default="aes128gcm16")
    parser.add_argument("--raw", action="store_true", help="IP protocol 50 instead of UDP")
    options = parser.parse_args()
    measure(options.octets, options.suite, not options.raw)


if __name__ == "__main__":
    main()
