"""CPU time that a first message costs whose sender has proved nothing, of those that are made to cost much."""

from __future__ import annotations

import time

from unproved import FIRST_MESSAGES, HONEST, PATH, gateway

ROUNDS = 30
BUDGET = 0.5  # milliseconds


def main() -> None:
    """Print a line for each kind of message."""
    print(f"CPU time for an unproved first message, of a budget of {BUDGET} ms:")
    for name, message in {"an ordinary offer that fits nothing": HONEST, **FIRST_MESSAGES}.items():
        datagrams = [message.datagram(number) for number in range(ROUNDS)]
        costs = []
        engine = gateway()
        for datagram in datagrams:
            before = time.process_time()
            engine.receive(datagram, PATH, 0.0)
            costs.append(1000 * (time.process_time() - before))
        typical, most = sorted(costs)[ROUNDS // 2], max(costs)
        over = "  over the budget" if typical > BUDGET else ""
        print(f"  {name:42} {len(datagrams[0]):6} octets {typical:7.3f} ms, at most {most:7.3f}{over}", flush=True)


if __name__ == "__main__":
    main()
