"""A smaller plan that fails in the same way: what a person reads and a named seed keeps."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator

from simulated.invariants import Violation
from simulated.plan import Plan
from simulated.run import run

_MOST = 60  # plans that are tried


def shrink(plan: Plan, rules: Iterable[str], until: float = math.inf) -> Plan:
    """The smallest plan found that violates the same invariant as ``plan`` does; the search ends at ``until``, by
    `time.monotonic`.
    """
    left, kind = _MOST, _violated(plan, rules)
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(plan):
            left -= 1
            if left < 0 or time.monotonic() >= until:
                return plan
            if _violated(candidate, rules) == kind:
                plan, smaller = candidate, True
                break
    return plan


def _violated(plan: Plan, rules: Iterable[str]) -> str:
    try:
        run(plan, rules)
    except Violation as violation:
        return kind_of(str(violation))
    return ""


def kind_of(report: str) -> str:
    """The first line of a violation without its numbers."""
    return re.sub(r"\d+", "#", report.partition("\n")[0])


def _smaller(plan: Plan) -> Iterator[Plan]:
    for place in range(len(plan.faults)):
        yield plan._replace(faults=plan.faults[:place] + plan.faults[place + 1 :])
    last = f"spoke{len(plan.spokes) - 1}"
    if len(plan.spokes) > 1:
        rest = tuple(fault for fault in plan.faults if fault.who != last)
        yield plan._replace(spokes=plan.spokes[:-1], faults=rest)
    if plan.idle:
        yield plan._replace(idle=())
    for place, spoke in enumerate(plan.spokes):
        plainer = spoke._replace(clock=0.0, rate=1.0)
        plain = (plainer, spoke._replace(behind_nat=False), spoke._replace(aggressive=False), spoke._replace(tunnels=1))
        for other in plain:
            if other != spoke:
                yield plan._replace(spokes=(*plan.spokes[:place], other, *plan.spokes[place + 1 :]))
