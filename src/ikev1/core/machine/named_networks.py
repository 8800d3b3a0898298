"""The networks that a gateway named in mode config, requested one by one where it refused the network of a tunnel.

A client of such a gateway requests everything, or each of these networks for itself. Nothing in the
protocol tells which of both a gateway accepts, so a refusal decides.
"""

from __future__ import annotations

from ikev1.core.machine import commands
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import QuickMode
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector


def request_instead(ref: SaRef, quick: QuickMode) -> bool:
    """Initiate a Quick Mode for each network that the gateway named within those of ``quick``, which it has refused.

    Nothing is initiated for a tunnel that has a pair: its networks are those that the gateway accepts.

    Returns:
        Whether the gateway named any.
    """
    named = _named(ref.sa.received, quick.remote)
    if not named or not ref.sa.is_up or any(child.name == quick.tunnel for child in ref.sa.children):
        return False
    text = (
        f"the peer rejected {quick.remote} for tunnel {quick.tunnel!r}: requesting the networks that it named, "
        f"{', '.join(map(str, named))}"
    )
    ref.note(Code.NETWORKS_CHANGED, text)
    for network in named:
        commands.begin_quick_mode(ref, quick.tunnel, (quick.local, network))
    return True


def _named(config: ModeConfig | None, refused: Selector) -> list[Selector]:
    """The networks in ``config`` within ``refused``, without those that are contained in others."""
    if config is None:
        return []
    texts = dict.fromkeys((*config.split_include, *config.subnets))
    found = [replace(Selector.parse(text), protocol=refused.protocol, port=refused.port) for text in texts]
    found = [each for each in found if refused.contains(each) and each != refused]
    return [each for each in found if not any(other.contains(each) and other != each for other in found)]
