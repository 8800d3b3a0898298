"""Which traffic a Quick Mode is about: the selectors of a tunnel, and those that a peer asks for (RFC 2409 §5.5)."""

from __future__ import annotations

from ikev1.core.client_id import selector_of
from ikev1.core.events import Code
from ikev1.core.model import QuickMode
from ikev1.core.refusal import Refusal
from ikev1.core.selector import DYNAMIC, Selector
from ikev1.core.settings import Tunnel
from ikev1.core.turn import Turn
from ikev1.wire.message import Message
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import NotifyType

__all__ = ["check_echoed", "tunnel_selectors", "wanted_tunnel"]


def tunnel_selectors(turn: Turn, tunnel: Tunnel) -> tuple[Selector, Selector]:
    """The traffic of ``tunnel``, ours first; what is left open is the address of the peers themselves."""
    path = turn.sa.path
    return tunnel.local.at(path.local_host), tunnel.remote.at(path.remote_host)


def wanted_tunnel(turn: Turn, message: Message) -> tuple[Tunnel, Selector, Selector]:
    """The tunnel whose networks hold the traffic that the initiator wants to carry, and that traffic: our side, its
    side. One that equals it wins.

    Raises:
        Refusal: there is none.
    """
    local, remote = _wanted_selectors(turn, message)
    holding = []
    for tunnel in turn.connection.tunnels:
        ours, theirs = tunnel_selectors(turn, tunnel)
        if (ours, theirs) == (local, remote):
            return tunnel, local, remote
        if ours.contains(local) and theirs.contains(remote):
            holding.append(tunnel)
    if holding:
        return holding[0], local, remote
    configured = ", ".join(
        f"{tunnel.name}: {ours} === {theirs}"
        for tunnel in turn.connection.tunnels
        for ours, theirs in [tunnel_selectors(turn, tunnel)]
    )
    raise Refusal(
        Code.SELECTORS_UNACCEPTABLE,
        f"the peer asks for {local} === {remote}; connection {turn.connection.name!r} has {configured or 'no tunnels'}",
        notify=NotifyType.INVALID_ID_INFORMATION,
    )


def _wanted_selectors(turn: Turn, message: Message) -> tuple[Selector, Selector]:
    """Which traffic the initiator wants to carry: our side, its side.

    "The identities of the SAs negotiated in Quick Mode are implicitly assumed to be the IP addresses of the ISAKMP
    peers, [...] unless client identifiers are specified" (RFC 2409 §5.5).
    """
    identities = message.all(Identification)
    if not identities:
        path = turn.sa.path
        return DYNAMIC.at(path.local_host), DYNAMIC.at(path.remote_host)
    if len(identities) != 2:
        raise Refusal(Code.MALFORMED, "one client identity without the other", notify=NotifyType.INVALID_ID_INFORMATION)
    IDci, IDcr = identities
    return selector_of(IDcr), selector_of(IDci)


def check_echoed(quick: QuickMode, message: Message) -> None:
    """Checks that the responder answers for the traffic that we asked for.

    Raises:
        Refusal: it answers for other traffic.
    """
    identities = message.all(Identification)
    if identities and [selector_of(identity) for identity in identities] != [quick.local, quick.remote]:
        raise Refusal(
            Code.SELECTORS_UNACCEPTABLE,
            "the peer answered with other client identities than we sent",
            notify=NotifyType.INVALID_ID_INFORMATION,
            ends=True,
        )
