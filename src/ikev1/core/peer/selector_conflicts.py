"""Conflicts of traffic selectors between peers.

The operator configures the networks of a tunnel; a peer can request a part of them. If the requested traffic overlaps
that of another peer, the following rules apply. Pairs of IPsec SAs with different marks or interface IDs do not
conflict: the operator separates their packets.

- Peers of one connection never share traffic: none of them gets traffic that another one has.
- Between connections, the configuration decides. Configured networks that are requested unchanged may lie within wider
  ones or contain narrower ones, since each packet uses the narrowest pair. Identical networks are refused while another
  peer has them.
- A part of the configured networks must not overlap the traffic of a peer of another connection, unless that traffic
  contains all networks of this tunnel: then this tunnel is the narrower one, and its traffic belongs to this peer. It
  must not overlap a narrower tunnel of another connection either, whether that is established or not.

- In transport mode, clients behind one NAT have the same address, and often the same port (RFC 3948 §5.2). They share
  this traffic if the data plane tells them apart by their IPsec SAs; otherwise the second one is refused.

RFC 4301 §4.4.1 has an ordered policy database for this: the first policy that matches a packet applies, and an SA
carries what one policy selects (§4.4.1.2). Here the order is from narrow to wide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.core.peer.connection_lookup import can_call
from ikev1.core.records.child_sa import ChildSa, IpsecMode
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Tunnel
from ikev1.wire.registry import NotifyType

_Pair = tuple[Selector, Selector]  # local, remote
_THIS_CONNECTION = "another peer of this connection has this traffic ({})"


def check_rivals(context: ExchangeContext, tunnel: Tunnel, granted: _Pair, asked: _Pair, *, ends: bool = False) -> None:
    """Check that no other peer has any of the traffic ``asked`` for by the peer.

    Args:
        granted: the configured networks of ``tunnel``, which contain ``asked``.
        ends: whether a refusal ends the exchange.

    Raises:
        Refusal: another peer has some of the traffic, or it belongs to a narrower tunnel of another connection.
    """
    engine, sa = context.engine, context.sa
    _check_same_nat(context, tunnel, asked, ends)
    if asked == granted:
        rival = _first(context, engine.rivals(sa, *asked, context.connection.name), tunnel)
        if rival is not None:
            raise _refusal(asked, _THIS_CONNECTION.format(_named(rival)), ends)
        rival = _first(context, engine.equals(sa, *asked), tunnel)
        if rival is not None:
            raise _refusal(asked, f"another peer has the same networks ({_named(rival)})", ends)
        return
    other = None
    for rival in _indistinguishable(context, engine.rivals(sa, *asked), tunnel):
        if rival.connection == context.connection.name:
            raise _refusal(asked, _THIS_CONNECTION.format(_named(rival)), ends)
        if other is None and not _holds_more((rival.local, rival.remote), granted):
            other = rival
    if other is not None:
        raise _refusal(asked, f"another peer has some of this traffic ({_named(other)})", ends)
    for connection, narrow in engine.claims(*asked):
        same_packets = connection != context.connection.name and narrow.marks == tunnel.marks
        if same_packets and _holds_more(granted, (narrow.local, narrow.remote)):
            raise _refusal(
                asked, f"some of it is for {connection}/{narrow.name} ({narrow.local} === {narrow.remote})", ends
            )


def _check_same_nat(context: ExchangeContext, tunnel: Tunnel, asked: _Pair, ends: bool) -> None:
    """Refuse transport mode for traffic that another client behind the same NAT has: "Implementations MUST handle this
    situation, either by disallowing conflicting connections, or by other means" (RFC 3948 §5.2).
    """
    nat, host = context.sa.nat, context.sa.path.remote_host
    if nat is None or not nat.remote_behind or tunnel.mode is IpsecMode.TUNNEL:
        return
    neighbours = (child for child in context.engine.rivals(context.sa, *asked) if child.path.remote_host == host)
    rival = _first(context, neighbours, tunnel)
    if rival is not None:
        raise Refusal(
            Code.SELECTORS_UNACCEPTABLE,
            f"the peer requests {asked[0]} === {asked[1]}, but another client behind the same NAT has this traffic "
            f"({_named(rival)}): in transport mode the two cannot be distinguished (RFC 3948 §5.2). Use different "
            "ports for the clients, tunnel mode, or a data plane that separates clients (nf_tables, or userspace)",
            notify=NotifyType.INVALID_ID_INFORMATION,
            ends=ends,
        )


def _first(context: ExchangeContext, rivals: Iterable[ChildSa], tunnel: Tunnel) -> ChildSa | None:
    return next(_indistinguishable(context, rivals, tunnel), None)


def _indistinguishable(context: ExchangeContext, rivals: Iterable[ChildSa], tunnel: Tunnel) -> Iterator[ChildSa]:
    """The rivals whose packets nothing would distinguish from those of ``tunnel`` with the peer."""
    separates = context.engine.settings.separates_clients and may_share_address(context, tunnel)
    return (rival for rival in rivals if rival.marks == tunnel.marks and not (separates and rival.shares_address))


def may_share_address(context: ExchangeContext, tunnel: Tunnel) -> bool:
    """Whether other peers may have the traffic of the peer in ``tunnel``: in transport mode, if it is behind a NAT and
    its connection is for peers at any address. A peer that the connection calls is the only one at its address.
    """
    sa = context.sa
    behind = sa.nat is not None and sa.nat.remote_behind and sa.claim is not None
    return tunnel.mode is IpsecMode.TRANSPORT and behind and not can_call(context.connection)


def _holds_more(wide: _Pair, narrow: _Pair) -> bool:
    return wide != narrow and wide[0].contains(narrow[0]) and wide[1].contains(narrow[1])


def _named(rival: ChildSa) -> str:
    carried = f"{rival.local} === {rival.remote}"
    return f"{rival.connection}/{rival.name}-{rival.unique_id} with {rival.path.remote_host}: {carried}"


def _refusal(asked: _Pair, why: str, ends: bool) -> Refusal:
    return Refusal(
        Code.SELECTORS_UNACCEPTABLE,
        f"the peer requests {asked[0]} === {asked[1]}, but {why}: configure different networks for each peer; if the "
        "other peer is gone, close its pair of IPsec SAs",
        notify=NotifyType.INVALID_ID_INFORMATION,
        ends=ends,
    )
