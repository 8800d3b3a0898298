"""What follows phase 1 with a remote user: XAUTH, then mode config, then everything else.

`after_phase1` is called when phase 1 is complete, `after_exchange` after each message of phase 2 and each answer. The
records say where XAUTH is (`IkeSa.xauth`), so nothing is kept elsewhere.

| `Xauth.step` of a server | what follows                                                      |
|--------------------------|-------------------------------------------------------------------|
| ``ASK``                  | a REQUEST                                                         |
| ``ASKED``                | the REPLY, and the verdict of the backends on it (`CheckUser`)    |
| ``ACCEPTED``             | SET(STATUS=OK); then at once everything else, since some clients do not wait |
| ``REJECTED``             | SET(STATUS=FAIL)                                                  |
| ``FAILED``               | its ACK, and a Delete for the ISAKMP SA                           |
"""

from __future__ import annotations

from itertools import islice

from ikev1.core.exchanges.retransmission import patience
from ikev1.core.exchanges.transaction_exchange import TRANSACTION
from ikev1.core.exchanges.xauth import XAUTH
from ikev1.core.exchanges.xauth_server import request, status
from ikev1.core.machine import closing, dpd, established, mode_config
from ikev1.core.machine.transact import fresh_identifier, transact, unanswered
from ikev1.core.machine.transaction import SaRef
from ikev1.core.negotiation.rekey_times import deadlines
from ikev1.core.negotiation.responder_lifetime import shortened_lifetime
from ikev1.core.peer.inherited_user import inherited_user
from ikev1.core.records.events import Code, Failure, XauthUp
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.record import present, replace
from ikev1.core.records.remote_access import User, Xauth, XauthStep

_INITIATOR, _RESPONDER = Role.INITIATOR, Role.RESPONDER  # looked up once, as in `ikev1.core.records.exchange`
_SESSION_OVER = "the time of the user's session is over"
_PATIENCE = 2.0  # seconds within which a gateway begins to ask
_FAREWELL = 10.0  # seconds within which a rejected client acknowledges that
_MOST_LOOKED_AT = 64  # ISAKMP SAs at one address


def after_phase1(ref: SaRef) -> None:
    """Begin XAUTH after the final message of phase 1 was processed; without XAUTH, everything else."""
    xauth = ref.sa.xauth
    if xauth is None:
        _open(ref)
    elif xauth.serves:
        identifier = fresh_identifier(ref)
        user = _inherited(ref)
        step = XauthStep.ASK if user is None else XauthStep.ACCEPTED
        ref.change(xauth=replace(xauth, identifier=identifier, step=step, user=user))
        _serve(ref)
    elif not ref.sa.confirmed:
        # message 3 of Aggressive Mode may be lost: what follows it has the gateway ask for it again
        dpd.ask(ref, ref.sa.path, _PATIENCE)


def _inherited(ref: SaRef) -> User | None:
    sa, state = ref.sa, ref.tx.state
    connection = state.lookup.by_name(sa.connection)
    others = islice(state.table.of_host(sa.hosts[1]), _MOST_LOOKED_AT)
    return None if connection is None else inherited_user(sa, others, connection)


def after_exchange(ref: SaRef, exchange: Exchange) -> None:
    """Continue after a message of ``exchange``, an exchange of phase 2, or after the answer to its question."""
    if ref.has_ended or not ref.sa.is_up:
        return
    xauth = ref.sa.xauth
    if xauth is None:
        if ref.sa.user is not None and exchange.role is _RESPONDER:
            _need_no_ack(ref)
        if exchange.script == TRANSACTION.name:
            mode_config.after_exchange(ref, exchange)
    elif xauth.serves:
        _serve(ref)
    elif xauth.step is XauthStep.ACCEPTED:
        _accepted(ref, None)
    elif xauth.step is XauthStep.WAITING and ref.sa.probe is not None:
        ref.change(probe=None)  # the gateway asks, so it has message 3
    elif xauth.step is XauthStep.REJECTED:
        fail(ref, xauth.reason)


def _need_no_ack(ref: SaRef) -> None:
    """The client began another exchange, so it has received SET(STATUS=OK): not every client acknowledges that."""
    for exchange in unanswered(ref, XAUTH.name):
        ref.become(ref.sa.without_exchange(exchange))


# --- server ---------------------------------------------------------------------------------------------------------


def _serve(ref: SaRef) -> None:
    xauth = present(ref.sa.xauth)
    match xauth.step:
        case XauthStep.ASK:
            asked = replace(xauth, step=XauthStep.ASKED, rounds=xauth.rounds + 1)
            ref.change(xauth=asked)
            transact(ref, XAUTH.name, request(asked), ref.sa.expires_at)
        case XauthStep.ACCEPTED:
            _accepted(ref, xauth.user)
        case XauthStep.REJECTED:
            ref.change(xauth=replace(xauth, step=XauthStep.FAILED))
            _report_failure(ref, _rejection(xauth))
            transact(ref, XAUTH.name, status(xauth, accepted=False), ref.tx.now + _FAREWELL)
        case XauthStep.FAILED if not unanswered(ref, XAUTH.name):
            closing.close_ike(ref, _rejection(xauth))


