"""The report of one conversation."""

from __future__ import annotations

from ikev1.capture.describe.answers import SeenProposals, answers_to
from ikev1.capture.describe.messages import message_of
from ikev1.capture.describe.outcome import is_agreed, mode_of, outcome_of, summary_of
from ikev1.capture.describe.parties import party_of
from ikev1.capture.records.report import Conversation
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.capture.track.esp_flows import TrackedFlow
from ikev1.core.records.exchange import Role
from ikev1.crypto.algorithms import registered_name
from ikev1.wire.registry import AuthenticationMethod


def conversation_of(
    conversation: TrackedConversation,
    number: int,
    flows: list[TrackedFlow],
    proposals: SeenProposals,
    with_secrets: bool,
    with_fields: bool,
) -> Conversation:
    """Build the report of ``conversation``, number ``number`` of the capture.

    ``flows`` are its ESP flows, and ``proposals`` the phase 1 transforms seen anywhere in the capture. ``with_secrets``
    includes key material, ``with_fields`` the dissected fields of each message.
    """
    conversation.update_retransmissions()
    method = conversation.phase1.method
    times = [record.datagram.time for record in conversation.messages]
    return Conversation(
        number=number,
        initiator=party_of(conversation, Role.INITIATOR),
        responder=party_of(conversation, Role.RESPONDER),
        initiator_cookie=conversation.CKY_I.hex(),
        responder_cookie=conversation.CKY_R.hex(),
        mode=mode_of(conversation),
        authentication=registered_name(AuthenticationMethod, method) if method else "",
        suite=conversation.phase1.suite_name if is_agreed(conversation) else "",
        outcome=outcome_of(conversation),
        summary=summary_of(conversation),
        first_time=min(times, default=conversation.last_time),
        last_time=max(times, default=conversation.last_time),
        messages=tuple(message_of(conversation, record, with_secrets, with_fields) for record in conversation.messages),
        answers=answers_to(conversation, flows, proposals),
        esp=tuple(flow.report() for flow in flows),
    )
