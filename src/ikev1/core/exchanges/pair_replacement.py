"""Which pairs of IPsec SAs a new pair replaces, and what becomes of them (`ikev1.core.negotiation.lineage`)."""

from __future__ import annotations

from ikev1.core.exchanges.informational import delete_child, remove_child, tell
from ikev1.core.negotiation.lineage import retired
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.exchange import QuickMode
from ikev1.core.records.record import present, replace
from ikev1.core.records.selector import Selector

_INSTALLED = ChildState.INSTALLED  # looked up once, as in `ikev1.core.records.exchange`
_MOST_REPLACED = 4  # replaced pairs for the same traffic besides the current pair


def known_pairs(context: ExchangeContext, tunnel: str, local: Selector, remote: Selector) -> tuple[int, ...]:
    """Return the numbers of the pairs that the new pair replaces: those that send when its negotiation begins."""
    traffic = tunnel, local, remote
    pairs = context.engine.own_pairs(context.sa, local, remote)
    sending = [child.unique_id for child in pairs if child.state is _INSTALLED and child.traffic == traffic]
    held = [exchange.child for exchange in context.sa.exchanges if exchange.holds_back]
    return (*sending, *[child.unique_id for child in held if child is not None and child.traffic == traffic])


def heir_of(context: ExchangeContext, quick: QuickMode) -> ChildSa:
    """Return the pair that sends once the new pair is established.

    This is the new one, unless the negotiation of another one began before that was established, too. Of two such
    pairs, the one with the lowest SPI is replaced (`ikev1.core.negotiation.lineage`).
    """
    child = present(quick.child)
    rivals = [other for other in context.sa.children if sends_for(other, quick) and other.unique_id not in quick.known]
    if not rivals:
        return child
    return max((child, *rivals), key=lambda pair: pair.lowest_spi)


def put_pair(context: ExchangeContext, child: ChildSa) -> None:
    """Add the pair to the SA, or replace it there."""
    sa = context.sa
    if any(other.unique_id == child.unique_id for other in sa.children):
        context.sa = sa.with_child(child)
    else:
        context.sa = replace(sa, children=(*sa.children, child))


def previous_of(context: ExchangeContext, quick: QuickMode) -> ChildSa | None:
    """Return the newest active pair for the same traffic, which the new pair replaces."""
    for child in reversed(context.sa.children):
        if sends_for(child, quick):
            return child
    return None


def sends_for(child: ChildSa, quick: QuickMode) -> bool:
    """Return whether ``child`` sends the traffic of the new pair."""
    return child.state is _INSTALLED and _is_for(child, quick)


def _is_for(child: ChildSa, quick: QuickMode) -> bool:
    return (child.name, child.local, child.remote) == (quick.tunnel, quick.local, quick.remote)


def retired_by(child: ChildSa, heir: ChildSa, context: ExchangeContext) -> ChildSa:
    """Return ``child`` as replaced by ``heir`` if it is another pair that sends the same traffic."""
    if child.state is not _INSTALLED or child.traffic != heir.traffic or child.unique_id == heir.unique_id:
        return child
    return replaced_by(child, heir, context)


def replaced_by(child: ChildSa, heir: ChildSa, context: ExchangeContext) -> ChildSa:
    """Return ``child`` as replaced by ``heir``."""
    return retired(child, heir, context.now, context.engine.settings.delete_rekeyed_delay)


def bound_retired(context: ExchangeContext, quick: QuickMode) -> None:
    """Delete the oldest replaced pairs for the same traffic if the peer replaces pairs faster than they expire."""
    if len(context.sa.children) <= _MOST_REPLACED:
        return
    retired = [child for child in context.sa.children if child.state is ChildState.REKEYED and _is_for(child, quick)]
    for child in retired[:-_MOST_REPLACED]:
        tell(context, [delete_child(child)])
        remove_child(context, child, "replaced by newer pairs of IPsec SAs")
