"""When a new pair of IPsec SAs sends in place of an older one.

As initiator, this gateway sends QM3 and does not know whether the peer has received it. Until then many peers cannot
receive with the new pair, so the older one sends for `SWITCHES_AFTER` seconds more, or until the peer has sent a packet
with the new pair. In that time QM3 is repeated: a peer that missed it may repeat QM2 too late, or not at all. Peers
ignore a QM3 that they know. As responder, this gateway switches at once: the initiator has installed the pair before it
sends QM3.
"""

from __future__ import annotations

from ikev1.core.exchanges.interpreter import proceed
from ikev1.core.exchanges.quick_mode import SWITCHES_AFTER
from ikev1.core.exchanges.registry import script_of
from ikev1.core.machine.refuse import refuse_answer
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal

_RESPONDER = Role.RESPONDER  # looked up once, as in `ikev1.core.records.exchange`


def switch(ref: SaRef, exchange: Exchange) -> None:
    """Install the outbound SA that ``exchange`` held back."""
    quick = exchange.quick
    assert quick is not None
    context = ref.context(replace(exchange, data=replace(quick, sends_at=0.0)))
    try:
        proceed(script_of(exchange), context)
    except Refusal as error:
        refuse_answer(ref, exchange, error)
        return
    ref.commit(context, context.exchange)


def peer_sends(ref: SaRef, spi: int) -> None:
    """The peer sent an authentic packet to the inbound ``spi``: it can receive with that pair."""
    for exchange in ref.sa.exchanges:
        if exchange.holds_back and exchange.spi == spi:
            switch(ref, exchange)


def postpone(ref: SaRef, exchange: Exchange) -> None:
    """The peer repeated QM2, so it had not received QM3: wait again."""
    if not exchange.holds_back or exchange.quick is None:
        return
    until = min(ref.tx.now + SWITCHES_AFTER, exchange.ends_at - 1.0)
    if until > exchange.proceeds_at:
        later = replace(exchange, proceeds_at=until, data=replace(exchange.quick, sends_at=until))
        ref.become(ref.sa.with_exchange(later))


def peer_answered(ref: SaRef, exchange: Exchange) -> None:
    """The peer sent QM2 of ``exchange``: it has received QM3 of those that were complete before it began."""
    quick = None if exchange.role is _RESPONDER else exchange.quick
    if quick is None:
        return
    for other in ref.sa.exchanges:
        if other.holds_back and other.child is not None and other.child.unique_id in quick.known:
            switch(ref, other)


def fill_gaps(ref: SaRef) -> None:
    """The peer deleted pairs: install the outbound SA of those that waited for no other reason than such a pair."""
    if ref.has_ended:
        return
    held = {exchange.traffic: exchange for exchange in ref.sa.exchanges if exchange.holds_back}
    sending = {child.traffic for child in ref.sa.children if child.state is ChildState.INSTALLED} if held else ()
    for traffic, exchange in held.items():
        if traffic not in sending:
            switch(ref, exchange)
