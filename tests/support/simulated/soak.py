"""Worlds without end, and the state machine of the responder: ``make soak``.

make soak                      until it is interrupted
DURATION=7200 make soak        for so many seconds
SEED=brisk-17 make soak        one world again, as a violation names it
RULES=always,heals make soak   other rules than all
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import NamedTuple

import learned
from ikev1.core.records.settings import Mode
from simulated.invariants import Violation
from simulated.plan import AMNESIA, FAULTS, KINDS, Fault, Plan, Spoke, brisk_plan, random_plan
from simulated.run import RULES, run
from simulated.shrink import shrink

_BLOCK = 20  # worlds
_SAY = 60.0  # seconds from one line of progress to the next


class Found(NamedTuple):
    """A violation: its first line, all of it, and a smaller plan."""

    what: str
    report: str
    smaller: str


def plan_of(name: str) -> Plan:
    """The plan that a violation names: ``17`` or ``brisk-17``."""
    number = int(name.removeprefix("brisk-"))
    return (brisk_plan if name.startswith("brisk-") else random_plan)(number, KINDS, (*FAULTS, AMNESIA))


def play(names: list[str], rules: tuple[str, ...]) -> list[Found]:
    """The violations in these worlds."""
    return [found for name in names for found in play_one(f"SEED={name}", plan_of(name), rules)]


def play_one(name: str, plan: Plan, rules: tuple[str, ...]) -> list[Found]:
    """The violation in this world, if there is one."""
    try:
        run(plan, rules)
    except Violation as violation:
        report = str(violation)
        return [Found(report.partition("\n")[0], f"{name}: {report}", repr(shrink(plan, rules)))]
    return []


def main() -> int:
    """Play worlds until the time is over; the status is 1 if an invariant was violated."""
    rules = tuple(os.environ.get("RULES", ",".join(RULES)).split(","))
    seed, duration = os.environ.get("SEED"), float(os.environ.get("DURATION", "inf"))
    shown = os.environ.get("PLAN")
    if seed or shown:
        plan = eval(shown, {"Plan": Plan, "Spoke": Spoke, "Fault": Fault}) if shown else plan_of(seed or "")  # our own
        found = play_one(f"SEED={seed}" if seed else "PLAN", plan, rules)
        for each in found:
            print(each.report, f"smaller: {each.smaller}", sep="\n")
        print(f"{len(found)} violations")
        return bool(found)
    wrong = _learn()
    return _soak(rules, duration, int(os.environ.get("FIRST", str(int(time.time()))))) or bool(wrong)


def _learn() -> int:
    """Learn the responder's machines, and hold them against the tables; how many differences there are."""
    wrong = 0
    for proof in (learned.PSK, learned.SIGNATURES):
        machines = {str(mode): learned.learn(mode, proof) for mode in Mode}
        machines["informational"] = learned.learn_informational(proof)
        for name, machine in machines.items():
            print(f"{name}, {proof}: {machine.states} states in {machine.queries} conversations", flush=True)
            for line in machine.wrong:
                print(f"    not as the tables say: {line}", flush=True)
            wrong += len(machine.wrong)
    return wrong


def _soak(rules: tuple[str, ...], duration: float, first: int) -> int:
    began = said = time.monotonic()
    kinds: Counter[str] = Counter()
    worlds, number = 0, first
    print(f"worlds from seed {first} on, rules {', '.join(rules)}", flush=True)
    with ProcessPoolExecutor() as pool:
        under_way: dict[Future[list[Found]], int] = {}
        try:
            while time.monotonic() - began < duration or under_way:
                while time.monotonic() - began < duration and len(under_way) < 2 * (os.cpu_count() or 1):
                    names = [f"brisk-{number + place}" if place else str(number) for place in range(_BLOCK)]
                    under_way[pool.submit(play, names, rules)] = len(names)
                    number += _BLOCK
                done, _ = wait(under_way, timeout=_SAY, return_when=FIRST_COMPLETED)
                for future in done:
                    worlds += under_way.pop(future)
                    for each in future.result():
                        kinds[_kind(each.what)] += 1
                        if kinds[_kind(each.what)] == 1:
                            print(each.report, f"smaller: {each.smaller}", sep="\n", flush=True)
                if time.monotonic() - said >= _SAY:
                    said = time.monotonic()
                    print(f"{said - began:6.0f} s: {worlds} worlds, {kinds.total()} violations", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
    print(f"{worlds} worlds in {time.monotonic() - began:.0f} s, {kinds.total()} violations")
    for kind, count in kinds.most_common():
        print(f"{count:6} {kind}")
    return bool(kinds)


def _kind(what: str) -> str:
    """A violation without its numbers."""
    return "".join("#" if letter.isdigit() else letter for letter in what)


if __name__ == "__main__":
    sys.exit(main())
