"""Private-use attributes in an offer: they are ignored, and the offer is not rejected because of them."""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, Note
from ikev1.wire.attributes import Attribute

PRIVATE_IN_PHASE_1 = 16_384  # RFC 2409 Appendix A: the first private-use attribute class
PRIVATE_IN_PHASE_2 = 32_001  # RFC 2407 §6.7: the first private-use attribute type


def private_use(attributes: Iterable[Attribute], first: int) -> tuple[int, ...]:
    """The distinct private-use types, ``first`` and above, among ``attributes``, in ascending order."""
    return tuple(sorted({attribute.type for attribute in attributes if attribute.type >= first}))


def note_ignored(context: ExchangeContext, types: tuple[int, ...]) -> None:
    """Report the private-use attributes ``types`` of the selected transform as ignored, if there are any."""
    if types:
        named = ", ".join(map(str, types))
        text = f"ignoring private-use attributes in the proposal: {named}"
        context.report(Note(Code.ATTRIBUTES_IGNORED, text, context.sa))
