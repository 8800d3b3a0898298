"""What peers reveal in vendor IDs: support for dead peer detection, and the implementation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.parsed import ParsedConversation
from ikev1.audit.topics import topic
from ikev1.wire.payloads import VendorId
from ikev1.wire.vendors import maker_of, vendor_name

# The messages with vendor IDs, and the last of them for each peer
_ANNOUNCING = ("MM1", "MM2", "MM3", "MM4", "AM1", "AM2", "AM3")
_LAST = {"initiator": ("MM3", "AM1"), "responder": ("MM4", "AM2")}


def _vendor_ids(conversation: ParsedConversation, side: str) -> tuple[bytes, ...]:
    said = (message for message in conversation.labelled(*_ANNOUNCING) if message.report.sender == side)
    return tuple(payload.data for message in said for payload in message.wire.all(VendorId))


def dead_peer_detection(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """Peers that did not announce DPD in any of their messages in the clear."""
    for conversation in conversations:
        if conversation.chosen is None:
            continue
        silent = [
            side
            for side, last in _LAST.items()
            if conversation.labelled(*last)
            and not any(vendor_name(data) == "DPD" for data in _vendor_ids(conversation, side))
        ]
        if silent:
            yield topic("no-dpd").finding(
                Severity.LOW,
                f"{conversation.ends}: the {' and the '.join(silent)} did not announce dead peer detection",
                *(
                    conversation.labelled(*_LAST[side])[0].evidence("no DPD vendor ID up to this message")
                    for side in silent
                ),
                conversation=conversation.report.number,
            )


def makers(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """Vendor IDs that name a product."""
    for conversation in conversations:
        for message in conversation.labelled(*_ANNOUNCING):
            for payload in message.wire.all(VendorId):
                maker = maker_of((payload.data,))
                if maker is not None:
                    yield topic("maker-exposed").finding(
                        Severity.INFO,
                        f"{message.report.source.rpartition('[')[0]} identifies itself as {maker}",
                        message.evidence(maker, payload),
                        conversation=conversation.report.number,
                    )
