"""Records: the immutable values that make up the state.

The steps of an exchange create new records and never change one, so that a refused message has no effect. Records can
be dumped and loaded (`msgspec.msgpack`), so that an SA can outlive the process that created it. A record with secrets
lists them in ``secret_fields``: no repr, log line or exception shows them.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec.structs import astuple as astuple
from msgspec.structs import replace as replace

T = TypeVar("T")


def present(value: T | None) -> T:
    """``value``, which an earlier step of the negotiation has set.

    Raises:
        LookupError: the value is None, which is a bug.
    """
    if value is None:
        raise LookupError("a value is missing that an earlier step of the negotiation sets")
    return value


class Record(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Base of all records; ``replace(record, field=value)`` returns a copy with new values of the named fields.

    ``gc=False`` because records form no cycles: a full collection with 20,000 SAs takes 1 ms instead of 35.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}=<secret>" if name in self.secret_fields else f"{name}={getattr(self, name)!r}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The fields for `rich`, also in tracebacks: the method of msgspec would show secrets."""
        return [
            (name, "<secret>" if name in self.secret_fields else getattr(self, name)) for name in self.__struct_fields__
        ]
