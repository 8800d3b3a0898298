"""Worlds without end, and the state machine of the responder: ``make soak``.

make soak                      until it is interrupted
DURATION=7200 make soak        for so many seconds, with all that is learned
SEED=brisk-17 make soak        one world again, as a violation names it
RULES=always,heals make soak   other rules than all
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import NamedTuple

import learned
from simulated.invariants import Violation
from simulated.plan import (
    AMNESIA,
    FAULTS,
    KINDS,
    Fault,
    Plan,
    Spoke,
    brisk_plan,
    random_plan,
    short_plan,
    with_two_tunnels,
)
from simulated.remote_plan import remote_plan
from simulated.remote_world import run_remote
from simulated.run import RULES, run
from simulated.shrink import kind_of, shrink

_BLOCK = 20  # worlds
_SAY = 60.0  # seconds from one line of progress to the next
_PROCESSES = os.cpu_count() or 1
_LEARN_AGAIN = 200  # blocks of worlds from one round of learning to the next
_CONVERSATIONS, _LEARN_FOR, _SHARE = 5000, 300.0, 0.1  # of one machine: at most so many, so many seconds, of the time
_DAY = 86400


class Found(NamedTuple):
    """A violation: its first line, all of it, and a smaller plan."""

    what: str
    report: str
    smaller: str


class Done(NamedTuple):
    """What a process did: violations, how much was played, and machines by name, with the seconds that each took."""

    found: list[Found]
    tally: Counter[str]
    machines: dict[str, tuple[learned.Machine, float]]


def plan_of(name: str) -> Plan:
    """The plan that a violation names: ``17``, ``brisk-17``, ``short-17``, or ``two-17`` with two tunnels."""
    kind, _, number = name.rpartition("-")
    make = {"": random_plan, "short": short_plan}.get(kind, brisk_plan)
    plan = make(int(number), KINDS, (*FAULTS, AMNESIA))
    return with_two_tunnels(plan) if kind == "two" else plan


def play(names: list[str], rules: tuple[str, ...], until: float) -> Done:
    """Play these worlds; none begins after ``until``, by `time.monotonic`."""
    done = Done([], Counter(), {})
    for name in names:
        if time.monotonic() < until:
            done.found.extend(play_one(f"SEED={name}", plan_of(name), rules, done.tally, until))
    return done


def play_one(name: str, plan: Plan, rules: tuple[str, ...], tally: Counter[str], until: float) -> list[Found]:
    """The violation in this world, if there is one."""
    try:
        run(plan, rules, tally)
    except Violation as violation:
        report = str(violation)
        return [Found(report.partition("\n")[0], f"{name}: {report}", repr(shrink(plan, rules, until)))]
    return []


def play_remote(seeds: Iterable[int], until: float) -> Done:
    """Play worlds of remote users; ``SEED=remote-17`` plays one again."""
    done = Done([], Counter(), {})
    for seed in seeds:
        if time.monotonic() < until:
            done.found.extend(play_one_remote(seed, done.tally))
    return done


def play_one_remote(seed: int, tally: Counter[str]) -> list[Found]:
    """The violation in this world of remote users, if there is one."""
    tally["worlds of remote users"] += 1
    try:
        run_remote(remote_plan(seed))
    except Violation as violation:
        report = str(violation)
        return [Found(report.partition("\n")[0], f"SEED=remote-{seed}: {report}", "")]
    return []


def learn(kind: str, proof: str, seed: int, until: float) -> Done:
    """Learn one of the responder's machines, and hold it against the tables: a difference is a violation.

    It takes a share of the time that is left until ``until``.
    """
    began = time.monotonic()
    name = f"{kind}, {proof}"
    budget = learned.Budget(_CONVERSATIONS, began + min(_LEARN_FOR, _SHARE * (until - began)))
    machine = learned.learn(kind, proof, seed=seed, budget=budget)
    found = [
        Found(f"{name}: {line}", f"{name}, seed {seed}: not as the tables say: {line}", "") for line in machine.wrong
    ]
    return Done(found, Counter(), {name: (machine, time.monotonic() - began)})


def main() -> int:
    """Play worlds until the time is over; the status is 1 if an invariant was violated."""
    rules = tuple(os.environ.get("RULES", ",".join(RULES)).split(","))
    seed, duration = os.environ.get("SEED"), float(os.environ.get("DURATION", "inf"))
    shown = os.environ.get("PLAN")
    until = time.monotonic() + duration
    if seed or shown:
        if seed and seed.startswith("remote-"):
            found = play_one_remote(int(seed.removeprefix("remote-")), Counter())
            print("\n".join(each.report for each in found), f"{len(found)} violations", sep="\n")
            return bool(found)
        plan = eval(shown, {"Plan": Plan, "Spoke": Spoke, "Fault": Fault}) if shown else plan_of(seed or "")  # our own
        found = play_one(f"SEED={seed}" if seed else "PLAN", plan, rules, Counter(), until)
        for each in found:
            print(each.report, f"smaller: {each.smaller}", sep="\n")
        print(f"{len(found)} violations")
        return bool(found)
    return Soak(rules, until, int(os.environ.get("FIRST", str(int(time.time()))))).run()


class Soak:
    """A run: what is to be done, and what was found.

    Args:
        rules: what is checked in the worlds.
        until: when the run ends, by `time.monotonic`. No world and no conversation of a learner begins after it.
        first: the seed of the first world.
    """

    def __init__(self, rules: tuple[str, ...], until: float, first: int) -> None:
        self._rules, self._until, self._first = rules, until, first
        self._began = self._said = time.monotonic()
        self._kinds: Counter[str] = Counter()
        self._tally: Counter[str] = Counter()
        self._machines: dict[str, tuple[int, int]] = {}  # by name: states, and conversations in all rounds

    def run(self) -> int:
        """Learn and play until the end, and print the figures; the status is 1 if anything was violated."""
        print(f"worlds from seed {self._first} on, rules {', '.join(self._rules)}", flush=True)
        with ProcessPoolExecutor(_PROCESSES, initializer=_leave_signals_to_the_parent) as pool:
            for number in (signal.SIGINT, signal.SIGTERM):  # also where it runs in the background
                signal.signal(number, signal.default_int_handler)
            jobs = self._jobs(pool)
            under_way: set[Future[Done]] = set()
            try:
                while under_way or time.monotonic() < self._until:
                    while time.monotonic() < self._until and len(under_way) < 2 * _PROCESSES:
                        under_way.add(next(jobs))
                    done, under_way = wait(under_way, timeout=_SAY, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._note(future.result())
                    if time.monotonic() - self._said >= _SAY:
                        self._said = time.monotonic()
                        print(self._progress(), flush=True)
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                for future in under_way:
                    if not future.cancelled():
                        self._note(future.result())
        self._print_figures()
        return bool(self._kinds)

    def _jobs(self, pool: ProcessPoolExecutor) -> Iterator[Future[Done]]:
        """What is to be done, without end: a round of learning, then worlds, then the next round with other walks."""
        number, learning = self._first, 0
        while True:
            for proof in (learned.PSK, learned.SIGNATURES):
                for kind in learned.KINDS:
                    yield pool.submit(learn, kind, proof, learning, self._until)
            learning += 1
            for _ in range(_LEARN_AGAIN):
                names = [
                    str(number),
                    *(f"{('brisk', 'two', 'short')[place % 3]}-{number + place}" for place in range(1, _BLOCK)),
                ]
                number += _BLOCK
                yield pool.submit(play, names, self._rules, self._until)
                yield pool.submit(play_remote, range(number, number + _BLOCK), self._until)

    def _note(self, done: Done) -> None:
        self._tally += done.tally
        for name, (machine, seconds) in done.machines.items():
            known, before = self._machines.get(name, (0, 0))
            self._machines[name] = max(known, machine.states), before + machine.queries
            if not before:
                states = f"{machine.states} states" if machine.states else "not learned"
                print(f"{name}: {states} in {machine.queries} conversations and {seconds:.0f} s", flush=True)
        for each in done.found:
            kind = kind_of(each.what)
            self._kinds[kind] += 1
            if self._kinds[kind] == 1:
                print(each.report, f"smaller: {each.smaller}", sep="\n", flush=True)
            else:
                print("again", each.report.partition("\n")[0], flush=True)

    def _progress(self) -> str:
        worlds, seconds = self._tally["worlds"], time.monotonic() - self._began
        remote = self._tally["worlds of remote users"]
        return f"{seconds:6.0f} s: {worlds} worlds, {remote} of remote users, {self._kinds.total()} violations"

    def _print_figures(self) -> None:
        tally = self._tally
        print(self._progress())
        print(f"{tally['seconds'] / _DAY:.1f} simulated days, {tally['messages']} messages, {tally['packets']} packets")
        print("faults:", ", ".join(f"{kind} {tally[kind]}" for kind in (*FAULTS, AMNESIA)))
        for name, (states, conversations) in self._machines.items():
            print(f"learned: {name}: {states or 'no'} states, {conversations} conversations")
        for kind, count in self._kinds.most_common():
            print(f"{count:6} {kind}")


def _leave_signals_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
