"""What peers reveal in vendor IDs: support for dead peer detection, and the implementation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.reading import Reading
from ikev1.audit.topics import topic
from ikev1.wire.payloads import VendorId
from ikev1.wire.vendors import maker_of, vendor_name

# The messages with vendor IDs, and the last of them for each peer
_ANNOUNCING = ("MM1", "MM2", "MM3", "MM4", "AM1", "AM2", "AM3")
_LAST = {"initiator": ("MM3", "AM1"), "responder": ("MM4", "AM2")}


def _vendor_ids(reading: Reading, side: str) -> tuple[bytes, ...]:
    said = (seen for seen in reading.labelled(*_ANNOUNCING) if seen.reported.sender == side)
    return tuple(payload.data for seen in said for payload in seen.message.all(VendorId))


def dead_peer_detection(readings: Iterable[Reading]) -> Iterator[Finding]:
    """Peers that did not announce DPD in any of their messages in the clear."""
    for reading in readings:
        if reading.chosen is None:
            continue
        silent = [
            side
            for side, last in _LAST.items()
            if reading.labelled(*last) and not any(vendor_name(data) == "DPD" for data in _vendor_ids(reading, side))
        ]
        if silent:
            yield topic("no-dpd").finding(
                Severity.LOW,
                f"{reading.ends}: the {' and the '.join(silent)} did not announce dead peer detection",
                *(reading.labelled(*_LAST[side])[0].evidence("no DPD vendor ID up to this message") for side in silent),
                conversation=reading.conversation.number,
            )


def makers(readings: Iterable[Reading]) -> Iterator[Finding]:
    """Vendor IDs that name a product."""
    for reading in readings:
        for seen in reading.labelled(*_ANNOUNCING):
            for payload in seen.message.all(VendorId):
                maker = maker_of((payload.data,))
                if maker is not None:
                    yield topic("maker-exposed").finding(
                        Severity.INFO,
                        f"{seen.reported.source.rpartition('[')[0]} identifies itself as {maker}",
                        seen.evidence(maker, payload),
                        conversation=reading.conversation.number,
                    )
