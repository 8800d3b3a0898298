"""What userspace ESP costs: TCP through a tunnel between two namespaces, in CPU seconds per GiB.

    PYTHONPATH=src python benchmarks/esp_throughput.py [--octets N] [--suite NAME ...] [--proto-50] [--alone]

Both planes, both ends of the TCP connection and the wire between them share the machine, so the throughput is that of
all of them together. ``planes`` is what the sending and the receiving plane's process used, ``machine`` what the whole
machine did meanwhile, and ``seal`` how long AES-GCM alone took for 1,400 octets right before: a machine shared with
others is only as fast as that. With root, strongSwan and its kernel-libipsec are measured beside ours; ours alone needs
no root where user namespaces are permitted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import timeit
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "benchmarks")]

from esp_lab import INNER, NETWORKS, OUTER, Node, two_namespaces  # noqa: E402
from lab.charon import CharonOptions  # noqa: E402
from lab.lab import Lab  # noqa: E402
from lab.paths import what_is_missing  # noqa: E402
from support.cost import cost  # noqa: E402

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
left, block = int(sys.argv[3]), bytes(1 << 20)
with socket.create_connection((sys.argv[1], 7777), source_address=(sys.argv[2], 0)) as connection:
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


def _seal_time() -> float:
    """Microseconds that AES-128-GCM needs for 1,400 octets now."""
    cipher, nonce, packet = AESGCM(bytes(16)), bytes(12), bytes(1400)
    return min(timeit.repeat(lambda: cipher.encrypt(nonce, packet, nonce), number=2000, repeat=5)) / 2000 * 1e6


def _transfer(
    name: str, octets: int, addresses: tuple[str, str], enter: Sequence[Sequence[str]], planes: tuple[int, int]
) -> None:
    """One transfer from the first of ``addresses`` to the second, and a line about it; ``planes`` are process ids."""
    seal = _seal_time()
    receive = [*enter[1], sys.executable, "-c", _RECEIVE, addresses[1]]
    receiver = subprocess.Popen(receive, stdout=subprocess.PIPE, text=True)
    assert receiver.stdout is not None
    receiver.stdout.readline()
    cpu, busy, began = [cost(pid).cpu for pid in planes], _busy(), time.monotonic()
    send = [*enter[0], sys.executable, "-c", _SEND, addresses[1], addresses[0], str(octets)]
    sender = subprocess.Popen(send)
    received = int(receiver.communicate()[0])
    sender.wait()
    seconds, machine = time.monotonic() - began, _busy() - busy
    assert received == octets
    used = [(cost(pid).cpu - before) / octets * _GIB for pid, before in zip(planes, cpu, strict=True)]
    print(
        f"{name:28} {octets * 8 / seconds / 1e9:5.2f} Gbit/s; CPU s/GiB: planes {used[0]:5.2f} + {used[1]:5.2f},"
        f" machine {machine / octets * _GIB:6.2f}; seal {seal:.2f} us"
    )


def measure_ours(octets: int, suite: str, encapsulation: bool) -> None:
    """Our plane at both ends, with keys given by hand."""
    numbers, keys = _SUITES[suite]
    common = {"suite": numbers, "keys": keys, "encapsulation": encapsulation, "witness": False}
    with two_namespaces() as namespaces:
        nodes = []
        for side, namespace in enumerate(namespaces):
            ends = {"here": OUTER[4][side], "there": OUTER[4][1 - side]}
            selectors = {"local": NETWORKS[4][side], "remote": NETWORKS[4][1 - side]}
            nodes.append(Node(namespace, {**common, **ends, **selectors}))
        for node in nodes:
            node.tell("up")
        name = f"ours {suite}{'' if encapsulation else ' proto 50'}"
        enter = [namespace.enter for namespace in namespaces]
        _transfer(name, octets, (INNER[4][0], INNER[4][1]), enter, (nodes[0].pid, nodes[1].pid))
        sent, received = (node.counters()["pair"] for node in nodes)
        for node in nodes:
            node.close()
    assert sent["bytes_out"] >= octets, "the octets did not go through the tunnel"
    assert received["replays"] == received["integrity_failures"] == 0


def measure_charon(octets: int, suite: str) -> None:
    """strongSwan's kernel-libipsec at both ends; it is always in UDP."""
    lab = Lab()
    try:
        a, b = lab.direct()
        gateway = lab.charon(b, CharonOptions(esp=suite))
        client = lab.charon(a, CharonOptions(esp=suite, calls=True))
        client.control.initiate()
        enter = [["ip", "netns", "exec", node.namespace] for node in (a, b)]
        _transfer(f"charon {suite}", octets, (a.host, a.remote_host), enter, (client.pid, gateway.pid))
        assert int(gateway.control.child()["bytes-in"]) >= octets, "the octets did not go through the tunnel"
    finally:
        lab.close()


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--octets", type=int, default=256 << 20)
    parser.add_argument("--suite", choices=_SUITES, nargs="+", default=["aes128gcm16"])
    parser.add_argument("--proto-50", action="store_true", help="IP protocol 50 as well as UDP")
    parser.add_argument("--alone", action="store_true", help="without strongSwan")
    options = parser.parse_args()
    missing = "root" if os.geteuid() else what_is_missing()
    if missing and not options.alone:
        print(f"strongSwan is not measured: {missing}")
    for suite in options.suite:
        measure_ours(options.octets, suite, encapsulation=True)
        if options.proto_50:
            measure_ours(options.octets, suite, encapsulation=False)
        if not missing and not options.alone:
            measure_charon(options.octets, suite)


if __name__ == "__main__":
    main()
