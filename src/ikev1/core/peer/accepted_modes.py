"""Whether a connection lets a caller use an exchange: asked wherever a connection is chosen for a caller."""

from __future__ import annotations

from ikev1.core.records.model import Exchange, IkeSa, Role
from ikev1.core.records.settings import Aggressive, Connection
from ikev1.wire.registry import AuthenticationMethod


def accepts_mode(connection: Connection, exchange: Exchange, sa: IkeSa) -> bool:
    """Whether ``connection`` may be what phase 1 of ``sa`` ends with; a call of ours is always in the mode we want."""
    if not exchange.is_aggressive or exchange.role is Role.INITIATOR:
        return True
    return accepts_aggressive(connection, sa.chosen.suite.authentication if sa.chosen is not None else 0)


def accepts_aggressive(connection: Connection, method: int) -> bool:
    """Whether ``connection`` answers callers in Aggressive Mode with this method of authentication (0: any)."""
    if method == AuthenticationMethod.PRE_SHARED_KEY:
        return connection.aggressive is Aggressive.ACCEPT_PSK
    return connection.aggressive is not Aggressive.REFUSE