def _rejection(xauth: Xauth) -> str:
    who = f'user "{xauth.name}"' if xauth.name else "a user"
    return f"XAUTH: {who} is rejected: {xauth.reason}"


def _accepted(ref: SaRef, user: User | None) -> None:
    """End XAUTH with success: tell the client, and begin everything else."""
    xauth, now = present(ref.sa.xauth), ref.tx.now
    sa, chosen = ref.sa, present(ref.sa.chosen)
    connection = ref.tx.state.lookup.by_name(sa.connection)
    # a client renews phase 1 itself: many do not answer a gateway that begins it
    called = xauth.serves and sa.role is _RESPONDER
    rekeying = None if connection is None or called or not connection.rekey else connection.rekeying
    rekey_at, expires_at = deadlines(sa.established_at, chosen.lifetime, sa.role, rekeying, ref.tx.state.random)
    if user is not None and xauth.rounds:  # else it is inherited, as it is
        ends_at = now + user.session_timeout if user.session_timeout else 0.0
        user = replace(user, authenticated_at=now, ends_at=ends_at)
    ref.change(xauth=None, user=user, rekey_at=rekey_at, expires_at=expires_at)
    if xauth.serves:
        transact(ref, XAUTH.name, status(xauth, accepted=True), now + patience(ref.tx.state.settings))
    ref.tx.report(XauthUp(ref.sa))
    if xauth.rounds or not xauth.serves:
        established.heard_of_user(ref)
    _open(ref)


def _open(ref: SaRef) -> None:
    """Begin what follows XAUTH: older SAs of the peer are replaced, then mode config, then queued tunnels."""
    sa = ref.sa
    if sa.role is _INITIATOR or sa.replaces or not ref.tx.state.table.is_alone(sa):
        mode_config.inherit(ref)
        if not established.settle(ref):
            return
    _notify_lifetime(ref)
    mode_config.begin(ref)
    if not ref.sa.config_due_at:
        established.negotiate_queued(ref)


def _notify_lifetime(ref: SaRef) -> None:
    """Tell the initiator of Aggressive Mode that its SA lives shorter than offered, "in a separate Informational
    Exchange" (RFC 2407 §4.6.3). vpnc, which renews phase 1 by that time, expects it after XAUTH.
    """
    chosen = ref.sa.chosen
    if chosen is not None and chosen.shortened:
        ref.change(chosen=replace(chosen, shortened=False))
        ref.say(shortened_lifetime(ref.sa))


# --- failure --------------------------------------------------------------------------------------------------------


def fail(ref: SaRef, reason: str) -> None:
    """End an ISAKMP SA whose user is not authenticated."""
    _report_failure(ref, f"XAUTH: {reason}")
    closing.close_ike(ref, f"XAUTH: {reason}")


def _report_failure(ref: SaRef, text: str) -> None:
    queued = ref.sa.queued or ("",)
    for tunnel in queued:
        ref.tx.report(Failure(Code.XAUTH_FAILED, text, ref.sa.path.remote, ref.sa, tunnel))


def expire(ref: SaRef) -> None:
    """End an ISAKMP SA whose lifetime has expired, or whose user was not authenticated in time."""
    xauth = ref.sa.xauth
    if xauth is None:
        closing.expire_ike(ref)
    elif xauth.step is XauthStep.FAILED:
        closing.close_ike(ref, _rejection(xauth))
    elif xauth.serves:
        fail(ref, f"{ref.sa.path.remote} sent no valid user name and password in time")
    else:
        fail(ref, f"{ref.sa.path.remote} has not accepted a user in time: {xauth.reason or 'it asked for none'}")


def given_up(ref: SaRef, exchange: Exchange) -> None:
    """Process the end of a Transaction exchange that timed out."""
    xauth, data = ref.sa.xauth, exchange.transaction
    ref.become(ref.sa.without_exchange(exchange))
    if data is None or TRANSACTION.is_over(exchange):
        return
    if data.topic != XAUTH.name:
        if exchange.role is _INITIATOR:
            mode_config.given_up(ref)
        return
    if xauth is not None and xauth.step is XauthStep.FAILED:
        closing.close_ike(ref, _rejection(xauth))
    elif exchange.waiting is not None and xauth is not None:
        whose = "the backends did not answer" if xauth.serves else "the user did not answer"
        fail(ref, f"{whose} in time")
    elif exchange.role is _INITIATOR and xauth is not None:
        fail(ref, f"{ref.sa.path.remote} did not respond (sent {exchange.tries} times)")


def end_session(ref: SaRef) -> None:
    """Close all SAs of a user whose session time is over."""
    for other in ref.tx.state.table.of_peer(ref.sa):
        if other.user is not None and 0.0 < other.user.ends_at <= ref.tx.now:
            closing.close_ike(ref.tx.of(other), _SESSION_OVER)
    closing.close_ike(ref, _SESSION_OVER)


def deleted(ref: SaRef) -> None:
    """Report that the peer deleted an ISAKMP SA before the user was authenticated."""
    xauth = ref.sa.xauth
    if xauth is None or xauth.step is XauthStep.FAILED:
        return
    if xauth.serves:
        _report_failure(ref, "XAUTH: the client deleted the ISAKMP SA before its user was authenticated")
    else:
        _report_failure(ref, "XAUTH: the gateway deleted the ISAKMP SA instead of accepting the user: see its log")
