"""Processing of a received datagram: find the SA and the exchange, detect retransmissions, run the exchange table."""

from __future__ import annotations

from functools import partial
from hashlib import blake2b

from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.message_ids import is_own, was_heard
from ikev1.core.exchanges.protection import open_message, open_proved, phase2_iv
from ikev1.core.exchanges.registry import PHASE_2_SCRIPTS, go_through, script_of
from ikev1.core.exchanges.retransmission import transmit
from ikev1.core.machine import dpd, liveness, lost_sas, named_networks, remote_access, switch
from ikev1.core.machine.aggressive_responder import (
    aggressive_caller,
    ask_again,
    known_aggressive,
    refuse_aggressive,
    refused_aggressive,
)
from ikev1.core.machine.boundary import contain
from ikev1.core.machine.connected import take_connected
from ikev1.core.machine.early_messages import hold_early, release
from ikev1.core.machine.engine_state import Arrival, Reassembled, State
from ikev1.core.machine.established import brings_initial_contact, confirm
from ikev1.core.machine.first_message_refusals import candidate_names
from ikev1.core.machine.half_open import answer_first, keep_caller, recognise
from ikev1.core.machine.other_version import take_other_version
from ikev1.core.machine.phase2_limits import admit_phase2
from ikev1.core.machine.receive_fragment import take_fragment
from ikev1.core.machine.receive_informational import take_informational
from ikev1.core.machine.refuse import refuse_phase1, refuse_phase2
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.machine.unsupported_exchange import explain_quick_modes, take_unsupported
from ikev1.core.peer.reflection import OWN_CALL
from ikev1.core.records.actions import Action, CheckCertificate, Send
from ikev1.core.records.answers import Answer, Failed
from ikev1.core.records.certificate_check import NeedsCertificateCheck, Trusted, Untrusted
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.exchange import Exchange, Held, Role, Waiting
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.key_exchange import ComputeSharedSecret, NeedsSharedSecret, SharedSecret
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal, Unproved
from ikev1.core.records.settings import Connection
from ikev1.crypto.errors import CryptoError
from ikev1.wire.errors import WireError
from ikev1.wire.header import NO_COOKIE, Header
from ikev1.wire.message import Message, without_trailer
from ikev1.wire.registry import ExchangeType, NotifyType, PayloadType

_PHASE_1 = frozenset({ExchangeType.IDENTITY_PROTECTION, ExchangeType.AGGRESSIVE})
# Looked up once, as in `ikev1.core.records.exchange`
_CONNECTING, _ESTABLISHED, _DELETED = IkeState.CONNECTING, IkeState.ESTABLISHED, IkeState.DELETED
_INFORMATIONAL, _AGGRESSIVE = ExchangeType.INFORMATIONAL, ExchangeType.AGGRESSIVE
_FRAGMENT = PayloadType.FRAGMENT.value
_CALLER_PATIENCE = 30.0  # seconds within which a peer must complete a Quick Mode that it initiated
_COOKIES = 16  # octets
Needed = NeedsCertificateCheck | NeedsSharedSecret
_MOST_HELD = 4  # messages queued behind one whose certificate is being checked


def receive(state: State, datagram: bytes, path: UdpPath, now: float) -> list[Action]:
    """Process ``datagram``, received on ``path``, and return the actions. Internal errors are contained."""
    actions = contain(state, now, lambda tx: _receive(tx, datagram, path), None, path)
    return actions + released(state, datagram[:_COOKIES], now)


def released(state: State, cookies: bytes, now: float) -> list[Action]:
    """Process the messages of the peer that came too early, as if they had just been received."""
    sa = state.table.by_cookies.get(cookies)
    if sa is None or not sa.held or sa.holds_phase2:
        return []
    actions = contain(state, now, lambda tx: release(tx.of(sa)), None, sa.path)
    for held in sa.held:
        actions += contain(state, now, partial(receive_held, held=held), None, held.path)
    return actions


def arrival_of(held: Held, now: float) -> Arrival:
    kind = Reassembled if held.reassembled else Arrival
    return kind(Header.parse(held.datagram), held.datagram, held.path, now)


def _held(arrival: Arrival) -> Held:
    return Held(arrival.datagram, arrival.path, isinstance(arrival, Reassembled))


def receive_held(tx: Transaction, held: Held) -> None:
    _process(tx, arrival_of(held, tx.now), 0)


