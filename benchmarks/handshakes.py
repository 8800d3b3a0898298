"""CPU seconds per complete handshake (Main Mode with a pre-shared key, Quick Mode) as the responder.

The same initiators call ikev1 and charon by turns over UDP between two network namespaces; only the responder's CPU is
counted (user and system, from /proc/PID/stat). There is no threshold: the figures are what they are.
"""

from __future__ import annotations

from statistics import median

from lab.lab import Lab
from support.cost import cost
from support.responders import NAMES, load, start

SUITES = ("aes128-sha256-modp2048", "aes128-sha1-modp1024", "aes128-sha256-ecp256")
ROUNDS = 3
COUNT = 1000  # handshakes in a round
WARM_UP = 50


def measure(name: str, ike: str) -> float:
    """CPU seconds per handshake of a responder that starts afresh."""
    lab = Lab()
    try:
        a, b = lab.direct()
        responder = start(name, lab, b, ike=ike)
        load(a, ike=ike, count=WARM_UP)
        before = cost(responder.pid)
        load(a, ike=ike, count=COUNT, first=WARM_UP + 1)
        return (cost(responder.pid).cpu - before.cpu) / COUNT
    finally:
        lab.close()


def main() -> None:
    """Print a line for each suite."""
    print(f"CPU per complete handshake as responder, median of {ROUNDS} rounds of {COUNT}:")
    for ike in SUITES:
        rounds = [{name: measure(name, ike) for name in NAMES} for _ in range(ROUNDS)]
        ours, charons = (median(round_[name] for round_ in rounds) for name in NAMES)
        print(
            f"  {ike:24} ikev1 {1e3 * ours:6.3f} ms   charon {1e3 * charons:6.3f} ms   ratio {ours / charons:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
