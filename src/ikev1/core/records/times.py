"""The times in records: fields whose names end in ``_at``, in seconds by the clock of the caller, 0.0 for never.

That clock need not show the time of day; the engine expects only that it does not go back. Records for another process,
which has another clock, are `shifted`.
"""

from __future__ import annotations

from typing import Any, TypeVar

from ikev1.core.records.record import Record, replace

T = TypeVar("T")

_SUFFIX = "_at"


def shifted(value: T, seconds: float) -> T:
    """A record with all times in it, and in the records that it consists of, ``seconds`` later."""
    if isinstance(value, Record):
        changes = {name: _shifted(name, getattr(value, name), seconds) for name in value.__struct_fields__}
        result: T = replace(value, **changes)
        return result
    return value


def _shifted(name: str, value: Any, seconds: float) -> Any:
    if name.endswith(_SUFFIX):
        return value + seconds if value else value
    if type(value) is tuple:
        return tuple(shifted(item, seconds) for item in value)
    return shifted(value, seconds)
