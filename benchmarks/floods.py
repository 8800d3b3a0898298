"""First messages of Main Mode answered per CPU second, in a flood of random cookies from invented addresses."""

from __future__ import annotations

from lab.lab import Lab
from support.cost import cost
from support.responders import flood, prepare_flood, start

COUNTS = {"ikev1": 50_000, "charon": 5_000}
VARIETIES = (1, 5_000)
IKE = "aes128-sha256-modp2048"


def main() -> None:
    """Print a line for each responder and kind of flood."""
    print("message 1 answered per CPU second:")
    for varieties in VARIETIES:
        for name, count in COUNTS.items():
            lab = Lab()
            try:
                a, b = lab.direct()
                prepare_flood(a, b)
                responder = start(name, lab, b, ike=IKE)
                before = cost(responder.pid)
                answered = flood(a, ike=IKE, count=count, varieties=varieties)
                after = cost(responder.pid)
            finally:
                lab.close()
            rate = answered / (after.cpu - before.cpu)
            grown = (after.memory - before.memory) / 1e6
            print(
                f"  {name:8} {rate:8.0f}/s, {answered} of {count} answered, {varieties} different SA payloads, "
                f"memory grew by {grown:.1f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
