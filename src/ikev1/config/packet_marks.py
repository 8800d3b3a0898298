"""Packet marks and interface IDs of a tunnel, in swanctl's words."""

from __future__ import annotations

from ikev1.config.table import Table
from ikev1.core.records.child_sa import Mark, PacketMarks

_LARGEST = 0xFFFF_FFFF


def read_packet_marks(table: Table) -> PacketMarks:
    """``mark_in``, ``mark_out``, ``if_id_in`` and ``if_id_out`` of a tunnel."""
    return PacketMarks(
        mark_in=table.take("mark_in", _mark, Mark()),
        mark_out=table.take("mark_out", _mark, Mark()),
        if_id_in=table.take("if_id_in", _interface_id, 0),
        if_id_out=table.take("if_id_out", _interface_id, 0),
    )


def _mark(value: object) -> Mark:
    """``VALUE`` or ``VALUE/MASK``; without a mask all 32 bits are compared."""
    number, slash, mask = str(value).partition("/")
    read = _number(number, value), _number(mask, value) if slash else _LARGEST
    return Mark(read[0] & read[1], read[1])


def _interface_id(value: object) -> int:
    return _number(str(value), value)


def _number(text: str, value: object) -> int:
    try:
        number = -1 if isinstance(value, (bool, float)) else int(text.strip(), 0)
    except ValueError:
        number = -1
    if not 0 <= number <= _LARGEST:
        raise ValueError(
            f'{value!r} is not allowed: expected a 32-bit number such as 42 or "0x2a", for a mark optionally with a '
            'mask ("0x2a/0xff"); %unique is not supported'
        )
    return number
