"""Traffic that a peer may not have, because another peer has it.

A tunnel's networks are the operator's word; what a peer asks for within them is its own. Where the traffic that it asks
for overlaps another peer's, the following holds. Pairs with other marks or interface IDs are no rivals: the operator
tells their packets apart.

- Peers of one connection never share traffic: none of them gets what another holds.
- Between connections the operator's word decides. Networks that stand in the configuration, asked for as they are, may
  lie in wider ones or hold narrower ones, for each packet goes to the narrowest pair. The same networks twice are
  refused while another peer has them.
- What a peer chose within wider networks must not overlap what a peer of another connection holds, unless that one's
  networks hold all of this tunnel's: then this tunnel is the narrower one, and all of it is this peer's. Nor may it
  overlap a narrower tunnel of another connection, whether that is up or not.

RFC 4301 §4.4.1 has an ordered policy database for this: the first policy that matches a packet is the one that counts,
and an SA is for what one policy selects (§4.4.1.2). Our order is from narrow to wide.
"""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.model import ChildSa, IpsecMode
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Tunnel
from ikev1.wire.registry import NotifyType

_Pair = tuple[Selector, Selector]  # ours, theirs


def check_rivals(context: ExchangeContext, tunnel: Tunnel, granted: _Pair, asked: _Pair, *, ends: bool = False) -> None:
    """Checks that the traffic ``asked`` for by the peer, of which ``tunnel`` has ``granted`` it some, is no other's.

    Args:
        ends: whether the exchange cannot go on with other traffic.

    Raises:
        Refusal: another peer holds some of it, or a narrower tunnel of another connection is for it.
    """
    engine, sa = context.engine, context.sa
    _check_same_nat(context, tunnel, asked, ends)
    rival = _first(engine.rivals(sa, *asked, context.connection.name), tunnel)
    if rival is not None:
        raise _refusal(asked, f"another peer of this connection has this traffic ({_named(rival)})", ends)
    if asked == granted:
        rival = _first(engine.equals(sa, *asked), tunnel)
        if rival is not None:
            raise _refusal(asked, f"another peer has the same networks ({_named(rival)})", ends)
        return
    others = (child for child in engine.rivals(sa, *asked) if not _holds_more((child.local, child.remote), granted))
    rival = _first(others, tunnel)
    if rival is not None:
        raise _refusal(asked, f"another peer has some of this traffic ({_named(rival)})", ends)
    for connection, other in engine.claims(*asked):
        same_packets = connection != context.connection.name and other.marks == tunnel.marks
        if same_packets and _holds_more(granted, (other.local, other.remote)):
            raise _refusal(
                asked, f"some of it is for {connection}/{other.name} ({other.local} === {other.remote})", ends
            )


def _check_same_nat(context: ExchangeContext, tunnel: Tunnel, asked: _Pair, ends: bool) -> None:
    """Refuses in transport mode what another client behind the same NAT has already: "Implementations MUST handle this
    situation, either by disallowing conflicting connections, or by other means" (RFC 3948 §5.2).
    """
    nat, host = context.sa.nat, context.sa.path.remote_host
    if tunnel.mode is IpsecMode.TUNNEL or nat is None or not nat.remote_behind:
        return
    neighbours = (child for child in context.engine.rivals(context.sa, *asked) if child.path.remote_host == host)
    rival = _first(neighbours, tunnel)
    if rival is not None:
        raise Refusal(
            Code.SELECTORS_UNACCEPTABLE,
            f"the peer requests {asked[0]} === {asked[1]}, but another client behind the same NAT has this traffic "
            f"({_named(rival)}): in transport mode the two cannot be distinguished (RFC 3948 §5.2). Use different "
            "ports for the clients, or tunnel mode",
            notify=NotifyType.INVALID_ID_INFORMATION,
            ends=ends,
        )


def _first(rivals: Iterable[ChildSa], tunnel: Tunnel) -> ChildSa | None:
    return next((rival for rival in rivals if rival.marks == tunnel.marks), None)


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
