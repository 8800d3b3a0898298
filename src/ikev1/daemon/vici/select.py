"""Which SAs a request selects: by name or number of the ISAKMP SA, of the pair of IPsec SAs, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ikev1.core.engine import Engine
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.ike_sa import IkeSa
from ikev1.daemon.vici.request import Request


class Selection(NamedTuple):
    """The four keys with which requests select; None selects all."""

    ike: str | None
    ike_id: int | None
    child: str | None
    child_id: int | None

    @classmethod
    def of(cls, request: Request) -> Selection:
        """What ``request`` selects."""
        return cls(request.text("ike"), request.number("ike-id"), request.text("child"), request.number("child-id"))

    @property
    def empty(self) -> bool:
        """Whether no key is given, which selects everything."""
        return self == (None, None, None, None)

    def takes_ike(self, sa: IkeSa) -> bool:
        """Whether the ISAKMP SA is selected, or may have a pair that is."""
        return self.ike in (None, sa.connection) and self.ike_id in (None, sa.unique_id)

    def takes_child(self, child: ChildSa) -> bool:
        """Whether the pair is selected, within a selected ISAKMP SA."""
        return self.child in (None, child.name) and self.child_id in (None, child.unique_id)

    def candidates(self, engine: Engine) -> Sequence[IkeSa]:
        """All ISAKMP SAs that may be selected, looked up by number or name if one is given."""
        if self.ike_id is not None:
            sa = engine.of_number(self.ike_id)
            return () if sa is None else (sa,)
        return tuple(engine.sas.values()) if self.ike is None else engine.of_connection(self.ike)

    def matches(self, engine: Engine) -> list[IkeSa] | list[ChildSa]:
        """The SAs that a command acts on: pairs of IPsec SAs if any are named, else ISAKMP SAs."""
        holder = None if self.child_id is None else engine.of_pair(self.child_id)
        candidates = self.candidates(engine) if self.child_id is None else filter(None, [holder])
        taken = [sa for sa in candidates if self.takes_ike(sa)]
        if self.child is None and self.child_id is None:
            return taken
        return [child for sa in taken for child in sa.complete_children if self.takes_child(child)]
