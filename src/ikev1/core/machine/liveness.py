"""Whether a peer is alive (RFC 3706 §5.4, §5.5): when to ask it, and what follows if it is dead.

1. `heard` notes a sign of life: an authenticated message that is not a replay. It costs a field, and no timer.
2. `check` is due once the peer may have been silent for `Connection.dpd_delay`. It asks the data plane how long ago
   packets were received and sent (`AskTraffic`): nothing is counted here, and traffic in both directions costs no
   message to the peer.
3. `take_traffic` has the answer. A silent peer is asked by R-U-THERE (`ikev1.core.machine.dpd`). A peer without dead
   peer detection is asked by a Quick Mode, and only if packets are sent to it and none come back; so is a peer whose
   ISAKMP SA has ended before its pairs, and which has to be called for that. A peer that is alive may have lost one
   pair alone, for example because its Delete was lost: a pair that sends, and of whose traffic nothing has come back
   `_SILENT_CHECKS` times that, is replaced, too. A NAT in front of this gateway may forget its port, and translate to
   another one: a peer that does not learn that from ESP sends to the old one. So if nothing comes back any more, a
   client behind a NAT sends an R-U-THERE already after `_NAT_CHECK`, which shows the peer the new port.
4. R-U-THERE is repeated, with the next sequence number. A peer that acknowledges none within `Connection.dpd_timeout`
   is dead (`unanswered`): its ISAKMP SAs and its pairs of IPsec SAs are deleted.

`hinted` is for errors that are not authenticated, INVALID-SPI and INVALID-COOKIE: a peer that lost its SAs sends them,
and so can anybody. They are not believed, but the peer is asked at once instead of after some silence.
"""

from __future__ import annotations

from ikev1.core.exchanges.informational import delete_ike
from ikev1.core.exchanges.retransmission import patience
from ikev1.core.machine import commands, dpd
from ikev1.core.machine.ended import end
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.records.actions import AskTraffic
from ikev1.core.records.answers import Answer, Traffic
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa, IkeState, Liveness, Probe, Renewal
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector

_ANSWERED_WITHIN = 2.0  # seconds within which the data plane answers; after that, nobody knows about traffic
_AT_LEAST = 0.1  # seconds between two checks
_AFTER_PROBE = 1.0  # seconds from a look at an R-U-THERE to a path until the next
_LATE = 5.0  # seconds by which a timer is late only if this system was suspended
_SILENT_CHECKS = 2  # times ``dpd_delay``, after which a pair that sends and receives nothing may have only one end
_EACH = 16  # pairs that each question asks about one by one; if a peer has more, they take turns
_NAT_CHECK = 5.0  # seconds without an answer to packets, after which a NAT may have changed the port of this gateway
_BETWEEN_HINTS = 10.0  # seconds between two R-U-THEREs that unauthenticated errors cause
_RESPONDER_SHARE = 1.1
_SILENCE = 0.9  # of the time for which a Quick Mode is repeated
_LONGEST_WAIT = 3600.0  # seconds between two Quick Modes for traffic that brings nothing back


def watch(ref: SaRef) -> None:
    """Begin to check the peer of an established ISAKMP SA, or apply another `Connection.dpd_delay`."""
    if not ref.has_ended:
        liveness = watched(ref.tx, ref.sa)
        if liveness is not ref.sa.liveness:
            ref.change(liveness=liveness)


def watched(tx: Transaction, sa: IkeSa) -> Liveness:
    """Return what is known about the peer of ``sa``, with the time of the first check by `Connection.dpd_delay`."""
    delay, known = _look(tx, sa), sa.liveness
    check_at = tx.now + delay if delay else 0.0
    if not _is_checked(sa) or (known.check_at and delay and check_at >= known.check_at):
        return known
    return replace(known, check_at=check_at)


def resume(ref: SaRef) -> None:
    """Continue to check the peer of an ISAKMP SA of an earlier process, to which no question is open any more."""
    if not ref.has_ended and _is_checked(ref.sa):
        probe = ref.sa.probe
        probe = None if probe is not None and probe.ends_at else probe
        sa = replace(ref.sa, liveness=Liveness(), probe=probe)
        ref.become(replace(sa, liveness=watched(ref.tx, sa)), store=False)


def heard(ref: SaRef) -> None:
    """Note that the peer has just proved to be alive. What asked whether it is, is over."""
    sa = ref.sa
    if ref.has_ended or not sa.is_up:
        return
    probe, alive = sa.probe, alive_at(sa, ref.tx.now)
    if probe is not None and probe.ends_at:
        ref.become(replace(sa, probe=None, liveness=alive), store=False)
    elif alive is not sa.liveness:
        ref.become(replace(sa, liveness=alive), store=False)


