"""What follows once an ISAKMP SA is up: waiting tunnels come up, and older SAs of the same peer give way.

*Last speaker.* Who sends the last message of phase 1 (Main Mode's responder, Aggressive Mode's initiator) has not seen
that the peer took it, nor that the peer meant to reach us: a call of the peer to somebody else may have been led here.
Until a message of Quick Mode, R-U-THERE or its acknowledgement came under the new keys, such an SA is not confirmed:
nothing gives way to it, it takes nothing over, and INITIAL-CONTACT waits. An error notify or a Delete confirms nothing,
for a peer that refuses us sends those.
"""

from __future__ import annotations

from ikev1.core.exchanges.informational import delete_ike
from ikev1.core.machine import dpd
from ikev1.core.machine.commands import begin_quick_mode, close_ike
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.sa_table import same_peer
from ikev1.core.records.actions import Action, Keep, Report
from ikev1.core.records.events import Code, IkeConfirmed, Note
from ikev1.core.records.model import IkeSa, IkeState, Role
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Unique
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import ExchangeType, NotifyType

_BUSY = 0.3  # seconds that a peer may take for a signature, a certificate, or a lock
_PATIENCE = 5.0  # seconds in which a peer begins Quick Mode, or asks once more for a last message that was lost
_MOST = 8  # older ISAKMP SAs with one peer: a renewal leaves one, and a few more where both sides begin it
_FIRST_WORDS = 60.0  # seconds after phase 1 in which INITIAL-CONTACT may come in a message of its own


def after_establishment(state: State, cookies: bytes, last: Message, now: float) -> list[Action]:
    """Begins what waits for the SA with these cookies, whose ``last`` message of phase 1 was taken, and has older SAs
    give way to it.
    """
    sa = state.table.by_cookies[cookies]
    if sa.awaits_user:
        return []  # nobody knows yet who this is
    actions: list[Action] = []
    if last.header.encrypted and _says_initial_contact(last):
        sa = _noted(state, sa)
    if not sa.confirmed:
        actions += _make_room(state, sa, now)
    first = _who_stays(state, sa)
    if first is not None:
        text = f"{sa.path.remote} is sent away: {first.path.remote} has the same identity, and unique is 'keep'"
        return [Report(Note(Code.DUPLICATE_PEER, text, sa)), *close_ike(state, sa, "the peer is here already", now)]
    if sa.confirmed:
        actions += _succeed(state, sa, now)
    if sa.peer is None and state.table.of_claimed_peer(sa):
        actions += dpd.ask(state, state.table.by_cookies[cookies], sa.path, now, _PATIENCE)
    elif not sa.confirmed and not sa.queued and (sa.role is Role.INITIATOR or state.table.of_peer(sa)):
        delay = _BUSY if sa.role is Role.INITIATOR else _PATIENCE
        actions += dpd.ask(state, sa, sa.path, now, delay)
    current = state.table.by_cookies.get(cookies)
    if current is None or not current.queued:
        return actions
    state.table.put(current, replace(current, queued=()))
    for tunnel in current.queued:
        actions += begin_quick_mode(state, state.table.by_cookies[cookies], tunnel, now)
    if sa.role is Role.INITIATOR and last.header.exchange == ExchangeType.AGGRESSIVE:
        _hasten(state, state.table.by_cookies[cookies], now)
    return actions


def _make_room(state: State, sa: IkeSa, now: float) -> list[Action]:
    """Ends the oldest of the ISAKMP SAs that the peer of ``sa`` has where that is, if there are more than enough.

    One that is not confirmed makes room among its like only: it may not be the peer's own.
    """
    others = [
        other
        for other in state.table.of_claim(sa)
        if other.is_up and other.confirmed is sa.confirmed and _is_renewal(other, sa)
    ]
    if len(others) < _MOST:
        return []
    told = state.say(others[0], [delete_ike(others[0])], now)
    return [*told, *state.end(state.table.by_cookies[others[0].cookies], "its peer has many newer ones")]


def _who_stays(state: State, sa: IkeSa) -> IkeSa | None:
    """The SA with the same peer elsewhere that is to stay, as the connection of ``sa`` has it; None if ``sa`` may."""
    if sa.initial_contact or _unique(state, sa) is not Unique.KEEP:
        return None
    others = (other for other in _older(state, sa) if other.is_up and other.confirmed)
    return next((other for other in others if not _is_renewal(other, sa)), None)


def _hasten(state: State, sa: IkeSa, now: float) -> None:
    """Repeats what was just sent sooner than usual: nothing answers message 3 of Aggressive Mode, and a peer that is
    still busy with it drops what comes right behind.
    """
    hastened = tuple(replace(exchange, resend_at=now + _BUSY) for exchange in sa.exchanges)
    state.table.put(sa, replace(sa, exchanges=hastened))