def _receive(tx: Transaction, datagram: bytes, path: UdpPath) -> None:
    datagram, trailer = without_trailer(datagram)
    try:
        header = Header.parse(datagram)
    except WireError as error:
        if error.notify == NotifyType.INVALID_MAJOR_VERSION:
            take_other_version(tx, datagram, path)
        else:
            tx.report(Failure(Code.MALFORMED, str(error), path.remote))
        return
    if tx.state.settings.initiator_only and _is_first(header):
        text = "ignoring the first message of a peer, because this gateway only initiates (initiator_only)"
        tx.report(Failure(Code.INITIATOR_ONLY, text, path.remote))
        return
    arrival = Arrival(header, datagram, path, tx.now)
    if header.next_payload != _FRAGMENT:
        _process(tx, arrival, trailer)
    elif _is_first(header) or _find(tx, header, path) is not None:
        take_fragment(tx, arrival, _process)
    else:
        _unknown(tx, arrival)


def is_unknown_caller(state: State, datagram: bytes, path: UdpPath) -> bool:
    """Return whether ``datagram`` is the first message of a peer whose addresses no connection matches."""
    if candidate_names(state, path):
        return False
    try:
        return _is_first(Header.parse(without_trailer(datagram)[0]))
    except WireError:
        return False


def _is_first(header: Header) -> bool:
    return header.CKY_R == NO_COOKIE and header.exchange in _PHASE_1


def _process(tx: Transaction, arrival: Arrival, trailer: int) -> None:
    """Process a message, which was followed by ``trailer`` octets of zeros."""
    state, (header, datagram, path, _) = tx.state, arrival
    if _is_first(header):
        if state.is_own_cookie(header.CKY_I):
            tx.report(Failure(Code.REFLECTION, OWN_CALL, path.remote))
        elif header.exchange == _AGGRESSIVE:
            _aggressive_first(tx, arrival)
        else:
            tx.actions += answer_first(state, header, datagram, path, tx.now)
        return
    ref = _find(tx, header, path)
    if ref is None:
        _unknown(tx, arrival)
        return
    if trailer and ref.is_kept:
        ref.note_once(Code.MALFORMED, f"ignoring {trailer} zero octets after a message")
    _route(ref, arrival)


def _route(ref: SaRef, arrival: Arrival) -> None:
    """Pass a message to the exchange under this SA to which it belongs, if any."""
    header, sa = arrival.header, ref.sa
    if header.exchange == _INFORMATIONAL:
        before = len(ref.tx.actions)
        take_informational(ref, arrival)
        if len(ref.tx.actions) == before:
            ask_again(ref, arrival)
        return
    exchange = sa.phase1
    if header.exchange in PHASE_2_SCRIPTS:
        _hold(ref, arrival)
        if sa.state is _CONNECTING:
            ask_again(ref, arrival)
            return
        if sa.holds_phase2 and hold_early(ref, arrival):
            return
        exchange = _phase2(ref.tx.state, sa, header, arrival.now)
    elif header.exchange not in _PHASE_1 and sa.state is not _CONNECTING:
        take_unsupported(ref, arrival)
        return
    if exchange is None or header.exchange != script_of(exchange).exchange or header.message_id != exchange.message_id:
        return
    take(ref, exchange, arrival)


def _aggressive_first(tx: Transaction, arrival: Arrival) -> None:
    known, CKY_R = known_aggressive(tx.state, arrival)
    refused = refuse_aggressive(tx.state, arrival, known)
    if refused is not None:
        tx.actions += refused
        return
    ref = tx.of(known or aggressive_caller(tx.state, arrival, CKY_R))
    if ref.sa.phase1 is None:
        return
    take(ref, ref.sa.phase1, arrival)
    tx.state.admission.sent(sum(len(action.datagram) for action in tx.actions if isinstance(action, Send)))


def _find(tx: Transaction, header: Header, path: UdpPath) -> SaRef | None:
    """Return the SA to which a message belongs: one in the table, or that of a Main Mode initiator, which is not in the
    table before message 3.
    """
    ref = tx.find(header.CKY_I + header.CKY_R)
    if ref is not None:
        return None if ref.sa.state is _DELETED else ref
    # This gateway initiated and has no answer yet: the answer has the responder's cookie, or is an error without one
    sa = tx.state.table.by_cookies.get(header.CKY_I + NO_COOKIE)
    if sa is None or sa.path.remote_host != path.remote_host:
        sa = recognise(tx.state, header, path, tx.now)
    return None if sa is None else tx.of(sa)