def alive_at(sa: IkeSa, now: float) -> Liveness:
    """Return what is known about the peer of ``sa``, which has just proved to be alive."""
    known = sa.liveness
    if not sa.is_up or (known.heard_at == now and not known.quick_mode):
        return known
    return replace(known, heard_at=now, quick_mode=0)


def check(ref: SaRef) -> None:
    """Check whether the peer has been silent for the configured time."""
    sa, now, delay, look = ref.sa, ref.tx.now, _delay(ref.tx, ref.sa), _look(ref.tx, ref.sa)
    if not delay or not _is_checked(sa):
        _note(ref, check_at=0.0, request=0)
    elif sa.liveness.request:  # the data plane did not answer
        _judge(ref, Traffic(), delay)
    elif now - last_heard(sa) < look and now - max(sa.liveness.looked_at, sa.established_at) < _SILENT_CHECKS * delay:
        _note(ref, check_at=max(last_heard(sa) + look, now + _AT_LEAST))
    elif sa.probe is not None and not sa.probe.ends_at:  # about a path, whose end does not say whether it is alive
        _note(ref, check_at=now + min(delay, _AFTER_PROBE))
    elif sa.probe is not None or _replaced(ref):
        _note(ref, check_at=now + delay)
    else:
        if not _pairs(ref):
            _judge(ref, Traffic(), delay)
            return
        looks, request = sa.liveness.looks + 1, ref.tx.state.next_request()
        _note(ref, request=request, check_at=now + _ANSWERED_WITHIN, looked_at=now, looks=looks)
        ref.tx.actions.append(_ask_traffic(ref))


def question(ref: SaRef) -> AskTraffic | None:
    """Return the open question about traffic, to be asked again."""
    return _ask_traffic(ref) if ref.sa.liveness.request else None


def _ask_traffic(ref: SaRef) -> AskTraffic:
    """Return the question about all pairs with the peer: first those whose turn it is, with all pairs that carry the
    same traffic.
    """
    live, delay, pairs = ref.sa.liveness, _delay(ref.tx, ref.sa), _pairs(ref)
    if len(pairs) <= _EACH:
        return AskTraffic(live.request, pairs, delay, len(pairs))
    begin = live.looks * _EACH % len(pairs)
    turn = {(child.local, child.remote) for child in (*pairs, *pairs)[begin : begin + _EACH]}
    each = [child for child in pairs if (child.local, child.remote) in turn]
    others = [child for child in pairs if (child.local, child.remote) not in turn]
    return AskTraffic(live.request, (*each, *others), delay, len(each))


def take_traffic(ref: SaRef, answer: Answer) -> None:
    """Process the answer of the data plane to the question of `check`."""
    _judge(ref, answer if isinstance(answer, Traffic) else Traffic(), _delay(ref.tx, ref.sa))


def _judge(ref: SaRef, traffic: Traffic, delay: float) -> None:
    """Ask the peer whether it is alive, if nothing has been received from it for ``delay`` seconds, and replace pairs
    of which it may have lost its end.
    """
    sa, now = ref.sa, ref.tx.now
    sends, answers = traffic.idle_out is not None and traffic.idle_out < delay, dpd.answers(sa)
    last = last_heard(sa) if traffic.idle_in is None else max(last_heard(sa), now - traffic.idle_in)
    is_silent, look = now - last >= delay, _look(ref.tx, sa)
    next_at = last + look if now - last < look else min(now + look, last + delay) if not is_silent else now + delay
    _note(ref, request=0, check_at=max(next_at, now + _AT_LEAST))
    if is_silent and not answers:
        if sends:
            _ask_by_quick_mode(ref, traffic, delay)
        return
    for child, heard_at in _with_one_end(ref, traffic, delay):
        _renew(ref, child, heard_at, delay)
    if is_silent:
        dpd.ask_if_alive(ref, _timeout(ref))
    elif look < delay and now - last >= look:
        _show_port(ref, traffic, look)


def _show_port(ref: SaRef, traffic: Traffic, look: float) -> None:
    """Send an R-U-THERE if packets are sent, and answers have just ceased to come in: one for each time."""
    now, live = ref.tx.now, ref.sa.liveness
    if traffic.idle_out is None or traffic.idle_in is None or traffic.idle_out >= look:
        return
    if now - traffic.idle_in > live.hinted_at:
        _note(ref, hinted_at=now)
        dpd.ask(ref, ref.sa.path)


