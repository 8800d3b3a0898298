"""A conversation as a report has it."""

from __future__ import annotations

from ikev1.capture.describe.answers import SeenProposals, answers_to
from ikev1.capture.describe.messages import message_of
from ikev1.capture.describe.outcome import is_agreed, mode_of, outcome_of, summary_of
from ikev1.capture.describe.parties import party_of
from ikev1.capture.records.report import Conversation
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.capture.track.esp_flows import Flow
from ikev1.core.records.model import Role
from ikev1.crypto.algorithms import registered_name
from ikev1.wire.registry import AuthenticationMethod


def conversation_of(
    dialogue: TrackedConversation,
    number: int,
    flows: list[Flow],
    wishes: SeenProposals,
    with_secrets: bool,
    with_fields: bool,
) -> Conversation:
    """All that is told of it.

    ``wishes`` is what everybody wants of a peer; ``with_secrets`` is whether key material may be in it,
    ``with_fields`` whether the fields of messages are.
    """
    dialogue.settle()
    method = dialogue.phase1.method
    times = [seen.datagram.time for seen in dialogue.messages]
    return Conversation(
        number=number,
        initiator=party_of(dialogue, Role.INITIATOR),
        responder=party_of(dialogue, Role.RESPONDER),
        initiator_cookie=dialogue.CKY_I.hex(),
        responder_cookie=dialogue.CKY_R.hex(),
        mode=mode_of(dialogue),
        authentication=registered_name(AuthenticationMethod, method) if method else "",
        suite=dialogue.phase1.suite_name if is_agreed(dialogue) else "",
        outcome=outcome_of(dialogue),
        summary=summary_of(dialogue),
        first_time=min(times, default=dialogue.last_time),
        last_time=max(times, default=dialogue.last_time),
        messages=tuple(message_of(dialogue, seen, with_secrets, with_fields) for seen in dialogue.messages),
        answers=answers_to(dialogue, flows, wishes),
        esp=tuple(flow.report() for flow in flows),
    )
