"""An enumeration that accepts every number: numbers without a name are values, too."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar, Self


class OpenEnum(IntEnum):
    """Names for a number space that others may extend.

    A number without a name becomes a member, too: ``NotifyType(40001).name == "NOTIFY_40001"``. Members
    equal their number and hash like it, so a plain ``int`` off the wire finds them in any dictionary.

    Raises ValueError for what does not fit the field on the wire.
    """

    _prefix: ClassVar[str]
    _largest: ClassVar[int]

    def __init_subclass__(cls, *, prefix: str, octets: int, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        cls._prefix = prefix
        cls._largest = 256**octets - 1

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        # Not cached: a peer may send any number, and memory must stay bounded.
        if not isinstance(value, int) or not 0 <= value <= cls._largest:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"{cls._prefix}_{value}"
        member._value_ = value
        return member
