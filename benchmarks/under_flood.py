"""How long honest handshakes take while strangers send 20,000 first messages a second, each never seen before.

The callers complete Main and Quick Mode, on either port, while the flood is of Main or of Aggressive Mode on the same
port, from invented addresses. There is no threshold: the figures are what they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from lab.lab import Lab
from support.cost import cost
from support.responders import call, prepare_flood, start, torrent

IKE = "aes128-sha256-ecp256"
RATE = 20_000  # first messages a second
COUNT, EVERY = 200, 0.05  # callers, and seconds between two of them
WARM_UP = 20


class Flood(NamedTuple):
    """Which flood, to which port; none where ``rate`` is 0."""

    text: str
    port: int
    mode: str = "main"
    rate: int = RATE


FLOODS = (
    Flood("no flood", 500, rate=0),
    Flood("Main Mode, port 500", 500),
    Flood("Main Mode, port 4500", 4500),
    Flood("Aggressive Mode, port 500", 500, "aggressive"),
    Flood("Aggressive Mode, port 4500", 4500, "aggressive"),
)


def measure(flood: Flood) -> tuple[list[float], float, float]:
    """Seconds of each handshake, the flood's real rate, and the share of a core that the responder took."""
    lab = Lab()
    try:
        a, b = lab.direct()
        prepare_flood(a, b)
        responder = start("ikev1", lab, b, ike=IKE, aggressive=True)
        call(a, port=flood.port, ike=IKE, count=WARM_UP, every=EVERY, first=1)
        before = cost(responder.pid)
        seconds = COUNT * EVERY
        with torrent(a, flood.port, flood.mode, ike=IKE, rate=flood.rate, seconds=seconds) as sent:
            took = call(a, port=flood.port, ike=IKE, count=COUNT, every=EVERY, first=1 + WARM_UP)
        share = (cost(responder.pid).cpu - before.cpu) / seconds
        return took, sum(sent) / seconds, share
    finally:
        lab.close()


def line(took: Sequence[float]) -> str:
    """Median, 95th percentile and losses, in words."""
    in_order = sorted(took)
    middle, late = median(in_order), in_order[math.ceil(0.95 * len(in_order)) - 1]
    lost = sum(math.isinf(each) for each in in_order)
    return f"median {1e3 * middle:8.1f} ms, 95 % within {1e3 * late:8.1f} ms, {lost} of {len(in_order)} never"


def main() -> None:
    """Print a line for each flood."""
    print(f"Main and Quick Modes ({IKE}) during floods of first messages that nobody sent before:")
    for flood in FLOODS:
        took, rate, share = measure(flood)
        print(f"  {flood.text:27} {line(took)}; {rate:6.0f}/s came, {100 * share:3.0f} % of a core", flush=True)


if __name__ == "__main__":
    main()
