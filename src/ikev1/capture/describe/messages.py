"""The report of one message: label, description, checks, formulas and fields."""

from __future__ import annotations

from ikev1.capture.describe.nat_detection import nat_checks
from ikev1.capture.describe.proofs import proofs
from ikev1.capture.describe.security import security_of
from ikev1.capture.describe.skeyid import derivation, keymat_formulas
from ikev1.capture.records.labels import exchange_name
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Check, Field, Formula, Message
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.wire.describe import describe
from ikev1.wire.dissect import DissectedField, dissect
from ikev1.wire.header import HEADER_SIZE

_KEYS_KNOWN = frozenset({"MM4", "AM2"})  # from these messages on, both sides can derive the keys


def message_of(
    conversation: TrackedConversation, record: MessageRecord, with_secrets: bool, with_fields: bool = True
) -> Message:
    """Build the report of ``record``; ``with_secrets`` includes its formulas, which contain key material."""
    checks, formulas = _proved(conversation, record)
    datagram = record.datagram
    return Message(
        label=record.label,
        exchange=exchange_name(record.header.exchange),
        message_id=f"{record.header.message_id:08x}",
        sender=record.sender.value,
        frames=datagram.frames,
        time=datagram.time,
        source=f"{datagram.source}[{datagram.source_port}]",
        destination=f"{datagram.destination}[{datagram.destination_port}]",
        encrypted=record.encrypted,
        decrypted=record.decrypted,
        line=line_of(record),
        security=security_of(conversation, record) + _doubt(record, checks),
        retransmission_of=record.repeats,
        problems=tuple(record.problems) + _beginning(record),
        checks=checks,
        formulas=formulas if with_secrets else (),
        fields=fields_of(record) if with_fields else (),
        octets=record.octets.hex(),
        plaintext=record.plaintext.hex(),
    )


def _doubt(record: MessageRecord, checks: tuple[Check, ...]) -> str:
    """A warning about a message that decrypts with the right key, but has a wrong HASH or signature."""
    wrong = [check.name for check in checks if check.right is False and not check.name.startswith("NAT-D")]
    return f" But {wrong[0]} is wrong, so the message proves nothing." if wrong and record.decrypted else ""


def line_of(record: MessageRecord) -> str:
    """The contents of a message, in one line."""
    if record.message is not None:
        return describe(record.message) or "no payload"
    if record.encrypted and not record.decrypted:
        return f"{max(0, len(record.octets) - HEADER_SIZE)} encrypted octets"
    return f"malformed: {record.problems[0]}" if record.problems else "malformed"


def _beginning(record: MessageRecord) -> tuple[str, ...]:
    if not record.first_block_lost:
        return ()
    return (
        "the previous message is missing from the capture, so the first block could not be decrypted: the HASH "
        "payload header was filled in, and the first octets of the HASH are unknown",
    )


def _proved(conversation: TrackedConversation, record: MessageRecord) -> tuple[tuple[Check, ...], tuple[Formula, ...]]:
    if record.message is None or record.repeats is not None:
        return (), ()
    checks = nat_checks(conversation, record)
    formulas = list(derivation(conversation)) if record.label in _KEYS_KNOWN else []
    for proof in proofs(conversation, record):
        checks.append(proof.check)
        if proof.formula is not None:
            formulas.append(proof.formula)
    if record.label == "QM2":
        formulas += keymat_formulas(conversation, record.header.message_id)
    return tuple(checks), tuple(formulas)


def fields_of(record: MessageRecord) -> tuple[Field, ...]:
    """The fields of ``record``. Offsets refer to the plaintext, or to the wire octets if it could not be decrypted."""
    dissection = dissect(record.plaintext or record.octets, decrypted=record.decrypted, hidden=record.hidden)
    return tuple(_field(field) for field in dissection.fields)


def _field(found: DissectedField) -> Field:
    name, value, offset, length, about, fields = found
    return Field(
        name=name,
        value=value,
        offset=offset,
        length=length,
        about=about,
        fields=tuple(_field(field) for field in fields),
    )
