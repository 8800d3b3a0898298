"""The networks that a gateway named in mode config, requested one by one where it does not accept that of a tunnel.

A client of such a gateway requests everything, or each of these networks for itself. Nothing in the protocol tells
which of both a gateway accepts, so its answer decides: a refusal, or less than was requested.
"""

from __future__ import annotations

from ikev1.core.machine import commands
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Exchange, QuickMode, Role
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector

# Quick Modes initiated under one ISAKMP SA: a gateway can name other networks, and refuse one, again and again
_MOST_UNDER_WAY = 256


def after_exchange(ref: SaRef, exchange: Exchange) -> None:
    """Request the other networks if the gateway has selected less than this ``exchange`` requested."""
    asked = exchange.quick
    if asked is None or not ref.sa.received:
        return
    found = (each.quick for each in ref.sa.exchanges if each.message_id == exchange.message_id)
    quick = next(found, None)
    if quick is not None and quick.remote != asked.remote:
        text = f"the peer accepts {quick.remote} in place of {asked.remote} for tunnel {asked.tunnel!r}"
        ref.note(Code.NETWORKS_CHANGED, text)
        request(ref, asked, quick.remote)


def request(ref: SaRef, quick: QuickMode, *made: Selector) -> bool:
    """Initiate a Quick Mode for each network that the gateway named within those of ``quick``, which it does not accept
    as a whole, apart from those that are ``made``.

    Nothing is requested for a tunnel that has a pair: its networks are those that the gateway accepts. Networks beyond
    `_MOST_UNDER_WAY` Quick Modes are not requested.

    Returns:
        Whether anything was requested.
    """
    under_way = sum(each.role is Role.INITIATOR and each.quick is not None for each in ref.sa.exchanges)
    named = _named(ref.sa.received, quick.remote, made)[: max(0, _MOST_UNDER_WAY - under_way)]
    if not named or not ref.sa.is_up or any(child.name == quick.tunnel for child in ref.sa.children):
        return False
    text = f"requesting the networks that the peer named for tunnel {quick.tunnel!r}: {', '.join(map(str, named))}"
    ref.note(Code.NETWORKS_CHANGED, text)
    for network in named:
        commands.begin_quick_mode(ref, quick.tunnel, (quick.local, network))
    return True


def _named(config: ModeConfig | None, refused: Selector, made: tuple[Selector, ...]) -> list[Selector]:
    """The networks in ``config`` within ``refused``, without those that others, or those ``made``, contain."""
    if config is None:
        return []
    texts = dict.fromkeys((*config.split_include, *config.subnets))
    found = [replace(Selector.parse(text), protocol=refused.protocol, port=refused.port) for text in texts]
    found = [each for each in found if refused.contains(each) and each != refused]
    found = [each for each in found if not any(other.contains(each) for other in made)]
    return [each for each in found if not any(other.contains(each) and other != each for other in found)]
