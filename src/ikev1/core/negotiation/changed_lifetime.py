"""A responder that writes its own lifetime into the transform that it selects (contrary to RFC 2409 §5)."""

from __future__ import annotations

from ikev1.core.negotiation.lifetime_attributes import changed_life
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, Note
from ikev1.core.records.exchange import Life
from ikev1.wire.payloads import SecurityAssociation


def note_changed_life(
    context: ExchangeContext,
    offered: SecurityAssociation,
    answer: SecurityAssociation,
    names: tuple[int, int],
    used: Life,
) -> None:
    """Report that the lifetime in the peer's ``answer`` is none of those ``offered``, if it is so. ``names`` are the
    attribute types of lifetimes, ``used`` is the lifetime that the SA gets.

    Raises:
        Refusal: a life duration has no life type.
    """
    text = changed_life(offered, answer, names, used)
    if text is not None:
        context.report(Note(Code.OTHER_LIFETIME, text, context.sa))
