"""What does not stay as it is while a gateway with a store has more and more ISAKMP SAs.

    PYTHONPATH=src:tests/support python benchmarks/scale.py [--sas N]

Handshakes (Main and Quick Mode) at the beginning and with N SAs; `ikev1 show` meanwhile; and the gateway is killed and
started again. Callers complete a handshake every 0.1 s during all of that. Each line has the goal beside what was
measured; CPU seconds are those of the process alone, so that other work of the machine counts little.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from math import isinf
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.process import Program
from support.cost import cost
from support.initiators import PEERS
from support.responders import call, load

IKE = "aes128-sha256-ecp256"
SAMPLE = 500  # handshakes whose CPU is compared
EVERY = 0.1  # seconds between two callers
CALLERS = 1_000_000  # the number of the first one, above those of all others


def line(what: str, measured: float, unit: str, goal: float) -> None:
    """One line of the table."""
    print(
        f"  {what:58} {measured:8.2f} {unit:3} goal {goal:5.2f}   {'met' if measured <= goal else 'NOT MET'}",
        flush=True,
    )


def command(*arguments: str, control: Path) -> float:
    """CPU seconds of one of our commands."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"IKEV1_SOCKET": str(control)}
    command_line = [sys.executable, "-m", "ikev1", *arguments]
    subprocess.run(command_line, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def called(caller: Node, seconds: float, first: int, meanwhile: Callable[[], None]) -> list[float]:
    """How long each caller of so many seconds took, while something else happens."""
    with ThreadPoolExecutor(1) as pool:
        count = int(seconds / EVERY)
        calls = pool.submit(call, caller, port=500, ike=IKE, count=count, every=EVERY, first=CALLERS + first)
        time.sleep(seconds / 4)
        meanwhile()
        return calls.result()


def handshakes(caller: Node, responder: Program, first: int) -> float:
    """CPU seconds of the responder for `SAMPLE` handshakes, in milliseconds for one."""
    before = cost(responder.pid).cpu
    load(caller, ike=IKE, count=SAMPLE, first=first)
    return 1e3 * (cost(responder.pid).cpu - before) / SAMPLE


def measure(lab: Lab, folder: Path, sas: int) -> None:
    """All lines but those of the commands alone."""
    a, b = lab.direct()
    options = OurOptions(ike=IKE, remote=PEERS, remote_id="*@lab", log_level="warning", extra="dpd_delay = 0")
    gateway = lab.ours(b, replace(options, state=folder / "state", fresh=True))
    line("CPU of the daemon once it listens", cost(gateway.pid).cpu, "s", 0.5)
    load(a, ike=IKE, count=SAMPLE)
    few = handshakes(a, gateway, SAMPLE + 1)
    for first in range(2 * SAMPLE + 1, sas + 1, SAMPLE):
        load(a, ike=IKE, count=min(SAMPLE, sas + 1 - first), first=first)
    many = handshakes(a, gateway, sas + 1)
    print(f"  a handshake: {few:.3f} ms of CPU with few SAs, {many:.3f} ms with {sas}")
    line(f"a handshake with {sas} SAs, times that with few", many / few, "", 1.1)

    def show() -> None:
        for what in ("isakmp", "ipsec"):
            line(f"CPU of `ikev1 show {what} sa`", command("show", what, "sa", control=gateway.control.path), "s", 1.0)

    line("a handshake while SAs are listed, median", median(called(a, 8.0, 0, show)), "s", 0.1)

    def restart() -> None:
        os.kill(gateway.pid, signal.SIGKILL)
        gateway.wait()
        started.append(Program(b.namespace, gateway.command_line, folder / "restarted"))

    started: list[Program] = []
    took = called(a, 20.0, 1000, restart)
    lost = sum(map(isinf, took))
    ended = sorted(EVERY * number + each for number, each in enumerate(took) if not isinf(each))
    line("restart: longest time without a completed handshake", max(y - x for x, y in pairwise(ended)), "s", 2.0)
    line("restart: callers lost, who had half a handshake then", lost, "", 2.0)
    started[0].stop()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sas", type=int, default=10_000)
    sas = max(parser.parse_args().sas, 3 * SAMPLE)
    print(f"a gateway with {sas} ISAKMP SAs and pairs of IPsec SAs ({IKE}), ESP in user space:", flush=True)
    line("CPU of `ikev1 --help`", command("--help", control=Path("none")), "s", 0.25)
    line("CPU of `ikev1 show --help`", command("show", "--help", control=Path("none")), "s", 0.25)
    lab = Lab()
    try:
        with TemporaryDirectory() as folder:
            measure(lab, Path(folder), sas)
    finally:
        lab.close()


if __name__ == "__main__":
    main()
