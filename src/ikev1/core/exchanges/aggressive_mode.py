"""Aggressive Mode: three messages instead of six, with less protection (RFC 2409 §5.4).

Both identities are sent in the clear, and the group cannot be negotiated. With a pre-shared key, the responder sends
HASH_R to any initiator, which can guess the key with it offline. In return the responder receives IDii in message 1 and
can select the key by identity instead of address, as required for peers without a fixed address.
"""

from __future__ import annotations

from collections.abc import Sequence

from ikev1.core.exchanges.interpreter import Row, Script
from ikev1.core.exchanges.phase1_steps import (
    SaReply,
    accept_sa,
    choose_among,
    establish,
    look_for_nat,
    nat_d,
    offer_sa,
    send_share,
    take_share,
)
from ikev1.core.negotiation.lifetime_attributes import number_of
from ikev1.core.peer import identity
from ikev1.core.peer.authentication import identify_peer, identify_self, settle_connection, those_expecting
from ikev1.core.peer.connection_lookup import accepts_aggressive
from ikev1.core.peer.path_changes import aggressive_path, same_hosts
from ikev1.core.peer.phase1_auth import check_proof, prove, request_certificates
from ikev1.core.peer.weak_algorithms import is_weak_phase1, note_left_out, warn_of_aggressive_psk
from ikev1.core.peer.xauth_role import as_initiator, with_policies_as
from ikev1.core.records import exchange
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.methods import ENCRYPTING, base_of
from ikev1.core.records.record import present, replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Aggressive, Connection, Policy
from ikev1.wire.attributes import find
from ikev1.wire.message import Message
from ikev1.wire.payloads import Identification, Payload, SecurityAssociation
from ikev1.wire.registry import AuthenticationMethod, ExchangeType, NotifyType, Phase1Attribute


def offered_policies(connection: Connection) -> Connection:
    """``connection`` with the policies that Aggressive Mode can offer: those with the group of the preferred policy,
    and no weak policy if there is a strong one.

    "The group in which the Diffie-Hellman exchange is performed cannot be negotiated" (RFC 2409 §5), since message 1
    already has a public value of the group; the same applies to the authentication method, which message 2 uses. No
    HASH covers the selection in message 2: an attacker can change it to the weakest suite that we offered.
    """
    first = connection.policies[0].suite
    possible = tuple(policy for policy in connection.policies if _goes_with(first, policy.suite))
    strong = tuple(policy for policy in possible if not is_weak_phase1(policy.suite))
    return replace(connection, policies=strong or possible)


def offer_policies(context: ExchangeContext) -> None:
    """Restrict the policies to those that Aggressive Mode can offer, and report the weak ones that are left out."""
    configured = as_initiator(context.connection)
    context.connection = offered_policies(configured)
    note_left_out(context, [policy.priority for policy in configured.policies if is_left_out(configured, policy)])


def is_left_out(connection: Connection, policy: Policy) -> bool:
    """Whether Aggressive Mode does not offer ``policy`` only because the policy is weak."""
    return (
        _goes_with(connection.policies[0].suite, policy.suite) and policy not in offered_policies(connection).policies
    )


def _goes_with(first: Phase1Suite, other: Phase1Suite) -> bool:
    if base_of(first.authentication) == AuthenticationMethod.REVISED_RSA_ENCRYPTION:
        # "when using the revised method of public key encryption for authentication the cipher and hash cannot be
        # negotiated" (RFC 2409 §5), since message 1 is already encrypted with them
        return first == other
    return (first.group, first.authentication) == (other.group, other.authentication)


def with_policies_for(connection: Connection, method: int) -> Connection:
    """``connection`` as responder, with the policies for the table of ``method``; 0: the table of methods without their
    own.
    """
    connection = with_policies_as(connection, Role.RESPONDER)
    allowed = tuple(
        policy
        for policy in connection.policies
        if (base_of(policy.suite.authentication) if policy.suite.authentication in ENCRYPTING else 0) == method
    )
    return connection if allowed == connection.policies else replace(connection, policies=allowed)


# --- AM1 ------------------------------------------------------------------------------------------------------------


def _offer(context: ExchangeContext, _: None) -> list[Payload]:
    offer_policies(context)
    warn_of_aggressive_psk(context)
    sa, *vendors = offer_sa(context)
    own = identify_self(context)
    share = send_share(context, context.connection.policies[0].suite.group)
    return [sa, *share, own, *request_certificates(context), *vendors]


def _choose(context: ExchangeContext, message: Message) -> SaReply:
    theirs = identify_peer(context, message)
    reply = choose_among(_accepting(context, theirs, method_asked(message)), context, message)
    if not accepts_aggressive(context.connection, context.sa.suite.authentication):
        raise _wrong_mode(identity.text_of(theirs), context.connection, NotifyType.NO_PROPOSAL_CHOSEN)
    take_share(context, message)
    return reply


