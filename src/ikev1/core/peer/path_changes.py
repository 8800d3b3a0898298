"""The address of a peer: when we send to the address and port that a message came from (RFC 3947 §4, §7).

Anyone can copy a message and send it from another address. The path changes only after an authentic message that is not
a retransmission, and only

- to another port, if the peer is behind a NAT, which can change the port at any time;
- from the ISAKMP port to the encapsulation port, once, if a NAT was detected ("the initiator MUST change ports when
  sending the ID payload", RFC 3947 §4);
- to another address, if the peer is behind a NAT and has answered an R-U-THERE sent to the new address
  (`ikev1.core.machine.dpd`).
"""

from __future__ import annotations

from ikev1.core.records.actions import Action, Move, Report
from ikev1.core.records.child_sa import ChildSa, IpsecMode
from ikev1.core.records.events import Code, Note
from ikev1.core.records.exchange import Exchange
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace

_QUIET = 60.0  # seconds: the minimum interval of notes about a peer that moved


def follows(sa: IkeSa, seen: UdpPath, port: int) -> bool:
    """Whether the path of ``sa`` changes to ``seen``, the path of an authentic message, without a probe.

    ``port`` is the encapsulation port.
    """
    path, nat = sa.path, sa.nat
    if nat is None or not nat.encapsulate or not same_hosts(path, seen) or seen.local_port != port or seen == path:
        return False
    floats = path.local_port != port
    # a peer that is not behind a NAT changes only to the encapsulation port, which is the same at both ends
    return nat.remote_behind or (floats and seen.remote_port == port)


def wants_probe(sa: IkeSa, seen: UdpPath, port: int) -> bool:
    """Whether the peer may have moved to the address of ``seen``, so that we probe it there."""
    behind = sa.nat is not None and sa.nat.remote_behind
    return behind and seen.local_port == port and not same_hosts(sa.path, seen)


def aggressive_path(path: UdpPath, seen: UdpPath, port: int) -> UdpPath:
    """The path after message 3 of Aggressive Mode, with which the initiator may change to ``port`` and no other."""
    return seen if seen.local_port in (path.local_port, port) else path


def same_hosts(path: UdpPath, seen: UdpPath) -> bool:
    """Whether both paths have the same local and the same remote address."""
    return (path.local_host, path.remote_host) == (seen.local_host, seen.remote_host)


def take_path(sa: IkeSa, path: UdpPath) -> tuple[IkeSa, list[Action]]:
    """``sa`` with all its pairs of IPsec SAs on ``path``, including those of unfinished Quick Modes, and the actions
    that move them in the data plane.
    """
    if path == sa.path:
        return sa, []
    children = tuple(on_path(child, path) for child in sa.children)
    exchanges = tuple(with_path(exchange, path) for exchange in sa.exchanges)
    coming = (exchange.child for exchange in exchanges)
    complete = [child for child in children if not child.is_coming]
    moves: list[Action] = [Move(child) for child in (*complete, *coming) if child is not None]
    return replace(sa, path=path, children=children, exchanges=exchanges), moves


def with_path(exchange: Exchange, path: UdpPath) -> Exchange:
    """``exchange`` with the pair of IPsec SAs that it negotiates on ``path``."""
    quick = exchange.quick
    if quick is None or quick.child is None:
        return exchange
    return replace(exchange, data=replace(quick, child=on_path(quick.child, path)))


def moved(sa: IkeSa, path: UdpPath, now: float) -> tuple[IkeSa, list[Action]]:
    """Like `take_path`, and count the move; report it at most once every `_QUIET` seconds."""
    taken, actions = take_path(sa, path)
    taken = replace(taken, moves=sa.moves + 1, moved_at=now)
    if now - sa.moved_at >= _QUIET:
        text = f"the peer moved from {sa.path.remote} to {path.remote}"
        actions.append(Report(Note(Code.PEER_MOVED, text, taken, sa.path)))
    return taken, actions


def on_path(child: ChildSa, path: UdpPath) -> ChildSa:
    """``child`` on a new path; in transport mode its selectors have the addresses of the path."""
    if child.mode is IpsecMode.TUNNEL:
        return replace(child, path=path)
    local, remote = child.local.with_address(path.local_host), child.remote.with_address(path.remote_host)
    same = (path.local_host, path.remote_host) == (child.path.local_host, child.path.remote_host)
    original = child.original_addresses if same else None  # after a move, nobody has named them
    return replace(child, path=path, local=local, remote=remote, original_addresses=original)
