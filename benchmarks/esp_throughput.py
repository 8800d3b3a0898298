"""What userspace ESP costs: TCP, and small UDP packets, through a tunnel between two daemons, in CPU time.

    PYTHONPATH=src python benchmarks/esp_throughput.py [--octets N] [--suite NAME ...] [--flows N ...] [--version 4 6]
        [--rounds N] [--protocol-50] [--alone]

Two gateways of ours, and two of strongSwan with kernel-libipsec, as their users run them, are measured in turn; the
median of the rounds and their least and greatest are printed. The sending gateway and the sender run on one processor,
the receiving gateway and the receiver on another one. ``planes`` is what the processes of the two gateways used, and
``machine`` what the whole machine did meanwhile: where that is much more, others were using it, and the throughput says
little. ``seal`` is how long AES-GCM alone took for 1,400 octets. Requires root, and strongSwan unless ``--alone``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "benchmarks")]

from lab.charon import Charon, CharonOptions  # noqa: E402
from lab.gateway import OurGateway, OurOptions  # noqa: E402
from lab.lab import Lab  # noqa: E402
from lab.network import Node  # noqa: E402
from lab.pair import await_child  # noqa: E402
from lab.paths import what_is_missing  # noqa: E402
from support.cost import cost  # noqa: E402

_STREAM = Path(__file__).parent / "support" / "stream.py"
_SUITES = ("aes128gcm16", "aes128-sha256", "aes128-sha1", "null-sha1")
_SMALL = 64  # octets of a small inner packet
_SECONDS = 3.0  # of small packets
_GIB = 1 << 30


class Figures(NamedTuple):
    """Of one transfer. CPU time is in seconds for each GiB, or in microseconds for each packet."""

    rate: float  # Gbit/s, or packets each second
    planes: float
    machine: float


class Tunnel(NamedTuple):
    """The sending and the receiving gateway, with a tunnel between them."""

    nodes: tuple[Node, Node]
    ends: Sequence[OurGateway | Charon]

    def transfer(self, receive: Sequence[str], send: Sequence[str], unit: float) -> tuple[int, float, Figures]:
        """One transfer: how much the receiver says has arrived, the seconds, and what each ``unit`` of that cost."""
        receiver = self._start(1, *receive)
        assert receiver.stdout is not None
        receiver.stdout.readline()
        cpu, busy, began = self._cpu(), _busy(), time.monotonic()
        sender = self._start(0, *send)
        arrived = int(receiver.communicate()[0])
        seconds = time.monotonic() - began
        sender.wait()
        units = arrived / unit
        figures = Figures(units / seconds, (self._cpu() - cpu) / units, (_busy() - busy) / units)
        return arrived, seconds, figures

    def stream(self, octets: int, flows: int) -> Figures:
        here, there = (node.host for node in self.nodes)
        receive, send = ("receive", there, str(flows)), ("send", there, here, str(flows), str(octets))
        arrived, seconds, figures = self.transfer(receive, send, _GIB)
        assert arrived == octets // flows * flows
        assert int(self.ends[1].control.child()["bytes-in"]) >= octets, "the octets did not go through the tunnel"
        return figures._replace(rate=octets * 8 / seconds / 1e9)

    def small_packets(self) -> Figures:
        here, there = (node.host for node in self.nodes)
        arrived, _, figures = self.transfer(
            ("count", there), ("datagrams", there, here, str(_SMALL), str(_SECONDS)), 1e6
        )
        return figures._replace(rate=arrived / _SECONDS)

    def _cpu(self) -> float:
        return sum(cost(end.pid).cpu for end in self.ends)

    def _start(self, side: int, *arguments: str) -> subprocess.Popen[str]:
        enter = ["ip", "netns", "exec", self.nodes[side].namespace, "taskset", "-c", str(_processor(side))]
        command = [*enter, sys.executable, str(_STREAM), *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _processor(side: int) -> int:
    usable = sorted(os.sched_getaffinity(0))
    return usable[side % len(usable)]


def _busy() -> float:
    """CPU seconds that the machine has spent on anything."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _seal_time() -> float:
    """Microseconds that AES-128-GCM needs for 1,400 octets now."""
    cipher, nonce, packet = AESGCM(bytes(16)), bytes(12), bytes(1400)
    return min(timeit.repeat(lambda: cipher.encrypt(nonce, packet, nonce), number=2000, repeat=5)) / 2000 * 1e6


