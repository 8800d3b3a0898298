"""The two peers of a conversation, and what an eavesdropper without keys learns about them."""

from __future__ import annotations

from ikev1.capture.describe.nat_detection import behind_nat
from ikev1.capture.records.report import Party
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.peer import identity
from ikev1.core.records.exchange import Role
from ikev1.wire.vendors import maker_of, vendor_name


def party_of(conversation: TrackedConversation, role: Role) -> Party:
    """Build the report of the peer in ``role``."""
    vendor_ids = tuple(conversation.phase1.vendor_ids[role])
    return Party(
        address=conversation.endpoints.host(role),
        ports=conversation.endpoints.ports(role),
        maker=maker_of(vendor_ids) or "",
        vendor_ids=tuple(vendor_name(data) or data.hex() for data in vendor_ids),
        identity=identity_of(conversation, role),
        identity_visible=identity_visible(conversation, role),
        behind_nat=behind_nat(conversation, role),
    )


def identity_of(conversation: TrackedConversation, role: Role) -> str:
    """The identity of the peer in ``role``; empty if unknown."""
    payload = conversation.phase1.identity(role)
    return "" if payload is None else identity.text_of(payload)


def identity_visible(conversation: TrackedConversation, role: Role) -> bool:
    """Whether the message that carries the identity is in the clear."""
    record = conversation.phase1.identities.get(role)
    return record is not None and not record.encrypted
