"""Formats for single values: numbers and octets of a field."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import TRANSFORM_IDS, LifeType, NotifyType, OpenEnum
from ikev1.wire.vendors import vendor_name
from ikev1.wire.words import address, identity, octets

Known = Mapping[str, int]
"""The numbers in the head of the payload, by the names of its declaration; of a transform, also the ``protocol``."""

NumberWords = Callable[[int, Known], str]
OctetWords = Callable[[bytes, Known], str]

SHOWN = 32
"""The maximum number of octets shown in hexadecimal; of more, only the number is shown."""


def named(names: type[OpenEnum]) -> NumberWords:
    """The name of a number, and the number."""
    return lambda number, known: f"{names(number).name} ({number})"


def named_bits(names: type[OpenEnum]) -> NumberWords:
    """The names of the bits that are set, and the number."""

    def words(number: int, known: Known) -> str:
        found = [name.name for name in names if number & name.value]
        return f"{' + '.join(found) or 'none'} (0x{number:x})"

    return words


def as_decimal(number: int, known: Known) -> str:
    """The number."""
    return str(number)


def as_count(number: int, known: Known) -> str:
    """The number, which counts octets."""
    return f"{number} octets"


def as_reserved(data: bytes) -> str:
    """Octets that should be zero."""
    return f"0x{data.hex()}" if any(data) else "0"


def as_hex(data: bytes, known: Known) -> str:
    """Octets in hexadecimal."""
    return data.hex() if len(data) <= SHOWN else octets(data)


def as_octets(data: bytes, known: Known) -> str:
    """The number of octets."""
    return octets(data)


def as_vendor(data: bytes, known: Known) -> str:
    """The name of a vendor ID."""
    return vendor_name(data) or f"unknown, {octets(data)}"


def as_transform_id(number: int, known: Known) -> str:
    """A Transform-Id, whose meaning depends on the protocol (RFC 2407 §4.4.2 ff.)."""
    names = TRANSFORM_IDS.get(known["protocol"])
    return f"{names(number).name} ({number})" if names is not None else str(number)


def as_identity(data: bytes, known: Known) -> str:
    """An identity; its octets if they do not fit its type."""
    payload = Identification(known["id_type"], 0, 0, data)
    try:
        return identity(payload).partition(" ")[2]
    except ValueError:
        return octets(data)


def as_original_address(data: bytes, known: Known) -> str:
    """An address."""
    return address(data) if len(data) in (4, 16) else octets(data)


def as_notification(data: bytes, known: Known) -> str:
    """The data of a notification, formatted according to its type (RFC 2407 §4.6.3.2, RFC 3706 §5.3)."""
    match known["type"]:
        case NotifyType.R_U_THERE | NotifyType.R_U_THERE_ACK if len(data) == 4:
            return f"sequence number {int.from_bytes(data, 'big')}"
        case NotifyType.REPLAY_STATUS if len(data) == 4:
            return "replay detection on" if any(data) else "replay detection off"
        case NotifyType.LOAD_BALANCE if len(data) == 4:
            return address(data)
        case _:
            return octets(data)


def duration(unit: int | None, attribute: Attribute) -> str:
    """A Life Duration after the Life Type ``unit``: "86400 s = 24 h", "4608000 kB"."""
    if isinstance(attribute.value, bytes) and len(attribute.value) > 8:
        return octets(attribute.value)
    number = attribute.number
    if unit == LifeType.KILOBYTES:
        return f"{number} kB"
    if unit != LifeType.SECONDS:
        return str(number)
    for seconds, name in ((3600, "h"), (60, "min")):
        if number and number % seconds == 0:
            return f"{number} s = {number // seconds} {name}"
    return f"{number} s"