@contextmanager
def tunnel(start: Callable[[Lab, Node, bool], OurGateway | Charon], version: int) -> Iterator[Tunnel]:
    """A tunnel between two gateways for networks of this IP version."""
    lab = Lab()
    try:
        nodes = lab.direct(inside=version)
        called = start(lab, nodes[1], False)
        calling = start(lab, nodes[0], True)
        calling.control.initiate()
        await_child(calling, called)
        for side, end in enumerate((calling, called)):
            for thread in Path(f"/proc/{end.pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {_processor(side)})
        yield Tunnel(nodes, (calling, called))
    finally:
        lab.close()


def _starters(
    suite: str, protocol_50: bool, alone: bool
) -> dict[str, Callable[[Lab, Node, bool], OurGateway | Charon]]:
    def ours(encapsulation: bool) -> Callable[[Lab, Node, bool], OurGateway | Charon]:
        return lambda lab, node, calls: lab.ours(
            node, OurOptions(esp=suite, calls=calls, encapsulation=encapsulation, log_level="warning", fresh=True)
        )

    def charon(lab: Lab, node: Node, calls: bool) -> OurGateway | Charon:
        return lab.charon(node, CharonOptions(esp=suite, calls=calls, log_level=0))

    starters: dict[str, Callable[[Lab, Node, bool], OurGateway | Charon]] = {"ikev1": ours(True)}
    if protocol_50:
        starters["ikev1, protocol 50"] = ours(False)
    if not alone:
        starters["charon"] = charon
    return starters


def _tell(name: str, what: str, samples: Sequence[Figures], unit: str, cpu: str, against: Sequence[Figures]) -> None:
    def spread(values: Sequence[float], digits: int) -> str:
        middle, least, most = statistics.median(values), min(values), max(values)
        return f"{middle:,.{digits}f} ({least:,.{digits}f}-{most:,.{digits}f})"

    rate, planes, machine = zip(*samples, strict=True)
    ratio = statistics.median(other.planes / one.planes for one, other in zip(samples, against, strict=True))
    compared = f"; {ratio:.2f} times as cheap as charon" if against is not samples else ""
    print(
        f"  {name:18} {what:14} {spread(rate, 0 if unit[0] == 'p' else 2)} {unit}; {cpu}: planes {spread(planes, 2)},"
        f" machine {spread(machine, 2)}{compared}",
        flush=True,
    )


def measure(suite: str, version: int, options: argparse.Namespace) -> None:
    """Each kind of transfer, through each kind of gateway in turn."""
    print(f"{suite}, IPv{version} inside; seal {_seal_time():.2f} us", flush=True)
    with ExitStack() as opened:
        tunnels = {
            name: opened.enter_context(tunnel(start, version))
            for name, start in _starters(suite, options.protocol_50, options.alone).items()
        }

        def in_turn(what: str, unit: str, cpu: str, run: Callable[[Tunnel], Figures]) -> None:
            samples: dict[str, list[Figures]] = {name: [] for name in tunnels}
            for _ in range(options.rounds):
                for name, each in tunnels.items():
                    samples[name].append(run(each))
            for name, found in samples.items():
                _tell(name, what, found, unit, cpu, samples.get("charon", found))

        for flows in options.flows:
            in_turn(f"TCP, {flows} flows", "Gbit/s", "CPU s/GiB", lambda each: each.stream(options.octets, flows))  # noqa: B023
        in_turn(f"{_SMALL} octets", "packets/s", "CPU us each", Tunnel.small_packets)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--octets", type=int, default=256 << 20)
    parser.add_argument("--suite", choices=_SUITES, nargs="+", default=["aes128gcm16", "aes128-sha256"])
    parser.add_argument("--flows", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--version", type=int, choices=(4, 6), nargs="+", default=[4, 6])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--protocol-50", action="store_true", help="IP protocol 50 as well as UDP")
    parser.add_argument("--alone", action="store_true", help="without strongSwan")
    options = parser.parse_args()
    missing = "root" if os.geteuid() else what_is_missing()
    if missing and (os.geteuid() or not options.alone):
        print(f"userspace ESP is not measured: {missing}")
        return
    for suite in options.suite:
        for version in options.version:
            measure(suite, version, options)


if __name__ == "__main__":
    main()
