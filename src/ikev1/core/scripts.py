"""The exchanges that there are, by the name that an `Exchange` record keeps of its script."""

from __future__ import annotations

from ikev1.core.aggressive_mode import AGGRESSIVE_MODE
from ikev1.core.informational import INFORMATIONAL
from ikev1.core.main_mode import MAIN_MODE
from ikev1.core.model import Exchange, IkeSa, IkeState
from ikev1.core.new_group_mode import NEW_GROUP_MODE
from ikev1.core.quick_mode import QUICK_MODE
from ikev1.core.script import Script, state_name

__all__ = ["SCRIPTS", "cisco_state", "script_of"]

SCRIPTS: dict[str, Script] = {
    script.name: script for script in (MAIN_MODE, AGGRESSIVE_MODE, NEW_GROUP_MODE, QUICK_MODE, INFORMATIONAL)
}


def script_of(exchange: Exchange) -> Script:
    """The table that ``exchange`` follows."""
    return SCRIPTS[exchange.script]


def cisco_state(sa: IkeSa) -> str:
    """Where ``sa`` stands, in the words of Cisco's ``show crypto isakmp sa``: ``MM_WAIT_MSG4``, ``QM_IDLE``."""
    if sa.state is not IkeState.CONNECTING or sa.phase1 is None:
        return "QM_IDLE"
    return state_name(script_of(sa.phase1), sa.phase1.step, sa.phase1.role)
