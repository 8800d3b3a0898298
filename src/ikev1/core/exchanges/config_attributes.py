"""Values of XAUTH and mode config attributes (draft-dukes-ike-mode-cfg-02 §3.4, draft-beaulieu-ike-xauth-02 §6.2)."""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.core.records.events import Code
from ikev1.core.records.refusal import Refusal
from ikev1.wire.attributes import Attribute, find
from ikev1.wire.registry import ConfigAttribute, NotifyType

XAUTH_ATTRIBUTES = range(ConfigAttribute.XAUTH_TYPE, ConfigAttribute.XAUTH_ANSWER + 1)

_LARGEST_NUMBER = 4  # octets


def octets_of(attribute: Attribute) -> bytes:
    """The octets of a value, without the final NUL that Android sends with strings. A value of two octets may have the
    short form.
    """
    value = attribute.value
    return (value.to_bytes(2) if isinstance(value, int) else value).removesuffix(b"\0")


def value_of(attributes: Iterable[Attribute], kind: int) -> bytes:
    """The octets of the attribute of type ``kind``; empty if there is none."""
    found = find(attributes, kind)
    return b"" if found is None else octets_of(found)


def number_in(attributes: Iterable[Attribute], kind: int) -> int | None:
    """The number in the attribute of type ``kind``, in either form; None if there is none, or it is empty.

    Raises:
        Refusal: the value is longer than a number.
    """
    found = find(attributes, kind)
    if found is None or found.value == b"":
        return None
    if isinstance(found.value, bytes) and len(found.value) > _LARGEST_NUMBER:
        text = f"attribute {ConfigAttribute(kind).name} has {len(found.value)} octets instead of a number"
        raise Refusal(Code.MALFORMED, text, notify=NotifyType.ATTRIBUTES_NOT_SUPPORTED)
    return found.number


def refuse_repeated(attributes: Iterable[Attribute]) -> None:
    """Refuse repeated attributes, because two readers could use different values.

    Raises:
        Refusal: there is such an attribute.
    """
    seen: set[int] = set()
    for attribute in attributes:
        if attribute.type in seen:
            text = f"attribute {ConfigAttribute(attribute.type).name} is repeated"
            raise Refusal(Code.MALFORMED, text, notify=NotifyType.PAYLOAD_MALFORMED)
        seen.add(attribute.type)
