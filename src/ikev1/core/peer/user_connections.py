"""Which connection the user of a client gets: XAUTH can select another one than phase 1 did, as the identity of a peer
can in phase 1.
"""

from __future__ import annotations

from ikev1.core.peer import identity
from ikev1.core.peer.authentication import eligible
from ikev1.core.peer.connection_lookup import accepts_mode, expected
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.record import present, replace
from ikev1.core.records.remote_access import User
from ikev1.core.records.settings import Connection, XauthRole


def permits(connection: Connection, user: User) -> bool:
    """Whether ``connection`` is for this user, and for a group of the user."""
    name = f"{user.domain}\\{user.name}" if user.domain else user.name
    is_in_group = not connection.groups or not set(connection.groups).isdisjoint(user.groups)
    return connection.xauth_user in ("", name) and is_in_group


def alternatives(context: ExchangeContext) -> tuple[Connection, ...]:
    """The other connections that phase 1 could have been for, and whose users the same backends check."""
    ours, theirs, phase1 = context.connection, identity.parse(context.sa.peer_id_body), context.sa.phase1
    return tuple(
        each
        for each in eligible(context)[1:]
        if each.xauth is XauthRole.SERVER
        and (each.xauth_backend, each.local_id, each.credential) == (ours.xauth_backend, ours.local_id, ours.credential)
        and identity.matches(expected(each), theirs)
        and (each.aggressive is ours.aggressive or (phase1 is not None and accepts_mode(each, phase1, context.sa)))
    )


def select(context: ExchangeContext, name: str) -> None:
    """Select the connection ``name``, one of `alternatives`; if it was removed or changed since, nothing changes: see
    whether the connection that remains `permits` the user.
    """
    for chosen in alternatives(context):
        if chosen.name == name:
            anchor = replace(present(context.sa.anchor), proof=context.engine.fingerprint(chosen))
            context.sa = replace(context.sa, connection=name, anchor=anchor)
            context.connection = chosen
