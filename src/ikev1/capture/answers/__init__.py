"""What people ask of a conversation, a file for each question."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.capture.answers.group import which_group
from ikev1.capture.answers.identities import which_identities
from ikev1.capture.answers.keys import which_keys
from ikev1.capture.answers.lifetimes import which_lifetimes
from ikev1.capture.answers.makers import which_makers
from ikev1.capture.answers.nat import which_nat
from ikev1.capture.answers.offline_guess import can_be_guessed
from ikev1.capture.answers.pfs import forward_secrecy
from ikev1.capture.answers.refusal import Wishes, why_refused, wishes_of
from ikev1.capture.answers.silence import who_fell_silent
from ikev1.capture.answers.traffic import what_traffic
from ikev1.capture.dialogue import Dialogue
from ikev1.capture.flows import Flow
from ikev1.capture.report import Answer

__all__ = ["Wishes", "answers_to", "wishes_of"]

_QUESTIONS: tuple[Callable[[Dialogue], Answer | None], ...] = (
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


def answers_to(dialogue: Dialogue, flows: list[Flow], wishes: Wishes) -> tuple[Answer, ...]:
    """The answers that the capture has something to say to; ``flows`` are the ESP of this conversation, ``wishes``
    what everybody wants of a peer.
    """
    found = [why_refused(dialogue, wishes), *(question(dialogue) for question in _QUESTIONS), what_traffic(flows)]
    return tuple(answer for answer in found if answer is not None)
