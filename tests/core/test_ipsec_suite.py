"""The features that only the kernel data plane supports."""

from __future__ import annotations

import pytest

from ikev1.core.negotiation.ipsec_suite import kernel_only
from ikev1.core.records.child_sa import Mark, PacketMarks
from ikev1.wire.registry import ProtocolId


@pytest.mark.parametrize(
    ("protocol", "esn", "compressed", "marks", "features"),
    [
        (ProtocolId.ESP, False, False, PacketMarks(), ""),
        (ProtocolId.AH, True, False, PacketMarks(), "AH and extended sequence numbers"),
        (ProtocolId.ESP, False, True, PacketMarks(), "IPComp"),
        (ProtocolId.ESP, False, False, PacketMarks(mark_in=Mark(1, 1)), "marks or interface IDs"),
        (ProtocolId.ESP, False, False, PacketMarks(if_id_out=1), "marks or interface IDs"),
    ],
)
def test_features_that_require_the_kernel(
    protocol: int, esn: bool, compressed: bool, marks: PacketMarks, features: str
) -> None:
    assert kernel_only(protocol, esn, compressed, marks) == features
