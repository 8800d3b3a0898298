"""Whether an ISAKMP SA inherits the user of the one that it renews, so that the user is not asked again.

"It is important that this method not be used, unless the implementation can be sure that the current phase 1 SA was
created with the same peer as the initial phase 1 SA [...] One method suggested is to use the ID from the phase 1
negotiation [...] but only if the ID is unique to the user and cannot not be forged" (draft-beaulieu-ike-xauth-02 §5.5).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from ikev1.core.peer.connection_lookup import expected
from ikev1.core.peer.reflection import names_one
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.methods import SHARED, SIGNER
from ikev1.core.records.remote_access import User
from ikev1.core.records.settings import Connection, XauthRenewal


def inherited_user(sa: IkeSa, others: Iterable[IkeSa], connection: Connection) -> User | None:
    """The user that ``sa`` inherits from one of the ``others``, None if the user must be asked.

    The connection must allow it, and the peer must have proved an identity that is one user's: by a signature, or by a
    key that only this identity has. An ISAKMP SA with the same identity at the same address must be up, and all of
    these must have the same user.
    """
    method = sa.suite.authentication
    if connection.xauth_renewal is not XauthRenewal.INHERIT or method in SIGNER:
        return None
    if method in SHARED and not names_one(expected(connection)):
        return None
    users = {(other.user.domain, other.user.name): other.user for other in others if other.user and _renews(sa, other)}
    return next(iter(users.values())) if len(users) == 1 else None


def _renews(sa: IkeSa, other: IkeSa) -> bool:
    """Whether ``sa`` is with the peer of ``other``, as far as phase 1 proves it."""
    if not (other.is_up and other.confirmed) or sa.anchor is None or other.anchor is None:
        return False
    same = (sa.connection, sa.peer_id_body, sa.path.remote_host) == (
        other.connection,
        other.peer_id_body,
        other.path.remote_host,
    )
    return same and hmac.compare_digest(sa.anchor.proof, other.anchor.proof)
