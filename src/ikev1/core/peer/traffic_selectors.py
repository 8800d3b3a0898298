"""The traffic of a Quick Mode: the selectors of a tunnel, and those that a peer requests (RFC 2409 §5.5)."""

from __future__ import annotations

from ikev1.core.peer.selector_conflicts import check_rivals
from ikev1.core.peer.selector_payload import selector_of
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import QuickMode
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Tunnel
from ikev1.wire.message import Message
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import NotifyType


def tunnel_selectors(context: ExchangeContext, tunnel: Tunnel) -> tuple[Selector, Selector]:
    """The local and remote selector of ``tunnel``; a dynamic one becomes the address of the respective peer."""
    if tunnel.local.first and tunnel.remote.first:
        return tunnel.local, tunnel.remote  # neither is dynamic
    # In transport mode, packets have the addresses of the path; a new path is used only after a probe
    transport = tunnel.mode is IpsecMode.TRANSPORT
    ours, theirs = (context.sa.path.local_host, context.sa.path.remote_host) if transport else context.sa.hosts
    return tunnel.local.at(ours), tunnel.remote.at(theirs)


def wanted_tunnel(context: ExchangeContext, message: Message) -> tuple[Tunnel, Selector, Selector]:
    """The tunnel whose networks contain the traffic that the initiator requests, and the local and remote selector of
    this traffic. A tunnel whose networks equal the traffic is preferred.

    Raises:
        Refusal: there is no such tunnel, or another peer has some of the traffic.
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
    """The local and remote selector that the initiator requests.

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
    """The traffic that a peer requests, with the addresses that its packets have here: in transport mode, NATs change
    them in transit (RFC 3948 §3.1.2), so they are not those that the peer knows.
    """
    nat, path = context.sa.nat, context.sa.path
    if nat is None or not nat.encapsulate or tunnel.mode is IpsecMode.TUNNEL:
        return wanted
    local, remote = wanted
    return _seen_at(local, path.local_host), _seen_at(remote, path.remote_host)


def _seen_at(selector: Selector, host: str) -> Selector:
    return selector.with_address(host) if selector.first == selector.last else selector


def check_still_free(context: ExchangeContext, tunnel: Tunnel, quick: QuickMode) -> None:
    """Check at the end of a Quick Mode that the peer initiated that no other peer got its traffic meanwhile.

    Raises:
        Refusal: another peer got some of the traffic.
    """
    check_rivals(context, tunnel, tunnel_selectors(context, tunnel), (quick.local, quick.remote), ends=True)


def check_echoed(context: ExchangeContext, tunnel: Tunnel, quick: QuickMode, message: Message) -> None:
    """Check that the responder selected the traffic that we requested.

    Raises:
        Refusal: it selected other traffic.
    """
    identities = message.all(Identification)
    if not identities:
        return
    echoed = _echoed(context, tunnel, identities)
    if echoed != (quick.local, quick.remote):
        found = f"local {echoed[0]}, remote {echoed[1]}" if echoed is not None else f"{len(identities)} client IDs"
        raise Refusal(
            Code.SELECTORS_UNACCEPTABLE,
            f"the peer responded to tunnel {quick.tunnel!r} with other networks than were requested: {found} "
            f"(requested: local {quick.local}, remote {quick.remote})",
            notify=NotifyType.INVALID_ID_INFORMATION,
            ends=True,
        )


def _echoed(
    context: ExchangeContext, tunnel: Tunnel, identities: tuple[Identification, ...]
) -> tuple[Selector, Selector] | None:
    """The selectors of IDci and IDcr in a response, with the addresses that packets have here; None if there are not
    two payloads. In transport mode, a responder may send the addresses that it sees instead of those that we sent.
    """
    if len(identities) != 2:
        return None
    IDci, IDcr = identities
    return _on_the_path(context, tunnel, (selector_of(IDci), selector_of(IDcr)))