def _with_one_end(ref: SaRef, traffic: Traffic, delay: float) -> list[tuple[ChildSa, float]]:
    """Return the pairs that the peer may have lost, though it is alive, and when their traffic last came in, 0.0 for
    never: they send, and nothing comes in, also not with the pairs before or after them.
    """
    now, children = ref.tx.now, {child.inbound.spi: child for child in _pairs(ref)}
    heard_at: dict[tuple[Selector, Selector], float] = {}
    sending = []
    for pair in traffic.pairs:
        child = children.get(pair.spi)
        if child is None:
            continue
        key = child.local, child.remote
        if pair.idle_in is not None:
            heard_at[key] = max(heard_at.get(key, 0.0), now - pair.idle_in)
        if pair.idle_out is not None and pair.idle_out < delay and child.state is ChildState.INSTALLED:
            sending.append(child)
    own = {child.unique_id for child in ref.sa.children}
    found = [(child, heard_at.get((child.local, child.remote), 0.0)) for child in sending if child.unique_id in own]
    return [(child, at) for child, at in found if now - max(at, child.created_at) >= _SILENT_CHECKS * delay]


def unanswered(ref: SaRef, probe: Probe) -> None:
    """Delete the SAs of a peer that acknowledged no R-U-THERE in time."""
    if ref.tx.now - probe.ends_at > _LATE:  # this system was suspended: the peer had no time to answer
        ref.change(probe=None)
        dpd.ask_if_alive(ref, _timeout(ref))
    else:
        dead(ref, f"no R-U-THERE-ACK to {probe.tries} R-U-THERE in {_timeout(ref):g} s")


def dead(ref: SaRef, why: str) -> None:
    """Delete all SAs of a dead peer, and report it. No Delete is sent: nobody would receive it.

    A newer ISAKMP SA with the peer is not deleted: it was established after the peer had lost this one.
    """
    sa, tx = ref.sa, ref.tx
    others = tx.state.others(sa)
    older = [other for other in others if other.established_at <= sa.established_at or other.heir == sa.unique_id]
    pairs = tuple(child for other in (*older, sa) for child in other.complete_children)
    text = f"DPD: peer {sa.path.remote} is dead: {why}"
    tx.report(Failure(Code.PEER_DEAD, text, sa.path.remote, replace(sa, children=pairs)))
    for each in (*map(tx.of, older), ref):
        if not each.has_ended:
            end(each, "the peer is dead", with_children=True)


def hinted(ref: SaRef, what: str) -> None:
    """Ask the peer at once whether it is alive, because of an error that is not authenticated, at most once per
    `_BETWEEN_HINTS` seconds. ``what`` is the error.
    """
    sa, now = ref.sa, ref.tx.now
    delay = _delay(ref.tx, sa)
    if not delay or not sa.is_up or now - sa.liveness.hinted_at < _BETWEEN_HINTS:
        return
    if sa.probe is not None or _replaced(ref):
        return
    ref.note_once(Code.DPD_HINT, f"received {what} that is not authenticated: asking {sa.path.remote} by R-U-THERE")
    _note(ref, hinted_at=now)
    if dpd.answers(sa):
        dpd.ask_if_alive(ref, _timeout(ref))
    elif not sa.liveness.request and now - last_heard(sa) >= delay:
        _note(ref, check_at=now + _AT_LEAST)


# --- peers without dead peer detection ------------------------------------------------------------------------------


def _ask_by_quick_mode(ref: SaRef, traffic: Traffic, delay: float) -> None:
    """Ask a peer from which nothing comes back at all by a Quick Mode, which a live peer answers: by one that it has
    not answered yet, because a dead peer would not answer another one either, or by replacing a pair.
    """
    asking = next((each for each in ref.sa.exchanges if _is_unanswered(each)), None)
    if asking is None:
        before = {exchange.message_id for exchange in ref.sa.exchanges}
        child = next((each for each in reversed(ref.sa.children) if each.state is ChildState.INSTALLED), None)
        heard_at = 0.0 if traffic.idle_in is None else ref.tx.now - traffic.idle_in
        if child is None or not _renew(ref, child, heard_at, delay):
            return
        asking = next((each for each in ref.sa.exchanges if each.message_id not in before), None)
    _note(ref, quick_mode=0)
    if asking is None:  # it begins under another ISAKMP SA
        return
    limited = replace(asking, ends_at=min(asking.ends_at, ref.tx.now + _timeout(ref)))
    ref.change(exchanges=tuple(limited if each is asking else each for each in ref.sa.exchanges))
    _note(ref, quick_mode=asking.message_id)


