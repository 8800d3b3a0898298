"""The end of a Quick Mode: which pairs of IPsec SAs the new pair replaces, and what becomes of them
(`ikev1.core.negotiation.lineage`).
"""

from __future__ import annotations

from ikev1.core.exchanges.informational import delete_children, remove_child, tell
from ikev1.core.negotiation.lineage import retired
from ikev1.core.peer.traffic_selectors import carried_networks
from ikev1.core.peer.weak_algorithms import warn_of_phase2
from ikev1.core.records.actions import InstallOutbound
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import ChildUp, Code, Note
from ikev1.core.records.exchange import Exchange, QuickMode, Role
from ikev1.core.records.record import present, replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Tunnel

_INSTALLED = ChildState.INSTALLED  # looked up once, as in `ikev1.core.records.exchange`
_MOST_REPLACED = 4  # replaced pairs for the same traffic besides the current pair
_MOST_WAITING = 16  # more of them, until their Deletes do not wait any longer


def known_pairs(context: ExchangeContext, tunnel: Tunnel, local: Selector, remote: Selector) -> tuple[int, ...]:
    """Return the numbers of the pairs that the new pair replaces: those that send when its negotiation begins, at the
    peer, too. As initiator that includes pairs of which this gateway has sent QM2: they send at the peer before QM1
    arrives.
    """
    traffic = tunnel.name, local, remote
    locals_ = (local, *carried_networks(context, tunnel, local, remote))
    pairs = (child for each in locals_ for child in context.engine.own_pairs(context.sa, each, remote))
    sending = {child.unique_id: None for child in pairs if child.state is _INSTALLED and child.traffic == traffic}
    held = [exchange.child for exchange in context.sa.exchanges if exchange.holds_back]
    if context.initiates:
        held += [exchange.child for exchange in context.sa.exchanges if _awaits_qm3(exchange)]
    return (*sending, *[child.unique_id for child in held if child is not None and child.traffic == traffic])


def _awaits_qm3(exchange: Exchange) -> bool:
    return (
        exchange.quick is not None and exchange.role is Role.RESPONDER and exchange.step == 2 and not exchange.waiting
    )


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


def _retired_by(child: ChildSa, heir: ChildSa, context: ExchangeContext) -> ChildSa:
    """Return ``child`` as replaced by ``heir`` if it is another pair that sends the same traffic."""
    if child.state is not _INSTALLED or child.traffic != heir.traffic or child.unique_id == heir.unique_id:
        return child
    return _replaced_by(child, heir, context)


def _replaced_by(child: ChildSa, heir: ChildSa, context: ExchangeContext) -> ChildSa:
    """Return ``child`` as replaced by ``heir``."""
    return retired(child, heir, context.now, context.engine.settings.delete_rekeyed_delay)


def _bound_retired(context: ExchangeContext, quick: QuickMode) -> None:
    """Have the oldest replaced pairs for the same traffic deleted if the peer replaces pairs faster than they expire:
    soon (`ikev1.core.machine.retirement`), or at once if there are many.
    """
    if len(context.sa.children) <= _MOST_REPLACED:
        return
    retired = [child for child in context.sa.children if child.state is ChildState.REKEYED and _is_for(child, quick)]
    surplus = retired[:-_MOST_REPLACED]
    if len(surplus) >= _MOST_WAITING:
        tell(context, list(delete_children(surplus)))
        for child in surplus:
            remove_child(context, child, "replaced by newer pairs of IPsec SAs")
        return
    for child in surplus:
        if child.retires_at > context.now:
            context.sa = context.sa.with_child(replace(child, retires_at=context.now))


def finish(context: ExchangeContext) -> None:
    """Complete the pair in the SA; the pairs that are replaced only receive packets still in transit."""
    quick = present(context.exchange.quick)
    child = present(quick.child)
    previous, heir = previous_of(context, quick), heir_of(context, quick)
    put_pair(context, child.without_keys())
    if len(context.sa.children) > 1:
        children = tuple([_retired_by(other, heir, context) for other in context.sa.children])
        context.sa = replace(context.sa, children=children)
    for exchange in context.sa.exchanges:
        held = exchange.child
        if exchange.holds_back and held is not None and held.unique_id in quick.known:
            _overtaken(context, exchange, _replaced_by(held.without_keys(), heir, context))
    _bound_retired(context, quick)
    context.exchange = replace(context.exchange, data=None)
    context.report(ChildUp(context.sa, child, previous))
    if heir.unique_id != child.unique_id or (previous is not None and previous.unique_id not in quick.known):
        _tell_of_collision(context, child, heir, previous)
    warn_of_phase2(context, child.suite, child.group)


def _overtaken(context: ExchangeContext, exchange: Exchange, old: ChildSa) -> None:
    """Complete an exchange whose pair ``old`` is replaced before it has sent anything."""
    done = replace(exchange, waiting=None, proceeds_at=0.0, resend_at=0.0, data=None)
    context.sa = context.sa.with_child(old).with_exchange(done)
    context.report(ChildUp(context.sa, old))


def finish_held(context: ExchangeContext) -> None:
    """Complete an exchange whose pair does not send yet, because its ISAKMP SA ends; the data plane's answer is not
    awaited.
    """
    quick = present(context.exchange.quick)
    if heir_of(context, quick) is quick.child:
        context.actions.append(InstallOutbound(context.engine.next_request(), quick.child))
    context.exchange = replace(context.exchange, waiting=None, proceeds_at=0.0, resend_at=0.0)
    finish(context)


def _tell_of_collision(context: ExchangeContext, child: ChildSa, heir: ChildSa, previous: ChildSa | None) -> None:
    other = previous if heir.unique_id == child.unique_id else child
    lowest = present(other).lowest_spi
    text = (
        f"tunnel {child.name!r} was rekeyed twice at the same time: pair #{heir.unique_id} stays, because the lowest "
        f"SPI, {lowest:08x}, is one of pair #{present(other).unique_id}"
    )
    context.report(Note(Code.COLLISION, text, context.sa))
