"""Resident memory per established ISAKMP SA with its pair of IPsec SAs.

Measured as growth: after a first thousand, which pays for caches and arenas, until all are up.
"""

from __future__ import annotations

from lab.lab import Lab
from support.cost import cost
from support.responders import load, start

COUNTS = {"ikev1": 10_000, "charon": 3_000}
FIRST = 1_000
IKE = "aes128-sha256-ecp256"


def main() -> None:
    """Print a line for each responder."""
    print("resident memory per established ISAKMP SA and pair of IPsec SAs:")
    for name, count in COUNTS.items():
        lab = Lab()
        try:
            a, b = lab.direct()
            responder = start(name, lab, b, ike=IKE)
            load(a, ike=IKE, count=FIRST)
            before = cost(responder.pid)
            load(a, ike=IKE, count=count - FIRST, first=FIRST + 1)
            after = cost(responder.pid)
        finally:
            lab.close()
        each = (after.memory - before.memory) / (count - FIRST)
        print(f"  {name:8} {each:7.0f} octets each, {after.memory / 1e6:.0f} MB with {count} of them", flush=True)


if __name__ == "__main__":
    main()
