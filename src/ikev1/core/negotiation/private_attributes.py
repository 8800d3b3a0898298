"""Attributes for private use in an offer: they mean nothing to us, and are no reason to refuse it."""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, Note
from ikev1.wire.attributes import Attribute

PRIVATE_IN_PHASE_1 = 16_384  # RFC 2409 Appendix A: attribute classes from here on are private
PRIVATE_IN_PHASE_2 = 32_001  # RFC 2407 §6.7: so are attributes from here on


def private_use(attributes: Iterable[Attribute], first: int) -> tuple[int, ...]:
    """The types among ``attributes`` that are for private use, which begins at ``first``, each once."""
    return tuple(sorted({attribute.type for attribute in attributes if attribute.type >= first}))


def note_ignored(context: ExchangeContext, types: tuple[int, ...]) -> None:
    """Says which private attributes of the transform that was chosen are ignored, if there are any."""
    if types:
        named = ", ".join(map(str, types))
        text = f"ignoring private-use attributes in the proposal: {named}"
        context.report(Note(Code.ATTRIBUTES_IGNORED, text, context.sa))
