"""Where a peer is: when what we send follows a message that came from elsewhere (RFC 3947 §4, §7).

Anybody can copy a message and send it from another address, so a path is followed only by a message that was checked
whole and is no repetition, and

- the port alone, if the peer is behind a NAT, which may give it another one at any time;
- from the ISAKMP port to the encapsulation port, once, where a NAT was found ("the initiator MUST change ports when
  sending the ID payload", RFC 3947 §4);
- to another address, if the peer is behind a NAT, once it has answered a question that was sent there (`probe`).
"""

from __future__ import annotations

from ikev1.core.records.actions import Action, Move, Report
from ikev1.core.records.events import Code, Note
from ikev1.core.records.model import ChildSa, Exchange, IkeSa, IpsecMode, UdpPath
from ikev1.core.records.record import replace

_QUIET = 60.0  # seconds between two notes that a peer has moved


def follows(sa: IkeSa, seen: UdpPath, port: int) -> bool:
    """Whether a message that was checked, and came by ``seen``, is reason enough to send there.

    ``port`` is the encapsulation port.
    """
    path, nat = sa.path, sa.nat
    if nat is None or not nat.encapsulate or not same_hosts(path, seen) or seen.local_port != port or seen == path:
        return False
    floats = path.local_port != port
    # a peer that is not behind a NAT keeps its port, but for the float, which leads to the same number on both sides
    return nat.remote_behind or (floats and seen.remote_port == port)


def wants_probe(sa: IkeSa, seen: UdpPath, port: int) -> bool:
    """Whether the peer may have moved to ``seen``, and is to be asked there."""
    behind = sa.nat is not None and sa.nat.remote_behind
    return behind and seen.local_port == port and not same_hosts(sa.path, seen)


def aggressive_path(path: UdpPath, seen: UdpPath, port: int) -> UdpPath:
    """The path of Aggressive Mode's message 3: with it the initiator may float to ``port``, and do nothing else."""
    return seen if seen.local_port in (path.local_port, port) else path


def same_hosts(path: UdpPath, seen: UdpPath) -> bool:
    """Whether both lead from the same address of ours to the same address of the peer."""
    return (path.local_host, path.remote_host) == (seen.local_host, seen.remote_host)


def take_path(sa: IkeSa, path: UdpPath) -> tuple[IkeSa, list[Action]]:
    """``sa`` with its pairs on ``path``, those too that Quick Modes are about to make, and what makes the data plane
    follow.
    """
    if path == sa.path:
        return sa, []
    children = tuple(on_path(child, path) for child in sa.children)
    exchanges = tuple(with_path(exchange, path) for exchange in sa.exchanges)
    coming = (exchange.child for exchange in exchanges)
    moves: list[Action] = [Move(child) for child in (*children, *coming) if child is not None]
    return replace(sa, path=path, children=children, exchanges=exchanges), moves


def with_path(exchange: Exchange, path: UdpPath) -> Exchange:
    """``exchange`` with the pair that it is about to make on ``path``."""
    quick = exchange.quick
    if quick is None or quick.child is None:
        return exchange
    return replace(exchange, data=replace(quick, child=on_path(quick.child, path)))


def moved(sa: IkeSa, path: UdpPath, now: float) -> tuple[IkeSa, list[Action]]:
    """As `take_path`, for a peer that has moved, which is counted, and noted now and then."""
    taken, actions = take_path(sa, path)
    taken = replace(taken, moves=sa.moves + 1, moved_at=now)
    if now - sa.moved_at >= _QUIET:
        text = f"the peer moved from {sa.path.remote} to {path.remote}"
        actions.append(Report(Note(Code.PEER_MOVED, text, taken)))
    return taken, actions


def on_path(child: ChildSa, path: UdpPath) -> ChildSa:
    """``child`` on a new path; in transport mode its traffic is that of the addresses there."""
    if child.mode is IpsecMode.TUNNEL:
        return replace(child, path=path)
    local, remote = child.local.with_address(path.local_host), child.remote.with_address(path.remote_host)
    return replace(child, path=path, local=local, remote=remote)
