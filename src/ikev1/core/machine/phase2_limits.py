"""Limits on the phase 2 exchanges and pairs of IPsec SAs that a peer may have under one ISAKMP SA.

An ISAKMP SA with many Quick Modes is replaced before the peer reaches its limit, even if the connection has ``rekey``
set to false.
"""

from __future__ import annotations

from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, Note
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal

_MOST_QUICK_MODES = 5000  # initiated by the peer under one ISAKMP SA: all their message IDs are stored
_MANY_QUICK_MODES = {  # of both peers: after so many, the ISAKMP SA is replaced
    Role.INITIATOR: 4000,
    Role.RESPONDER: 4200,  # more, so that two peers that count do not both replace it
}
_MOST_UNDER_WAY = 256  # unfinished Quick Modes initiated by the peer
MOST_PAIRS = 2000  # under one ISAKMP SA, which is stored as a whole with each change
_AGAIN = "further ones are rejected"


def admit_phase2(context: ExchangeContext) -> None:
    """Record that the peer initiates a phase 2 exchange.

    Raises:
        Refusal: the peer exceeds one of the limits.
    """
    sa, spent = context.sa, len(context.sa.spent_message_ids) + 1
    others = [each for each in sa.exchanges if each.message_id != context.exchange.message_id]
    under_way = sum(each.role is Role.RESPONDER for each in others)
    if spent > _MOST_QUICK_MODES:
        raise Refusal(
            Code.QUICK_MODE_LIMIT, f"the peer initiated {_MOST_QUICK_MODES} Quick Modes under this ISAKMP SA: {_AGAIN}"
        )
    if under_way >= _MOST_UNDER_WAY:
        raise Refusal(Code.QUICK_MODE_LIMIT, f"the peer has {_MOST_UNDER_WAY} unfinished Quick Modes: {_AGAIN}")
    if len(sa.children) >= MOST_PAIRS:
        raise Refusal(Code.QUICK_MODE_LIMIT, f"the peer has {MOST_PAIRS} pairs of IPsec SAs: {_AGAIN}")
    context.sa = replace(sa, spent_message_ids=(*sa.spent_message_ids, context.exchange.message_id))
    _replace_early(context)


def count_own(context: ExchangeContext) -> None:
    """Record that this gateway initiates a Quick Mode."""
    context.sa = replace(context.sa, own_quick_modes=context.sa.own_quick_modes + 1)
    _replace_early(context)


def _replace_early(context: ExchangeContext) -> None:
    """Rekey the ISAKMP SA now if it has seen many Quick Modes."""
    sa, now = context.sa, context.now
    seen = len(sa.spent_message_ids) + sa.own_quick_modes
    due = 0.0 < sa.rekey_at <= now
    if seen >= _MANY_QUICK_MODES[sa.role] and sa.state is IkeState.ESTABLISHED and not due:
        context.sa = replace(sa, rekey_at=now)
        context.report(Note(Code.QUICK_MODE_LIMIT, f"rekeying the ISAKMP SA early, after {seen} Quick Modes", sa))
