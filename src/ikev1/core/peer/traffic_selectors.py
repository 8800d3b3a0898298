"""The traffic of a Quick Mode: the selectors of a tunnel, and those that a peer requests (RFC 2409 §5.5)."""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.core.peer.selector_conflicts import check_rivals
from ikev1.core.peer.selector_payload import payload_of, selector_of
from ikev1.core.peer.vendor_ids import ACCEPTS_LESS, speaks_unity
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import QuickMode
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Tunnel
from ikev1.wire.message import Message
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import NotifyType

Pair = tuple[Selector, Selector]  # local, remote


def allowed_selectors(context: ExchangeContext, tunnel: Tunnel) -> tuple[Pair, ...]:
    """The local and remote selectors of ``tunnel`` under the ISAKMP SA of ``context``.

    A dynamic selector stands for the address of the respective peer. In tunnel mode, that of a client with virtual
    addresses stands for these: then there is one pair for each IP version, and none until they are assigned.
    """
    sa, connection = context.sa, context.connection
    if tunnel.local.first and tunnel.remote.first:
        return ((tunnel.local, tunnel.remote),)  # neither is dynamic
    if tunnel.mode is IpsecMode.TRANSPORT:
        # Packets have the addresses of the path; a new path is used only after a probe
        return ((tunnel.local.at(sa.path.local_host), tunnel.remote.at(sa.path.remote_host)),)
    ours, theirs = sa.hosts
    if not connection.vips and not connection.pools:
        return ((tunnel.local.at(ours), tunnel.remote.at(theirs)),)
    locals_ = _at_each(tunnel.local, _virtual(connection.vips, sa.received, ours))
    remotes = _at_each(tunnel.remote, _virtual(connection.pools, sa.assigned, theirs))
    return tuple([(local, remote) for local in locals_ for remote in remotes if local.version == remote.version])


def _virtual(wanted: tuple[str, ...], config: ModeConfig | None, host: str) -> tuple[str, ...]:
    """The virtual addresses of a peer of a connection on which it needs some (``wanted``), else its own address."""
    if not wanted:
        return (host,)
    return () if config is None else config.addresses


def _at_each(selector: Selector, hosts: tuple[str, ...]) -> list[Selector]:
    return [selector.at(host) for host in hosts] if selector.dynamic else [selector]


def allows(pairs: Iterable[Pair], local: Selector, remote: Selector) -> bool:
    """Whether one of ``pairs`` contains this traffic."""
    return any(ours.contains(local) and theirs.contains(remote) for ours, theirs in pairs)


def wanted_tunnel(context: ExchangeContext, message: Message) -> tuple[Tunnel, Selector, Selector]:
    """The tunnel whose networks contain the traffic that the initiator requests, and the local and remote selector of
    this traffic. A tunnel whose networks equal the traffic is preferred. A client that knows Cisco's split networks
    gets the first one for a request for everything (`carried_networks`).

    Raises:
        Refusal: there is no such tunnel, or another peer has some of the traffic.
    """
    wanted = _wanted_selectors(context, message)
    found: tuple[Tunnel, Pair, Pair] | None = None  # the tunnel, its networks, and the traffic
    for tunnel in context.connection.tunnels:
        asked = _on_the_path(context, tunnel, wanted)
        for allowed in allowed_selectors(context, tunnel):
            if allowed == asked:
                return _checked(context, tunnel, allowed, asked)
            if found is None and allows((allowed,), *asked):
                found = tunnel, allowed, asked
    found = found or _narrowed(context, wanted)
    if found is not None:
        return _checked(context, *found)
    local, remote = wanted
    raise Refusal(
        Code.SELECTORS_UNACCEPTABLE,
        f"the peer requests {local} === {remote}; {_configured(context)}",
        notify=NotifyType.INVALID_ID_INFORMATION,
    )


def _narrowed(context: ExchangeContext, wanted: Pair) -> tuple[Tunnel, Pair, Pair] | None:
    """The first tunnel for a client that knows Cisco's split networks, its networks, and the traffic of the pair."""
    local, remote = wanted
    if not _sends_split_networks(context, local):
        return None
    for tunnel in context.connection.tunnels:
        for allowed in _within(context, tunnel, wanted):
            return tunnel, allowed, (allowed[0], remote) if ACCEPTS_LESS in context.sa.vendors else wanted
    return None


def _sends_split_networks(context: ExchangeContext, local: Selector) -> bool:
    """Whether the peer is a client that asks for everything (``local``), and sends what it was told (Cisco Unity)."""
    return bool(context.connection.pools) and speaks_unity(context.sa.vendors) and _is_everything(local)


def _within(context: ExchangeContext, tunnel: Tunnel, wanted: Pair) -> list[Pair]:
    """The networks of ``tunnel`` in a request for everything."""
    local, remote = wanted
    allowed = allowed_selectors(context, tunnel) if tunnel.mode is IpsecMode.TUNNEL else ()
    return [(ours, theirs) for ours, theirs in allowed if local.contains(ours) and theirs.contains(remote)]


def differ_in_network(one: Tunnel, other: Tunnel) -> bool:
    """Whether the tunnels are equal apart from names and local networks, so that a pair of one can carry both."""
    ports = [(tunnel.local.protocol, tunnel.local.port) for tunnel in (one, other)]
    return ports[0] == ports[1] and replace(one, name=other.name, local=other.local) == other