def _renew(ref: SaRef, child: ChildSa, heard_at: float, delay: float) -> bool:
    """Replace a pair that sends without anything coming back, the last time at ``heard_at``.

    Traffic may be meant to go in one direction only: while nothing ever comes back, the wait for the next Quick Mode
    for the same traffic doubles each time.

    Returns:
        Whether a Quick Mode was begun now.
    """
    live, now = ref.sa.liveness, ref.tx.now
    never = Renewal(child.name, 0.0, 0.0)
    last = next((each for each in live.renewals if each.traffic == child.traffic), never)
    if now < last.quick_mode_at + last.quick_mode_wait or commands.is_being_replaced(ref.sa, child):
        return False
    wait = delay if heard_at > last.quick_mode_at else min(max(2 * last.quick_mode_wait, delay), _LONGEST_WAIT)
    known: set[object] = {each.traffic for each in ref.sa.children if each.traffic != child.traffic}
    others = tuple(each for each in live.renewals if each.traffic in known)
    _note(ref, renewals=(*others, Renewal(child.name, now, wait, child.local, child.remote)))
    commands.rekey_child(ref, child)
    return True


def asks(sa: IkeSa, exchange: Exchange) -> bool:
    """Return whether ``exchange`` is a Quick Mode that asks whether the peer is alive, and has had no answer."""
    asking = exchange.message_id != 0 and exchange.message_id == sa.liveness.quick_mode
    return asking and _is_unanswered(exchange)


def _is_unanswered(exchange: Exchange) -> bool:
    ours = exchange.quick is not None and exchange.role is Role.INITIATOR
    return ours and exchange.step == 1 and exchange.complaint is None


def dead_to_quick_mode(ref: SaRef) -> None:
    """Delete all SAs of a peer that answered neither packets nor the Quick Mode that asked whether it is alive."""
    dead(ref, f"it sends no packets, and did not answer a Quick Mode in {_timeout(ref):g} s")


def unanswered_quick_mode(ref: SaRef) -> None:
    """End an ISAKMP SA whose peer has not answered a Quick Mode, if nothing else tells whether the peer has it: the
    peer does not support dead peer detection, there are no pairs with it, and other exchanges are Quick Modes that it
    has not answered either. The next attempt begins with phase 1.
    """
    sa = ref.sa
    silent = ref.tx.now - last_heard(sa) >= _SILENCE * patience(ref.tx.state.settings)
    unanswered = all(map(_is_unanswered, sa.exchanges))
    if silent and _delay(ref.tx, sa) and not dpd.answers(sa) and unanswered and not _pairs(ref):
        ref.say(delete_ike(sa))
        end(ref, "the peer did not answer Quick Mode, and does not support dead peer detection")


# --- what is known --------------------------------------------------------------------------------------------------


def _note(ref: SaRef, **fields: float | int | tuple[Renewal, ...]) -> None:
    ref.change(liveness=replace(ref.sa.liveness, **fields))


def _delay(tx: Transaction, sa: IkeSa) -> float:
    """Return the seconds of silence before the peer is asked, 0.0 for never. The responder of the ISAKMP SA waits a
    little longer, so that two peers with the same configuration do not both ask.
    """
    connection = tx.state.lookup.by_name(sa.connection)
    if connection is None:
        return 0.0
    return connection.dpd_delay * (1.0 if sa.role is Role.INITIATOR else _RESPONDER_SHARE)


def _look(tx: Transaction, sa: IkeSa) -> float:
    """Return the seconds of silence before the data plane is asked about traffic, 0.0 for never."""
    delay = _delay(tx, sa)
    may_get_another_port = sa.role is Role.INITIATOR and sa.nat is not None and sa.nat.local_behind and dpd.answers(sa)
    return min(delay, _NAT_CHECK) if may_get_another_port else delay


def _timeout(ref: SaRef) -> float:
    connection = ref.tx.state.lookup.by_name(ref.sa.connection)
    return 0.0 if connection is None else connection.dpd_timeout


def _is_checked(sa: IkeSa) -> bool:
    """Return whether the peer of ``sa`` is checked: if it is up, or has left pairs of IPsec SAs."""
    return sa.is_up or (sa.state is IkeState.DELETED and bool(sa.children))


def last_heard(sa: IkeSa) -> float:
    """Return when the peer last sent a message that proved it to be alive."""
    return max(sa.liveness.heard_at, sa.established_at)


def _replaced(ref: SaRef) -> bool:
    """Return whether another ISAKMP SA with the peer is used, under which the peer is asked instead."""
    sa = ref.sa
    return sa.heir != 0 or any(
        other.is_current
        and other.confirmed
        and (other.established_at, other.unique_id) > (sa.established_at, sa.unique_id)
        for other in ref.tx.state.others(sa)
    )


def _pairs(ref: SaRef) -> tuple[ChildSa, ...]:
    """Return all pairs with the peer, also those of its other ISAKMP SAs: the likeliest to carry packets first."""
    others = ref.tx.state.others(ref.sa)
    return tuple(child for sa in (ref.sa, *reversed(others)) for child in reversed(sa.complete_children))