def _unknown(tx: Transaction, arrival: Arrival) -> None:
    header = arrival.header
    if tx.state.limits.is_late(header.CKY_I + header.CKY_R, tx.now) or lost_sas.take_invalid_spi(tx, arrival):
        return
    text = f"received a message for an unknown ISAKMP SA ({header.CKY_I.hex()}:{header.CKY_R.hex()})"
    tx.report(Failure(Code.UNKNOWN_SA, text, arrival.path.remote))
    lost_sas.tell_invalid_cookie(tx, arrival)


def _phase2(state: State, sa: IkeSa, header: Header, now: float) -> Exchange | None:
    """Return the exchange to which a message belongs, current or new; None if its message ID was used before."""
    for exchange in sa.exchanges:
        if exchange.message_id == header.message_id:
            return exchange
    if not sa.is_up or header.message_id == 0 or not state.believes(sa):
        return None
    if header.message_id in sa.spent_message_ids or is_own(sa, header.message_id) or was_heard(sa, header.message_id):
        return None
    iv = phase2_iv(sa, header.message_id)
    return new_exchange(PHASE_2_SCRIPTS[header.exchange], header.message_id, Role.RESPONDER, now + _CALLER_PATIENCE, iv)


def take(ref: SaRef, exchange: Exchange, arrival: Arrival, answer: Answer | None = None) -> None:
    """Process a message in its exchange, which was held until there was an ``answer``."""
    tx, sa, datagram = ref.tx, ref.sa, arrival.datagram
    digest = blake2b(datagram, digest_size=8).digest()
    if digest in exchange.received:
        if digest == exchange.received[-1] and _answers_again(exchange):
            path = _path_for_again(sa, arrival.path)
            tx.actions += transmit(exchange, path)
            if path != sa.path and exchange.message_id:
                exchange = replace(exchange, elsewhere=True)
                ref.become(sa.with_exchange(exchange), store=False)
            switch.postpone(ref, exchange)
        return
    if not exchange.message_id:
        tx.at_work = ref.cookies, 0
    context = ref.context(exchange)
    context.seen = arrival.path
    if isinstance(answer, (Trusted, Untrusted)):
        context.verdict = answer
    elif isinstance(answer, (SharedSecret, Failed)):
        context.computed = answer
    try:
        message, iv = opened(sa, exchange, arrival)
        tx.at_work = ref.cookies, exchange.message_id
        context.exchange = replace(exchange, received=(*exchange.received, digest), iv=iv, waiting=None)
        if exchange.message_id and exchange.step == 0:
            admit_phase2(context)
        go_through(context, message)
    except (NeedsCertificateCheck, NeedsSharedSecret) as needed:
        _put_aside(ref, exchange, context, arrival, needed)
        return
    except Unproved as error:
        if not take_connected(ref, arrival):
            ref.fail_unproved(f"{script_of(exchange).name} message", error)
        return
    except (Refusal, WireError, CryptoError) as error:
        if exchange.message_id:
            refuse_phase2(ref, exchange, digest, error)
            if isinstance(error, Refusal) and error.code is Code.XAUTH_REQUIRED:
                explain_quick_modes(ref, error.text)
        elif arrival.header.CKY_R == NO_COOKIE and not ref.is_kept and not isinstance(error, CryptoError):
            tx.actions += refused_aggressive(tx.state, arrival, error)
        else:
            refuse_phase1(ref, exchange, arrival, error)
        return
    was_kept = ref.is_kept
    if sa.state is _CONNECTING and context.sa.state is _ESTABLISHED:
        if brings_initial_contact(message):
            context.sa = replace(context.sa, initial_contact=True)
        ref.commit(context, context.exchange, liveness.watched(tx, context.sa))
        if not was_kept:
            keep_caller(ref)
        remote_access.after_phase1(ref)
    elif exchange.message_id:
        ref.commit(context, context.exchange, liveness.alive_at(context.sa, tx.now))
        proved = dpd.proved_by_quick_mode(ref, exchange, arrival.path)
        if context.exchange.waiting is None or proved:
            confirm(ref, answered=proved)
        if ref.sa.probe is not None:
            liveness.heard(ref)
        remote_access.after_exchange(ref, exchange)
        named_networks.after_exchange(ref, exchange)
    else:
        ref.commit(context, context.exchange)
        if not was_kept:
            keep_caller(ref)
    switch.peer_answered(ref, exchange)
    if ref.has_ended:
        return
    if ref.sa.moves != sa.moves:
        dpd.ask_where_it_is(ref)
    elif arrival.path != ref.sa.path and arrival.header.encrypted:
        dpd.follow(ref, arrival.path)