def confirm(state: State, cookies: bytes, now: float, *, answered: bool = False) -> list[Action]:
    """Notes that the peer has shown that it has the SA with these cookies, and has older ones give way; ``answered``
    if it was by the answer to a question of ours, which shows where the peer is as well.
    """
    sa = state.table.by_cookies.get(cookies)
    if sa is None or not sa.is_up or sa.awaits_user:
        return []
    if sa.confirmed:
        return _succeed(state, sa, now) if answered else []
    asks_here = sa.probe is not None and sa.probe.path == sa.path and sa.peer is not None
    confirmed = replace(sa, confirmed=True, probe=None if asks_here else sa.probe)
    state.table.put(sa, confirmed)
    return [Keep(confirmed), Report(IkeConfirmed(confirmed)), *_succeed(state, confirmed, now)]


def initial_contact(state: State, cookies: bytes, message: Message, now: float) -> list[Action]:
    """Obeys INITIAL-CONTACT in an informational ``message`` that was checked, if it follows phase 1 (RFC 2407
    §4.6.3.3); later it would be about SAs that both sides have.
    """
    sa = state.table.by_cookies.get(cookies)
    if sa is None or not _says_initial_contact(message) or now - sa.established_at > _FIRST_WORDS:
        return []
    noted = _noted(state, sa)
    return [Keep(noted), *(_end_older(state, noted) if noted.confirmed else [])]


def _says_initial_contact(message: Message) -> bool:
    return any(payload.type == NotifyType.INITIAL_CONTACT for payload in message.all(Notification))


def _noted(state: State, sa: IkeSa) -> IkeSa:
    noted: IkeSa = replace(sa, initial_contact=True)
    state.table.put(sa, noted)
    return noted


# --- older SAs give way ---------------------------------------------------------------------------------------------


def _succeed(state: State, sa: IkeSa, now: float) -> list[Action]:
    """Has the older SAs with the peer of ``sa``, which is confirmed, give way to it."""
    if sa.initial_contact:
        return _end_older(state, sa)
    actions: list[Action] = []
    for other in _older(state, sa):
        heir = state.table.by_cookies.get(sa.cookies)
        if heir is None:
            break
        actions += _give_way(state, other, heir, now)
    return [*actions, *_make_room(state, sa, now)]


def _older(state: State, sa: IkeSa) -> list[IkeSa]:
    """The SAs with the peer of ``sa`` that came up before it, and the one in whose place we began it."""
    others = state.table.of_peer(sa)
    replaced = state.table.of_number(sa.replaces) if sa.replaces else None
    if replaced is not None and replaced not in others and same_peer(replaced, sa):
        others = [replaced, *others]
    return [other for other in others if other.established_at <= sa.established_at]


def _end_older(state: State, sa: IkeSa) -> list[Action]:
    """ "the sending system has rebooted and no longer has access to the original SA's" (RFC 2407 §4.6.3.3).

    Where peers that share an identity may all stay, the one that says so speaks for what is at its address alone.
    """
    actions: list[Action] = []
    for other in _older(state, sa):
        if _unique(state, sa) is Unique.NEVER and not _is_renewal(other, sa):
            continue
        actions += state.end(other, "the peer began anew (INITIAL-CONTACT)", with_children=True)
    return actions


def _give_way(state: State, other: IkeSa, sa: IkeSa, now: float) -> list[Action]:
    """What becomes of ``other`` now that the peer has ``sa`` as well, as the connection's ``unique`` says.

    An SA from where the other one is follows it, whatever that says: the peer has renewed it.
    """
    here = _is_renewal(other, sa)
    if not here and _unique(state, sa) is not Unique.REPLACE:
        return []
    actions = _hand_over(state, other, sa)
    bare = state.table.by_cookies.get(other.cookies)
    if bare is None or not bare.is_up:
        return actions
    if sa.replaces == other.unique_id:
        actions += state.say(bare, [delete_ike(bare)], now)
        return [*actions, *state.end(state.table.by_cookies[bare.cookies], "a newer one took its place")]
    if not here:  # where the peer was, somebody else may be by now
        return [*actions, *state.end(bare, "the peer came back from another address")]
    if not bare.rekey_at:
        return actions
    retired = replace(bare, rekey_at=0.0)
    state.table.put(bare, retired)
    return [*actions, Keep(retired)]


def _unique(state: State, sa: IkeSa) -> Unique:
    connection = state.lookup.by_name(sa.connection)
    return Unique.REPLACE if connection is None else connection.unique


def _is_renewal(other: IkeSa, sa: IkeSa) -> bool:
    """Whether ``sa`` is where ``other`` is, or was begun in its place."""
    return other.path.remote_host == sa.path.remote_host or sa.replaces == other.unique_id


def _hand_over(state: State, other: IkeSa, sa: IkeSa) -> list[Action]:
    """The pairs of ``other`` go over to ``sa``; nothing is left of one that ended before."""
    if other.is_up and not other.children:
        return []
    bare = replace(other, children=())
    state.table.put(other, bare)
    actions = state.adopt(sa, other.children)
    if other.state is IkeState.DELETED:
        return [*actions, *state.end(bare, "a newer one took over what was left of it")]
    return [*actions, Keep(bare)]
