"""The analysis of a run, checked against the state of its two engines."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.capture.analyse import Analyst
from ikev1.capture.keys.key_ring import DhSecret, KeyRing, PreSharedKey
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Conversation, Formula
from ikev1.core.records.exchange import KeyShare, QuickMode
from ikev1.errors import LocalError
from ikev1.lesson.diffie_hellman import Agreement, agreement
from ikev1.lesson.run import Run

_SOURCE = "this run"


class Disagreement(LocalError):
    """A value of the analysis differs from the engine's: the analysis or the engine is wrong."""

    code = "lesson-untrue"


class Evidence(NamedTuple):
    """A run with its checked analysis. ``second`` is the Diffie-Hellman exchange of Quick Mode, if any."""

    run: Run
    conversation: Conversation
    records: tuple[MessageRecord, ...]  # of the messages of the conversation
    first: Agreement
    second: Agreement | None

    @property
    def keymat(self) -> tuple[Formula, ...]:
        """KEYMAT of both IPsec SAs; empty without Quick Mode."""
        return tuple(formula for formula in self.formulas("QM2") if formula.name.startswith("KEYMAT"))

    def formulas(self, label: str) -> tuple[Formula, ...]:
        """The formulas of the message with this label."""
        return next((message.formulas for message in self.conversation.messages if message.label == label), ())


def evidence_of(run: Run) -> Evidence:
    """Analyse a run, and check the result.

    Raises:
        Disagreement: the analysis differs from the state of the engines.
        NoAgreement: the public values do not belong to the drawn random octets.
    """
    chosen = run.responder.sa.chosen
    assert chosen is not None
    share = next(sa.share for sa in run.responder.states if sa.share is not None)
    first = _agreement(run, chosen.suite.group, share)
    quick = _quick_mode(run)
    second = None if quick is None else _agreement(run, quick.group, quick.share)
    secrets = tuple(DhSecret(_SOURCE, each.x) for each in (first, second) if each is not None)
    key_ring = KeyRing(dh_secrets=secrets, pre_shared_keys=(PreSharedKey(_SOURCE, run.pre_shared_key),))
    analyst = Analyst(key_ring)
    for datagram in run.datagrams:
        analyst.add(datagram)
    (conversation,) = analyst.report(_SOURCE, len(run.datagrams), with_secrets=True).conversations
    (tracked,) = analyst.conversations
    evidence = Evidence(run, conversation, tuple(tracked.messages), first, second)
    _check(evidence)
    return evidence


def _agreement(run: Run, number: int, share: KeyShare) -> Agreement:
    return agreement(number, share.g_xi, share.g_xr, run.initiator.draws, run.responder.draws)


def _quick_mode(run: Run) -> QuickMode | None:
    """The responder's Quick Mode state after the first message."""
    known = (exchange.quick for sa in run.responder.states for exchange in sa.exchanges)
    return next((quick for quick in known if quick is not None), None)


# --- the check ------------------------------------------------------------------------------------------------------


def _check(evidence: Evidence) -> None:
    conversation = evidence.conversation
    shown = {formula.name: formula.result for message in conversation.messages for formula in message.formulas}
    for name, held in _held(evidence.run):
        if shown.get(name) != held.hex():
            raise Disagreement(f"{name} differs from the value that a peer of this run holds")
    for message in conversation.messages:
        for check in message.checks:
            if not check.right:
                raise Disagreement(f"{check.name} of {message.label}: {check.text}")
    keymat = {formula.result for formula in evidence.keymat}
    if not keymat == _inbound(evidence.run) == _outbound(evidence.run):
        raise Disagreement("KEYMAT differs from the keys that the peers of this run hold")


def _held(run: Run) -> list[tuple[str, bytes]]:
    """Every phase 1 key that either peer held at any time."""
    held = []
    for end in (run.initiator, run.responder):
        for sa in end.states:
            if sa.keys is not None:
                held += [("SKEYID_d", sa.keys.SKEYID_d), ("SKEYID_a", sa.keys.SKEYID_a)]
                held += [("encryption key", sa.keys.encryption_key)]
                held += [("SKEYID", sa.keys.SKEYID)] if sa.keys.SKEYID else []
    return held


def _inbound(run: Run) -> set[str]:
    children = [end.child for end in (run.initiator, run.responder) if end.child is not None]
    return {(child.inbound.encryption_key + child.inbound.integrity_key).hex() for child in children}


def _outbound(run: Run) -> set[str]:
    """The keys of the same SAs, as held by the senders."""
    children = [end.child for end in (run.initiator, run.responder) if end.child is not None]
    return {(child.outbound.encryption_key + child.outbound.integrity_key).hex() for child in children}
