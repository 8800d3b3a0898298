"""What it costs the userspace plane to find the pair of IPsec SAs for a packet, in CPU microseconds.

    PYTHONPATH=src python benchmarks/flow_lookup.py [--pairs N ...]

A *new* flow was never seen before, as each packet of a port scan is; a *known* one was. A *rekey* adds a pair with the
selectors of another and takes that away; *after it* is the next packet of a known flow. The least of five runs counts.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from esp_packets import child, udp  # noqa: E402
from ikev1.esp.inner import parse  # noqa: E402
from ikev1.esp.outbound_policies import OutboundPolicies  # noqa: E402
from ikev1.esp.sa_pair import SaPair  # noqa: E402

_FLOWS = 400
_RUNS = 5


def network(number: int) -> str:
    """The network behind the peer of this number."""
    return f"172.{16 + number // 65536}.{number // 256 % 256}.{number % 256}/32"


def pair(number: int) -> SaPair:
    """Its pair of IPsec SAs."""
    return SaPair(child(local="10.0.0.0/8", remote=network(number)), 1400, os.urandom, print)


def flows(run: int, pairs: int) -> list[bytes]:
    """Flows to all of the peers that no other run has."""
    numbers = [(number * 7919 + run) % pairs for number in range(_FLOWS)]
    return [parse(udp("10.1.2.3", network(n)[:-3], 1024 + run * _FLOWS + k, 53))[0] for k, n in enumerate(numbers)]


def spent(work: Callable[[], object]) -> float:
    """CPU microseconds."""
    began = time.process_time_ns()
    work()
    return (time.process_time_ns() - began) / 1000


def measure(count: int) -> None:
    """A line for so many pairs."""
    policies = OutboundPolicies()
    pairs = [pair(number) for number in range(count)]
    for each in pairs:
        policies.add_pair(each)
    new, known, rekey, after = [], [], [], []
    for run in range(_RUNS):
        asked = flows(run, count)
        new.append(spent(lambda: [policies.find(flow) for flow in asked]) / _FLOWS)  # noqa: B023
        known.append(spent(lambda: [policies.find(flow) for flow in asked]) / _FLOWS)  # noqa: B023
        heirs = [(pairs[number], pair(number)) for number in range(run * 20, run * 20 + 20)]

        def rekeys() -> None:
            for old, heir in heirs:  # noqa: B023
                policies.add_pair(heir)
                policies.remove_pair(old)

        rekey.append(spent(rekeys) / len(heirs))
        after.append(spent(lambda: [policies.find(flow) for flow in asked]) / _FLOWS)  # noqa: B023
    assert all(policies.find(flow) is not None for flow in asked)
    print(
        f"  {count:6} pairs: new flow {min(new):8.2f}, known {min(known):5.2f}, rekey {min(rekey):6.2f},"
        f" known flow after it {min(after):8.2f}",
        flush=True,
    )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[1_000, 10_000])
    print("CPU us to find the pair for a packet in the userspace plane:")
    for count in parser.parse_args().pairs:
        measure(count)


if __name__ == "__main__":
    main()
