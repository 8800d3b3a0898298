"""The answers of a report, one module per question."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.capture.describe.answers.group import which_group
from ikev1.capture.describe.answers.identities import which_identities
from ikev1.capture.describe.answers.keys import which_keys
from ikev1.capture.describe.answers.lifetimes import which_lifetimes
from ikev1.capture.describe.answers.makers import which_makers
from ikev1.capture.describe.answers.nat import which_nat
from ikev1.capture.describe.answers.offline_guess import can_be_guessed
from ikev1.capture.describe.answers.pfs import forward_secrecy
from ikev1.capture.describe.answers.refusal import SeenProposals, seen_proposals, why_refused
from ikev1.capture.describe.answers.silence import who_fell_silent
from ikev1.capture.describe.answers.traffic import what_traffic
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.capture.track.esp_flows import TrackedFlow

__all__ = ["SeenProposals", "answers_to", "seen_proposals"]

_QUESTIONS: tuple[Callable[[TrackedConversation], Answer | None], ...] = (
    who_fell_silent,
    which_group,
    which_identities,
    can_be_guessed,
    forward_secrecy,
    which_lifetimes,
    which_nat,
    which_makers,
    which_keys,
)


def answers_to(
    conversation: TrackedConversation, flows: list[TrackedFlow], proposals: SeenProposals
) -> tuple[Answer, ...]:
    """The answers that the capture supports.

    ``flows`` are the ESP flows of this conversation, ``proposals`` the phase 1 transforms seen anywhere in the capture.
    """
    found = [
        why_refused(conversation, proposals),
        *(question(conversation) for question in _QUESTIONS),
        what_traffic(flows),
    ]
    return tuple(answer for answer in found if answer is not None)
