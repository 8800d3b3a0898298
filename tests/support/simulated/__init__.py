"""A simulated world: gateways with clocks, stores and data planes, models of other implementations, and networks that
lose, repeat, delay and reorder, all decided by a seed.

In the order in which to read it: `plan` (what a world consists of and what happens in it), `node` (a gateway),
`models` (how charon, pluto, Windows and Cisco differ), `schedule` (its time), `world` (the network), `invariants`
(what must hold), `run` (one plan from start to end), `shrink` (a smaller plan that fails alike), `soak` (worlds without
end).

Remote users have worlds of their own: `remote_plan`, `remote_gateway` (an engine with the daemon's pools, and what
must hold), `remote_world` (clients, links, and one plan from start to end).
"""

from __future__ import annotations

from simulated.invariants import Violation
from simulated.plan import Fault, Plan, Spoke
from simulated.run import run
from simulated.world import World

__all__ = ["Fault", "Plan", "Spoke", "Violation", "World", "run"]
