"""A run as a conversation that is explained, and the proof that what is told of it is what its two ends hold."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.capture.analyse import Analyst
from ikev1.capture.keys.key_ring import DhSecret, KeyRing, PreSharedKey
from ikev1.capture.records.report import Conversation, Formula
from ikev1.core.records.model import KeyShare, QuickMode
from ikev1.lesson.diffie_hellman import Agreement, agreement
from ikev1.lesson.run import Run

_SOURCE = "this run"


class Disagreement(Exception):
    """A value that is explained is not the one that an end holds: the explanation or the engine is wrong."""


class Evidence(NamedTuple):
    """A run, explained and checked. ``second`` is the Diffie-Hellman exchange of Quick Mode, where there was one."""

    run: Run
    conversation: Conversation
    first: Agreement
    second: Agreement | None

    @property
    def keymat(self) -> tuple[Formula, ...]:
        """KEYMAT of both IPsec SAs; none without Quick Mode."""
        return tuple(formula for formula in self.formulas("QM2") if formula.name.startswith("KEYMAT"))

    def formulas(self, label: str) -> tuple[Formula, ...]:
        """The formulas that belong to a message."""
        return next((message.formulas for message in self.conversation.messages if message.label == label), ())


def evidence_of(run: Run) -> Evidence:
    """What there is to be told of a run.

    Raises:
        Disagreement: not everything that would be told is true.
        NoAgreement: the public values do not belong to what the ends drew.
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
    evidence = Evidence(run, conversation, first, second)
    _check(evidence)
    return evidence


def _agreement(run: Run, number: int, share: KeyShare) -> Agreement:
    return agreement(number, share.g_xi, share.g_xr, run.initiator.draws, run.responder.draws)


def _quick_mode(run: Run) -> QuickMode | None:
    """What the responder knew of Quick Mode after its first message."""
    known = (exchange.quick for sa in run.responder.states for exchange in sa.exchanges)
    return next((quick for quick in known if quick is not None), None)


# --- the proof ------------------------------------------------------------------------------------------------------


def _check(evidence: Evidence) -> None:
    conversation = evidence.conversation
    told = {formula.name: formula.result for message in conversation.messages for formula in message.formulas}
    for name, held in _held(evidence.run):
        if told.get(name) != held.hex():
            raise Disagreement(f"{name} is not what an end of this run holds")
    for message in conversation.messages:
        for check in message.checks:
            if not check.right:
                raise Disagreement(f"{check.name} of {message.label}: {check.text}")
    told_of_keys = {formula.result for formula in evidence.keymat}
    if not told_of_keys == _inbound(evidence.run) == _outbound(evidence.run):
        raise Disagreement("KEYMAT is not what the ends of this run hold")


def _held(run: Run) -> list[tuple[str, bytes]]:
    """Every key of phase 1 that either end held at any time."""
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
    """The same SAs, as those hold them who send."""
    children = [end.child for end in (run.initiator, run.responder) if end.child is not None]
    return {(child.outbound.encryption_key + child.outbound.integrity_key).hex() for child in children}
