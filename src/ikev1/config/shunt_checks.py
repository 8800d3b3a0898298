"""Warns of shunts and tunnels of which one leaves nothing to the other."""

from __future__ import annotations

from ikev1.config.findings import Findings, Rule
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Settings, ShuntAction

Ends = tuple[Selector, Selector]  # local, remote


def check_shunts(settings: Settings, findings: Findings) -> None:
    """Report shunts and tunnels whose order leaves nothing to one of them: exempt traffic precedes all tunnels, dropped
    traffic follows them.
    """
    for shunt in settings.shunts:
        for connection in settings.connections:
            for tunnel in connection.tunnels:
                path = f"connection.{connection.name}.tunnel.{tunnel.name}"
                if not is_overruled(shunt.action, (shunt.local, shunt.remote), (tunnel.local, tunnel.remote)):
                    continue
                if shunt.action is ShuntAction.PASS:
                    text = f"has all traffic of {path}, which carries nothing then: what passes precedes tunnels"
                else:
                    text = f"is traffic of {path}, which carries it while it is up: what is dropped follows tunnels"
                findings.warn(f"shunt.{shunt.name}", Rule.SHUNT_ORDER, text)


def is_overruled(action: ShuntAction, shunt: Ends, tunnel: Ends) -> bool:
    """Whether a shunt that passes leaves nothing to ``tunnel``, or ``tunnel`` nothing to a shunt that drops."""
    outer, inner = (shunt, tunnel) if action is ShuntAction.PASS else (tunnel, shunt)
    return all(_contains(one, other) for one, other in zip(outer, inner, strict=True))


def _contains(outer: Selector, inner: Selector) -> bool:
    """Whether it is known that ``outer`` has all that ``inner`` has."""
    if outer.dynamic or inner.dynamic:
        return not outer.dynamic and outer.has_all_addresses and not outer.protocol
    return outer.contains(inner)
