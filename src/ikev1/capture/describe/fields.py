"""The dissected fields of a message, with their offsets."""

from __future__ import annotations

from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Field
from ikev1.wire.dissect import DissectedField, dissect


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