def _path_for_again(sa: IkeSa, seen: UdpPath) -> UdpPath:
    """Return the path for a retransmission: that of the peer's retransmission if the hosts are the same, because a NAT
    may have changed the peer's port. The path of the SA does not change: an attacker can replay a message.
    """
    same = (seen.local_host, seen.remote_host) == (sa.path.local_host, sa.path.remote_host)
    return seen if same and seen.local_port == sa.path.local_port else sa.path


def opened(sa: IkeSa, exchange: Exchange, arrival: Arrival) -> tuple[Message, bytes]:
    """Return the message received for ``exchange``, and the IV for the next message.

    Raises:
        Unproved: the message must be authenticated, and is not.
        WireError, Refusal: the message cannot be parsed.
    """
    script, (header, datagram, _, _) = script_of(exchange), arrival
    if exchange.message_id == 0:
        if sa.state is not _CONNECTING:
            raise Unproved("phase 1 is complete")
        if sa.keys is not None and not header.encrypted and script.grammars[exchange.step].must_be_encrypted:
            raise Unproved("it is not encrypted")
        return open_message(sa, exchange.iv, header, datagram, script.hidden(exchange))
    if not script.awaits(exchange):
        raise Unproved("no further message is expected")
    return open_proved(sa, exchange, script.grammars[exchange.step].hash, header, datagram)


def _put_aside(ref: SaRef, exchange: Exchange, context: ExchangeContext, arrival: Arrival, needed: Needed) -> None:
    """Hold the message until the peer's certificate is checked, or g^xy computed; nothing else in the SA changes."""
    if exchange.waiting is not None:
        _hold(ref, arrival)
        return
    request = ref.tx.state.next_request()
    waiting = Waiting(request, held=(_held(arrival),))
    was_kept = ref.is_kept
    ref.change(phase1=replace(exchange, waiting=waiting))
    if not was_kept:
        keep_caller(ref)
    ref.tx.actions.append(question_of(needed, request, context.connection))


def question_of(needed: Needed, request: int, connection: Connection) -> CheckCertificate | ComputeSharedSecret:
    if isinstance(needed, NeedsSharedSecret):
        return needed.wanted._replace(request=request)
    certificates, identity = needed.certificates, needed.identity
    return CheckCertificate(request, certificates, identity, connection, needed.answers_call, needed.others)


def _hold(ref: SaRef, arrival: Arrival) -> None:
    """Queue messages that arrive while a certificate is being checked or, as initiator, g^xy is being computed.

    The peer that sends the last message of Aggressive Mode begins Quick Mode immediately, and would retransmit only
    after seconds. In Aggressive Mode the held message may also be forged: the genuine message then arrives after it,
    and is not retransmitted.
    """
    sa, phase1 = ref.sa, ref.sa.phase1
    waiting = None if phase1 is None else phase1.waiting
    if phase1 is None or waiting is None or len(waiting.held) > _MOST_HELD:
        return
    if sa.keys is None and sa.role is Role.RESPONDER:
        return  # g^xy is being computed: nobody can have sent anything that counts, and anybody can send much
    if all(arrival.datagram != held.datagram for held in waiting.held):
        held = (*waiting.held, _held(arrival))
        ref.change(phase1=replace(phase1, waiting=replace(waiting, held=held)))


def _answers_again(exchange: Exchange) -> bool:
    """Return whether a retransmission by the peer must be answered, as the only sign that the peer missed the last
    message of this gateway (RFC 2408 §5.1).

    An initiator retransmits on its own timer, except for the message that ends the exchange: if both sides answered
    every duplicate, one duplicate would be sent back and forth forever.
    """
    if exchange.step == 0:
        return bool(exchange.datagrams)  # the notification that refuses its first message
    script = script_of(exchange)
    ours = script.speakers[exchange.step - 1] is exchange.role
    return ours and (exchange.role is Role.RESPONDER or script.is_over(exchange))
