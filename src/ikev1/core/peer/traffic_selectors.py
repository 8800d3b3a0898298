"""Which traffic a Quick Mode is about: the selectors of a tunnel, and those that a peer asks for (RFC 2409 §5.5)."""

from __future__ import annotations

from ikev1.core.peer.selector_conflicts import check_rivals
from ikev1.core.peer.selector_payload import selector_of
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.model import IpsecMode, QuickMode
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Tunnel
from ikev1.wire.message import Message
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import NotifyType


def tunnel_selectors(context: ExchangeContext, tunnel: Tunnel) -> tuple[Selector, Selector]:
    """The traffic of ``tunnel``, ours first; what is left open is the address of the peers themselves."""
    # In transport mode packets bear the addresses that they travel between; a path to another address was proved
    transport = tunnel.mode is IpsecMode.TRANSPORT
    ours, theirs = (context.sa.path.local_host, context.sa.path.remote_host) if transport else context.sa.hosts
    return tunnel.local.at(ours), tunnel.remote.at(theirs)


def wanted_tunnel(context: ExchangeContext, message: Message) -> tuple[Tunnel, Selector, Selector]:
    """The tunnel whose networks hold the traffic that the initiator wants to carry, and that traffic: our side, its
    side. One that equals it wins.

    Raises:
        Refusal: there is none, or another peer has some of the traffic.
    """
    wanted = _wanted_selectors(context, message)
    holding = []
    for tunnel in context.connection.tunnels:
        ours, theirs = tunnel_selectors(context, tunnel)
        local, remote = _on_the_path(context, tunnel, wanted)
        if (ours, theirs) == (local, remote):
            holding = [(tunnel, local, remote)]
            break
        if ours.contains(local) and theirs.contains(remote):
            holding.append((tunnel, local, remote))
    if holding:
        tunnel, *asked = holding[0]
        check_rivals(context, tunnel, tunnel_selectors(context, tunnel), (asked[0], asked[1]))
        return holding[0]
    local, remote = wanted
    configured = ", ".join(
        f"{tunnel.name}: {ours} === {theirs}"
        for tunnel in context.connection.tunnels
        for ours, theirs in [tunnel_selectors(context, tunnel)]
    )
    raise Refusal(
        Code.SELECTORS_UNACCEPTABLE,
        f"the peer requests {local} === {remote}; connection {context.connection.name!r} has "
        f"{configured or 'no tunnels'}",
        notify=NotifyType.INVALID_ID_INFORMATION,
    )


def _wanted_selectors(context: ExchangeContext, message: Message) -> tuple[Selector, Selector]:
    """Which traffic the initiator wants to carry: our side, its side.

    "The identities of the SAs negotiated in Quick Mode are implicitly assumed to be the IP addresses of the ISAKMP
    peers, [...] unless client identifiers are specified" (RFC 2409 §5.5).
    """
    identities = message.all(Identification)
    if not identities:
        ours, theirs = context.sa.hosts
        return DYNAMIC.at(ours), DYNAMIC.at(theirs)
    if len(identities) != 2:
        raise Refusal(Code.MALFORMED, "one client ID without the other", notify=NotifyType.INVALID_ID_INFORMATION)
    IDci, IDcr = identities
    return selector_of(IDcr), selector_of(IDci)


def _on_the_path(
    context: ExchangeContext, tunnel: Tunnel, wanted: tuple[Selector, Selector]
) -> tuple[Selector, Selector]:
    """The traffic that a peer means, as its packets look here: in transport mode they bear the addresses that NATs gave
    them on the way (RFC 3948 §3.1.2), and not those that the peer knows.
    """
    nat, path = context.sa.nat, context.sa.path
    if tunnel.mode is IpsecMode.TUNNEL or nat is None or not nat.encapsulate:
        return wanted
    local, remote = wanted
    return _seen_at(local, path.local_host), _seen_at(remote, path.remote_host)


def _seen_at(selector: Selector, host: str) -> Selector:
    return selector.with_address(host) if selector.first == selector.last else selector


def check_still_free(context: ExchangeContext, tunnel: Tunnel, quick: QuickMode) -> None:
    """Checks at the end of a peer's Quick Mode that no other peer got its traffic meanwhile.

    Raises:
        Refusal: one did.
    """
    check_rivals(context, tunnel, tunnel_selectors(context, tunnel), (quick.local, quick.remote), ends=True)


def check_echoed(context: ExchangeContext, tunnel: Tunnel, quick: QuickMode, message: Message) -> None:
    """Checks that the responder answers for the traffic that we asked for.

    Raises:
        Refusal: it answers for other traffic.
    """
    identities = message.all(Identification)
    if identities and _echoed(context, tunnel, identities) != (quick.local, quick.remote):
        raise Refusal(
            Code.SELECTORS_UNACCEPTABLE,
            "the peer responded with other client IDs than were sent",
            notify=NotifyType.INVALID_ID_INFORMATION,
            ends=True,
        )


def _echoed(
    context: ExchangeContext, tunnel: Tunnel, identities: tuple[Identification, ...]
) -> tuple[Selector, Selector] | None:
    """IDci and IDcr of an answer, as their traffic looks here; None if there are not two of them. A responder in
    transport mode may send back the addresses that it sees instead of those that we sent.
    """
    if len(identities) != 2:
        return None
    IDci, IDcr = identities
    return _on_the_path(context, tunnel, (selector_of(IDci), selector_of(IDcr)))
