"""Leases: which virtual address belongs to whom."""

from __future__ import annotations

from ikev1.core.records.record import Record


class Lease(Record, frozen=True):
    """A virtual address and its owner, who has it while ``online``, and gets it again afterwards if it is free.

    ``owner`` is the name of a user or, unless ``is_user``, the identity of a peer. ``changed_at`` is the time, by the
    clock of the caller, at which it was assigned or released.
    """

    address: str
    owner: str
    is_user: bool = True
    pool: str = ""  # empty: the address is not from a pool, but from the profile of the user
    online: bool = True
    changed_at: float = 0.0
