"""Notes about weak algorithms, once for each connection, not once for each SA."""

from __future__ import annotations

from ikev1.core.negotiation import ipsec_suite
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, Note
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.methods import SHARED
from ikev1.crypto.suites import IkeProposal, is_weak, weaknesses


def warn_of_phase1(context: ExchangeContext, suite: Phase1Suite) -> None:
    """Report the weak algorithms of the ISAKMP SA."""
    _warn(context, weaknesses(IkeProposal(suite.encryption, suite.key_length, suite.hash, suite.group)))


def is_weak_phase1(suite: Phase1Suite) -> bool:
    """Whether a phase 1 suite has a weak algorithm."""
    return is_weak(IkeProposal(suite.encryption, suite.key_length, suite.hash, suite.group))


def note_left_out(context: ExchangeContext, priorities: list[int]) -> None:
    """Report the policies that Aggressive Mode does not offer because they are weak and others are not."""
    if priorities:
        which = ", ".join(map(str, priorities))
        text = (
            f"Aggressive Mode does not offer policy {which}, which is weaker than others: the peer's selection is not "
            "authenticated, so an attacker could change it to the weakest policy"
        )
        _warn(context, (text,))


def warn_of_phase2(context: ExchangeContext, suite: IpsecSuite, group: int) -> None:
    """Report the weak algorithms of a pair of IPsec SAs."""
    _warn(context, ipsec_suite.weaknesses(suite, group))


def warn_of_aggressive_psk(context: ExchangeContext) -> None:
    """Report that we initiate Aggressive Mode with a pre-shared key."""
    if context.connection.policies[0].suite.authentication in SHARED:
        text = "Aggressive Mode with a pre-shared key: anyone who sees or requests a response can guess the key offline"
        _warn(context, (text,))


def _warn(context: ExchangeContext, warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        if context.engine.is_news(context.connection.name, warning):
            context.report(Note(Code.WEAK, warning, context.sa))
