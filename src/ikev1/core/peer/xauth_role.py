"""The role of this gateway in XAUTH after phase 1: server, client, or none."""

from __future__ import annotations

from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.methods import XAUTH_CLIENT
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Connection, XauthRole


def xauth_role(method: int, role: Role, connection: Connection) -> XauthRole | None:
    """The role in XAUTH of this gateway, whose role in phase 1 is ``role``; None without XAUTH.

    The authentication ``method`` announces XAUTH and names the client (draft-beaulieu-ike-xauth-02 §7.2). Some peers
    begin XAUTH without such a method: the configuration says so by ``xauth_method``.
    """
    client = XAUTH_CLIENT.get(method)
    if client is not None:
        return XauthRole.CLIENT if client is role else XauthRole.SERVER
    return None if connection.xauth_method else connection.xauth


def with_policies_as(connection: Connection, role: Role) -> Connection:
    """``connection`` with the policies for its ``role`` in phase 1: a server of XAUTH never becomes the client by the
    choice of the peer. There may be none left.
    """
    if connection.xauth is None:
        return connection
    allowed = tuple(
        policy
        for policy in connection.policies
        if xauth_role(policy.suite.authentication, role, connection) in (None, connection.xauth)
    )
    return connection if allowed == connection.policies else replace(connection, policies=allowed)


def as_initiator(connection: Connection) -> Connection:
    """``connection`` with the policies that it can offer.

    Raises:
        Refusal: it has none.
    """
    possible = with_policies_as(connection, Role.INITIATOR)
    if not possible.policies:
        text = f"connection {connection.name!r} has no policy with which it can initiate"
        raise Refusal(Code.NO_PROPOSAL_CHOSEN, text)
    return possible
