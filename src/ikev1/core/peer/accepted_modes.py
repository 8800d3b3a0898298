"""Whether a connection accepts the exchange type of an initiator; checked wherever a connection is selected."""

from __future__ import annotations

from ikev1.core.records.model import Exchange, IkeSa, Role
from ikev1.core.records.settings import Aggressive, Connection
from ikev1.wire.registry import AuthenticationMethod


def accepts_mode(connection: Connection, exchange: Exchange, sa: IkeSa) -> bool:
    """Whether ``connection`` accepts the mode of phase 1 of ``sa``; always true if we are the initiator."""
    if not exchange.is_aggressive or exchange.role is Role.INITIATOR:
        return True
    return accepts_aggressive(connection, sa.chosen.suite.authentication if sa.chosen is not None else 0)


def accepts_aggressive(connection: Connection, method: int) -> bool:
    """Whether ``connection`` accepts Aggressive Mode with this authentication method (0: any) from an initiator."""
    if method == AuthenticationMethod.PRE_SHARED_KEY:
        return connection.aggressive is Aggressive.ACCEPT_PSK
    return connection.aggressive is not Aggressive.REFUSE