def method_asked(message: Message) -> int:
    """The authentication method of an offer, which is the same in all transforms; 0 if it has none."""
    for proposal in message.one(SecurityAssociation).proposals[:1]:
        for transform in proposal.transforms[:1]:
            method = find(transform.attributes, Phase1Attribute.AUTHENTICATION_METHOD)
            return 0 if method is None else number_of(method)
    return 0


def _accepting(context: ExchangeContext, theirs: Identification, method: int) -> tuple[Connection, ...]:
    """The connections that match the peer's address and identity and accept Aggressive Mode with ``method``.

    The notification to the peer depends only on its address and its offer: an unknown identity is refused like an offer
    that does not match, since otherwise anyone could find out which identities are configured.
    """
    caller, path = identity.text_of(theirs), context.sa.path
    candidates = context.engine.candidates(context.sa)
    expecting = those_expecting(candidates, theirs, method)
    if candidates and not any(accepts_aggressive(connection, method) for connection in candidates):
        raise _wrong_mode(caller, (*expecting, *candidates)[0], NotifyType.INVALID_EXCHANGE_TYPE)
    if not expecting:
        raise Refusal(
            Code.NO_CONNECTION,
            f"no connection that matches the peer's address and {path.local_host} accepts identity {caller}",
            notify=NotifyType.NO_PROPOSAL_CHOSEN,
        )
    accepting = [connection for connection in expecting if accepts_aggressive(connection, method)]
    if not accepting:
        raise _wrong_mode(caller, expecting[0], NotifyType.NO_PROPOSAL_CHOSEN)
    return tuple(with_policies_for(connection, 0) for connection in accepting)


def accepting_connections(candidates: Sequence[Connection], caller: str, method: int) -> tuple[Connection, ...]:
    """The connections among ``candidates``, which is not empty, that accept Aggressive Mode, with their policies for
    ``method``.

    Raises:
        Refusal: none of them accepts Aggressive Mode.
    """
    accepting = [connection for connection in candidates if accepts_aggressive(connection, method)]
    if not accepting:
        raise _wrong_mode(caller, candidates[0], NotifyType.INVALID_EXCHANGE_TYPE)
    return tuple(with_policies_for(connection, method) for connection in accepting)


def _wrong_mode(caller: str, connection: Connection, notify: NotifyType) -> Refusal:
    if connection.aggressive is Aggressive.REFUSE:
        fault = f"Aggressive Mode, which connection {connection.name!r} does not accept"
    else:
        fault = (
            f"Aggressive Mode with a pre-shared key, which connection {connection.name!r} does not accept: the "
            "response would allow anyone to guess the key offline"
        )
    return Refusal(Code.WRONG_MODE, f"{caller} requests {fault}", notify=notify)


# --- AM2 ------------------------------------------------------------------------------------------------------------


def _answer(context: ExchangeContext, reply: SaReply) -> list[Payload]:
    share = send_share(context, context.sa.suite.group)
    own = identify_self(context)
    proof = prove(context)
    return [reply.choice, *share, own, *proof, *request_certificates(context), *nat_d(context), *reply.vendors]


def _accept(context: ExchangeContext, message: Message) -> None:
    accept_sa(context, message)
    take_share(context, message)
    theirs = identify_peer(context, message)
    check_proof(context, message, theirs)
    settle_connection(context, theirs)
    look_for_nat(context, message)


# --- AM3 ------------------------------------------------------------------------------------------------------------


def build_am3(context: ExchangeContext, _: None) -> list[Payload]:
    """Our authentication as initiator, and the NAT-D payloads."""
    return [*prove(context), *nat_d(context)]


def verify_am3(context: ExchangeContext, message: Message) -> None:
    """Verify the initiator's authentication, and detect NATs.

    Raises:
        Refusal: the authentication failed, or the message came from another address than message 1.
    """
    seen = present(context.seen)
    if not same_hosts(context.sa.path, seen):
        first, third = context.sa.path.remote_host, seen.remote_host
        text = f"received AM3 from {third}, but AM1 from {first}: AM3 was copied in transit"
        raise Refusal(Code.MALFORMED, text)
    theirs = identity.parse(context.sa.IDii_b)
    check_proof(context, message, theirs)
    settle_connection(context, theirs)
    # The initiator may change ports with this message, and its NAT-D payloads are for the new path
    port = context.engine.settings.encapsulation_port
    context.sa = replace(context.sa, path=aggressive_path(context.sa.path, seen, port))
    look_for_nat(context, message)


AGGRESSIVE_MODE = Script(
    exchange.AGGRESSIVE_MODE,
    ExchangeType.AGGRESSIVE,
    (
        #   from  RFC 2409 §5.1, §5.4                               build      check
        Row("i", "HDR, SA, KE, Ni, IDii", _offer, _choose),
        Row("r", "HDR, SA, KE, Nr, IDir [, CERT], AUTH_R [, NAT-D]", _answer, _accept),
        Row("i", "HDR(*) [, CERT], AUTH_I [, NAT-D]", build_am3, verify_am3),
    ),
    finish=establish,
)
