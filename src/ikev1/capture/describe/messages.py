"""A message as it is told to people: labels, words, checks, formulas, fields."""

from __future__ import annotations

from ikev1.capture.describe.fields import fields_of
from ikev1.capture.describe.nat_detection import nat_checks
from ikev1.capture.describe.proofs import proofs
from ikev1.capture.describe.security import security_of
from ikev1.capture.describe.skeyid import derivation, keymat_formulas
from ikev1.capture.records.labels import exchange_name
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Check, Formula, Message
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.wire.describe import describe
from ikev1.wire.header import HEADER_SIZE

_KEYS_KNOWN = frozenset({"MM4", "AM2"})  # from these messages on, both sides can derive the keys


def message_of(
    dialogue: TrackedConversation, seen: MessageRecord, with_secrets: bool, with_fields: bool = True
) -> Message:
    """A message; ``with_secrets`` is whether it has its formulas, which hold key material."""
    checks, formulas = _proved(dialogue, seen)
    datagram = seen.datagram
    return Message(
        label=seen.label,
        exchange=exchange_name(seen.header.exchange),
        message_id=f"{seen.header.message_id:08x}",
        sender=seen.sender.value,
        frames=datagram.frames,
        time=datagram.time,
        source=f"{datagram.source}[{datagram.source_port}]",
        destination=f"{datagram.destination}[{datagram.destination_port}]",
        encrypted=seen.encrypted,
        decrypted=seen.decrypted,
        line=line_of(seen),
        security=security_of(dialogue, seen) + _doubt(seen, checks),
        retransmission_of=seen.repeats,
        problems=tuple(seen.problems) + _beginning(seen),
        checks=checks,
        formulas=formulas if with_secrets else (),
        fields=fields_of(seen) if with_fields else (),
        octets=seen.octets.hex(),
        plaintext=seen.plaintext.hex(),
    )


def _doubt(seen: MessageRecord, checks: tuple[Check, ...]) -> str:
    """What opens under the right key and has a wrong HASH or signature all the same."""
    wrong = [check.name for check in checks if check.right is False and not check.name.startswith("NAT-D")]
    return f". But {wrong[0]} is wrong, so it proves nothing" if wrong and seen.decrypted else ""


def line_of(seen: MessageRecord) -> str:
    """What it carries, in one plain line."""
    if seen.message is not None:
        return describe(seen.message) or "no payload"
    if seen.encrypted and not seen.decrypted:
        return f"{max(0, len(seen.octets) - HEADER_SIZE)} encrypted octets"
    return f"malformed: {seen.problems[0]}" if seen.problems else "malformed"


def _beginning(seen: MessageRecord) -> tuple[str, ...]:
    if not seen.beginning_lost:
        return ()
    return (
        "the message before this one is not in the capture, so the first block could not be decrypted: "
        "the header of the HASH payload was put in, the first octets of the HASH are unknown",
    )


def _proved(dialogue: TrackedConversation, seen: MessageRecord) -> tuple[tuple[Check, ...], tuple[Formula, ...]]:
    if seen.message is None or seen.repeats is not None:
        return (), ()
    checks = nat_checks(dialogue, seen)
    formulas = list(derivation(dialogue)) if seen.label in _KEYS_KNOWN else []
    for proof in proofs(dialogue, seen):
        checks.append(proof.check)
        if proof.formula is not None:
            formulas.append(proof.formula)
    if seen.label == "QM2":
        formulas += keymat_formulas(dialogue, seen.header.message_id)
    return tuple(checks), tuple(formulas)