def _shared(context: ExchangeContext, tunnel: Tunnel, wanted: Pair) -> list[Pair]:
    """The networks of the tunnels of a connection that one pair of ``tunnel`` carries, and not each alone; none if the
    tunnel, or the request, is another one.
    """
    if ACCEPTS_LESS in context.sa.vendors or not _sends_split_networks(context, wanted[0]):
        return []
    if allows(allowed_selectors(context, tunnel), *wanted):
        return []
    alike = [other for other in context.connection.tunnels if differ_in_network(tunnel, other)]
    found = list(dict.fromkeys(pair for other in alike for pair in _within(context, other, wanted)))
    return [pair for pair in found if not any(other != pair and other[0].contains(pair[0]) for other in found)]


def carried_networks(
    context: ExchangeContext, tunnel: Tunnel, local: Selector, remote: Selector
) -> tuple[Selector, ...]:
    """The local networks that a pair of ``tunnel`` with these selectors carries; empty: all of ``local``.

    Cisco's clients have one pair, with which they request everything, and send what the split networks that they
    received say. It carries the networks of all tunnels of the connection that differ in nothing else.
    """
    return tuple(ours for ours, _ in _shared(context, tunnel, (local, remote)))


def may_carry(
    context: ExchangeContext, tunnel: Tunnel, local: Selector, remote: Selector, networks: tuple[Selector, ...] = ()
) -> bool:
    """Whether ``tunnel`` allows a pair with these selectors that carries ``networks``."""
    carried = carried_networks(context, tunnel, local, remote)
    return {*networks} <= {*carried} if carried else allows(allowed_selectors(context, tunnel), local, remote)


def answered_identities(
    context: ExchangeContext, tunnel: Tunnel, traffic: Pair, message: Message
) -> tuple[Identification, ...]:
    """The client IDs that answer a request: those of the request, even for a pair with less ``traffic``, because many
    clients accept no others. One that does requests what else it has been told of.
    """
    identities = message.all(Identification)
    if not identities or tunnel.mode is not IpsecMode.TUNNEL or ACCEPTS_LESS not in context.sa.vendors:
        return identities
    local, remote = traffic
    return identities if selector_of(identities[1]) == local else (payload_of(remote), payload_of(local))


def _is_everything(selector: Selector) -> bool:
    return selector.has_all_addresses and not selector.protocol


def _checked(context: ExchangeContext, tunnel: Tunnel, allowed: Pair, asked: Pair) -> tuple[Tunnel, Selector, Selector]:
    """Check that the traffic ``asked`` for is not another peer's, nor may become another client's."""
    _check_rivals(context, tunnel, allowed, asked)
    remote, assigned = asked[1], context.sa.assigned
    if context.connection.pools and tunnel.mode is IpsecMode.TUNNEL and not _is_assigned(remote, assigned):
        for pool in context.engine.settings.pools:
            if any(each.overlaps(remote) for each in pool.selectors):
                raise Refusal(
                    Code.SELECTORS_UNACCEPTABLE,
                    f"the peer requests traffic of {remote}, which contains virtual addresses of pool {pool.name!r} "
                    "that were not assigned to it",
                    notify=NotifyType.INVALID_ID_INFORMATION,
                )
    return tunnel, *asked


def _check_rivals(context: ExchangeContext, tunnel: Tunnel, allowed: Pair, asked: Pair, *, ends: bool = False) -> None:
    shared = _shared(context, tunnel, asked)
    for granted in shared:
        check_rivals(context, tunnel, granted, (granted[0], asked[1]), ends=ends)
    if not shared:
        check_rivals(context, tunnel, allowed, asked, ends=ends)


def _is_assigned(remote: Selector, assigned: ModeConfig | None) -> bool:
    return assigned is not None and any(DYNAMIC.at(address).contains(remote) for address in assigned.addresses)


def _configured(context: ExchangeContext) -> str:
    """What the connection allows, for people."""
    connection = context.connection
    pairs = ", ".join(
        f"{tunnel.name}: {ours} === {theirs}"
        for tunnel in connection.tunnels
        for ours, theirs in allowed_selectors(context, tunnel)
    )
    if connection.pools and context.sa.assigned is None:
        return f"it has not requested a virtual address, which connection {connection.name!r} requires"
    return f"connection {connection.name!r} has {pairs or 'no tunnels'}"


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
    asked = quick.local, quick.remote
    allowed = next((pair for pair in allowed_selectors(context, tunnel) if allows((pair,), *asked)), asked)
    _check_rivals(context, tunnel, allowed, asked, ends=True)


def selected_traffic(context: ExchangeContext, tunnel: Tunnel, quick: QuickMode, message: Message) -> Pair:
    """The local and remote selector that the responder selected: those that we requested.

    A client with a virtual address also accepts less, because gateways such as strongSwan's narrow a request for
    traffic to everywhere in this way. Between two networks, the traffic that is left out would be missed.

    Raises:
        Refusal: it selected other traffic.
    """
    identities = message.all(Identification)
    requested = quick.local, quick.remote
    echoed = _echoed(context, tunnel, identities) if identities else requested
    if echoed == requested:
        return requested
    if echoed is not None and context.connection.vips and allows((requested,), *echoed):
        return echoed
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
