"""New settings reach SAs that are up.

| what changed                          | by default               | at once                      | drain        |
|---------------------------------------|--------------------------|------------------------------|--------------|
| the connection, or a tunnel, is gone  | closed                   | closed                       | it runs out  |
| secret, trust or remote identity      | the peer authenticates   | as by default                |              |
| phase 1 proposals                     | at the next rekeying     | the ISAKMP SA is rekeyed     |              |
| phase 2 proposals, mode               | at the next rekeying     | the pair is rekeyed          |              |
| networks                              | at the next rekeying     | closed, and negotiated anew  |              |
| remote or local address               | at the next phase 1      | closed                       |              |

An SA is compared with the settings, not the settings with those before them: what one reload left for later, the next
one can have done at once.
"""

from __future__ import annotations

from ikev1.core.machine import closing, commands
from ikev1.core.machine.ended import end
from ikev1.core.machine.transaction import SaRef
from ikev1.core.negotiation.phase1_proposal import allows_suite
from ikev1.core.negotiation.phase2_proposal import as_installed
from ikev1.core.peer.connection_lookup import ConnectionLookup, is_host_name
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import Code
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.record import replace
from ikev1.core.records.reload import Reload
from ikev1.core.records.settings import Connection, ProposalCheck, Tunnel


def reconsider(ref: SaRef, before: ConnectionLookup, how: Reload) -> None:
    """Apply new settings to an ISAKMP SA and its pairs. ``before`` looks up the previous connections."""
    state, sa = ref.tx.state, ref.sa
    connection = state.lookup.by_name(sa.connection)
    if sa.state is IkeState.CONNECTING:
        was = before.by_name(sa.connection)
        if was is None or connection is None or before.fingerprint(was) != state.lookup.fingerprint(connection):
            end(ref, "secret, trust or remote identity of the connection changed")
        return
    if connection is None:
        _removed(ref, how)
        return
    if sa.draining:
        _restored(ref)
    if sa.is_current and not state.believes(ref.sa):
        commands.reauthenticate(ref)
    elif how.at_once and sa.is_up and not _is_accepted(ref, connection):
        closing.close_ike(ref, "the addresses of the connection changed")
        return
    elif how.at_once and ref.sa.state is IkeState.ESTABLISHED and not _has_policy(ref, connection):
        commands.rekey_ike(ref)
    for child in ref.sa.children:
        tunnel = connection.tunnel(child.name)
        if tunnel is None or (child.networks and commands.wants_other_networks(ref, child)):
            _tunnel_removed(ref, child, how)  # if only one of those whose networks the pair carries
        elif how.at_once and child.state is ChildState.INSTALLED:
            _follow(ref, child, tunnel)


def _removed(ref: SaRef, how: Reload) -> None:
    """Close an ISAKMP SA whose connection was removed, or let it and its pairs run out."""
    if how.drain:
        ref.change(draining=True, rekey_at=0.0, children=tuple(replace(c, rekey_at=0.0) for c in ref.sa.children))
        ref.note(Code.DRAINING, "the connection was removed from the configuration: its SAs are used until they expire")
    elif not ref.sa.draining or how.at_once:
        closing.close_ike(ref, closing.REMOVED)


def _restored(ref: SaRef) -> None:
    """The connection is configured again: rekey its pairs instead of letting them run out."""
    now = ref.tx.now
    revived = tuple(
        replace(child, rekey_at=now) if child.state is ChildState.INSTALLED else child for child in ref.sa.children
    )
    ref.change(draining=False, rekey_at=now if ref.sa.is_current else 0.0, children=revived)


def _tunnel_removed(ref: SaRef, child: ChildSa, how: Reload) -> None:
    if child.is_coming:
        if not how.drain:
            closing.abandon_held(ref, child)  # another exchange ends by itself, or is refused
        return
    if how.drain:
        ref.become(ref.sa.with_child(replace(child, rekey_at=0.0)))
    elif child.rekey_at or how.at_once or child.state is not ChildState.INSTALLED:  # else an earlier reload drains it
        closing.close_child(ref, child, "tunnel removed from the configuration")


def _follow(ref: SaRef, child: ChildSa, tunnel: Tunnel) -> None:
    """Replace a pair that does not match its tunnel any more."""
    if commands.wants_other_networks(ref, child):
        closing.close_traffic(ref, child, "the networks of the tunnel changed")
        if ref.sa.is_current and not commands.is_under_way(ref.sa, tunnel.name):
            commands.begin_quick_mode(ref, tunnel.name)
    elif not _is_as_configured(child, tunnel):
        commands.rekey_child(ref, child)


def _is_as_configured(child: ChildSa, tunnel: Tunnel) -> bool:
    """Whether the pair has a proposal and the mode of ``tunnel``."""
    if (child.mode, child.marks) != (tunnel.mode, tunnel.marks):
        return False
    if tunnel.check is ProposalCheck.OBEY and not child.initiator:
        return True
    proposed = ((as_installed(tunnel, proposal.suite), proposal.group) for proposal in tunnel.proposals)
    return (child.suite, child.group) in proposed


def _has_policy(ref: SaRef, connection: Connection) -> bool:
    return any(allows_suite(policy, ref.sa.suite) for policy in connection.policies)


def _is_accepted(ref: SaRef, connection: Connection) -> bool:
    """Whether the peer is at an address of ``connection``, as far as is known: names may soon have other addresses."""
    return any(map(is_host_name, connection.remotes)) or connection in ref.tx.state.candidates(ref.sa)
