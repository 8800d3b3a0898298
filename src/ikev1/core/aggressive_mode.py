"""Aggressive Mode: three messages, and the price of the three that it saves (RFC 2409 §5.4).

Both identities pass in the clear, the group cannot be negotiated, and with a pre-shared key the responder's HASH_R goes
to whoever asked: anybody can try secrets against it offline. In exchange the responder sees IDii in message 1, and can
choose the secret by identity rather than by address, which is what peers without a fixed address need.
"""

from __future__ import annotations

from collections.abc import Sequence

from ikev1.core import identity
from ikev1.core.authentication import identify_peer, identify_self, settle_connection
from ikev1.core.events import Code
from ikev1.core.methods import ENCRYPTING
from ikev1.core.model import Phase1Suite
from ikev1.core.paths import aggressive_path
from ikev1.core.phase1 import (
    accept_sa,
    choose_among,
    establish,
    look_for_nat,
    nat_d,
    offer_sa,
    send_share,
    take_share,
)
from ikev1.core.proof import check_proof, prove, request_certificates
from ikev1.core.record import replace
from ikev1.core.refusal import Refusal
from ikev1.core.script import Row, Script
from ikev1.core.settings import Aggressive, Connection
from ikev1.core.turn import Turn
from ikev1.core.weakness import warn_of_aggressive_psk
from ikev1.wire.message import Message
from ikev1.wire.payloads import Identification, Payload
from ikev1.wire.registry import AuthenticationMethod, ExchangeType, NotifyType

__all__ = ["AGGRESSIVE_MODE", "conclude", "concluded", "offered_policies", "those_that_accept", "with_policies_for"]


def offered_policies(connection: Connection) -> Connection:
    """``connection`` with the policies that Aggressive Mode can offer: those of the preferred one's group.

    "The group in which the Diffie-Hellman exchange is performed cannot be negotiated" (RFC 2409 §5), for message 1
    carries a public value of it already; nor can the authentication method, which message 2 uses.
    """
    first = connection.policies[0].suite
    return replace(
        connection, policies=tuple(policy for policy in connection.policies if _goes_with(first, policy.suite))
    )


def _goes_with(first: Phase1Suite, other: Phase1Suite) -> bool:
    if first.authentication == AuthenticationMethod.REVISED_RSA_ENCRYPTION:
        # "when using the revised method of public key encryption for authentication the cipher and hash cannot be
        # negotiated" (RFC 2409 §5), for message 1 is encrypted by them already
        return first == other
    return (first.group, first.authentication) == (other.group, other.authentication)


def with_policies_for(connection: Connection, method: int) -> Connection:
    """``connection`` with the policies of the table for ``method``; 0 is the table of all methods without their own."""
    allowed = tuple(
        policy
        for policy in connection.policies
        if (policy.suite.authentication if policy.suite.authentication in ENCRYPTING else 0) == method
    )
    return connection if allowed == connection.policies else replace(connection, policies=allowed)


# --- AM1 ------------------------------------------------------------------------------------------------------------


def _offer(turn: Turn) -> list[Payload]:
    turn.connection = offered_policies(turn.connection)
    warn_of_aggressive_psk(turn)
    sa, *vendors = offer_sa(turn)
    own = identify_self(turn)
    share = send_share(turn, turn.connection.policies[0].suite.group)
    return [sa, *share, own, *request_certificates(turn), *vendors]


def _choose(turn: Turn, message: Message) -> None:
    theirs = identify_peer(turn, message)
    choose_among(_willing(turn, theirs), turn, message)
    assert turn.sa.chosen is not None
    method = turn.sa.chosen.suite.authentication
    if method == AuthenticationMethod.PRE_SHARED_KEY and turn.connection.aggressive is not Aggressive.ACCEPT_PSK:
        raise _wrong_mode(
            f"{identity.text_of(theirs)} asks for Aggressive Mode with a pre-shared key, which connection "
            f"{turn.connection.name!r} does not accept: our answer would let anybody who asks guess the secret offline"
        )
    take_share(turn, message)


def _willing(turn: Turn, theirs: Identification) -> tuple[Connection, ...]:
    """The connections that this peer's address and identity allow and that accept Aggressive Mode."""
    candidates = turn.context.candidates(turn.sa)
    expected = [connection for connection in candidates if identity.matches(connection.remote_id, theirs)]
    if not expected:
        raise Refusal(
            Code.NO_CONNECTION,
            f"no connection is configured for {identity.text_of(theirs)} that calls {turn.sa.path.local_host} "
            "from where it is",
            notify=NotifyType.INVALID_ID_INFORMATION,
        )
    return those_that_accept(expected, identity.text_of(theirs))


def those_that_accept(expected: Sequence[Connection], caller: str, method: int = 0) -> tuple[Connection, ...]:
    """Those of ``expected``, of which there are some, that accept Aggressive Mode, with their policies for ``method``.

    Raises:
        Refusal: none does.
    """
    willing = [connection for connection in expected if connection.aggressive is not Aggressive.REFUSE]
    if not willing:
        raise _wrong_mode(f"{caller} asks for Aggressive Mode, which connection {expected[0].name!r} refuses")
    return tuple(with_policies_for(connection, method) for connection in willing)


def _wrong_mode(text: str) -> Refusal:
    return Refusal(Code.WRONG_MODE, text, notify=NotifyType.INVALID_EXCHANGE_TYPE)


# --- AM2 ------------------------------------------------------------------------------------------------------------


def _answer(turn: Turn) -> list[Payload]:
    answer, *vendors = turn.prepared
    assert turn.sa.chosen is not None
    share = send_share(turn, turn.sa.chosen.suite.group)
    own = identify_self(turn)
    return [answer, *share, own, *prove(turn), *request_certificates(turn), *nat_d(turn), *vendors]


def _accept(turn: Turn, message: Message) -> None:
    accept_sa(turn, message)
    take_share(turn, message)
    theirs = identify_peer(turn, message)
    check_proof(turn, message, theirs)
    settle_connection(turn, theirs)
    look_for_nat(turn, message)


# --- AM3 ------------------------------------------------------------------------------------------------------------


def conclude(turn: Turn) -> list[Payload]:
    """Our proof as the initiator, and what the responder needs to find a NAT."""
    return [*prove(turn), *nat_d(turn)]


def concluded(turn: Turn, message: Message) -> None:
    """Checks the initiator's proof, and looks for a NAT."""
    theirs = identity.parse(turn.sa.IDii_b)
    check_proof(turn, message, theirs)
    settle_connection(turn, theirs)
    # The initiator floats with this message, and its NAT-D payloads are about the path that it took
    assert turn.seen is not None
    port = turn.context.settings.encapsulation_port
    turn.sa = replace(turn.sa, path=aggressive_path(turn.sa.path, turn.seen, port))
    look_for_nat(turn, message)


AGGRESSIVE_MODE = Script(
    "AM",
    ExchangeType.AGGRESSIVE,
    (
        #   from  RFC 2409 §5.1, §5.4                               build      check
        Row("i", "HDR, SA, KE, Ni, IDii", _offer, _choose),
        Row("r", "HDR, SA, KE, Nr, IDir [, CERT], AUTH_R [, NAT-D]", _answer, _accept),
        Row("i", "HDR(*) [, CERT], AUTH_I [, NAT-D]", conclude, concluded),
    ),
    finish=establish,
)
