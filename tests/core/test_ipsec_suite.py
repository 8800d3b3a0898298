"""The features that only the kernel data plane supports."""

from __future__ import annotations

import pytest

from ikev1.core.negotiation.ipsec_suite import kernel_only
from ikev1.core.records.child_sa import IpsecSuite, Mark, PacketMarks
from ikev1.wire.registry import EspTransform, ProtocolId

GCM = IpsecSuite(EspTransform.AES_GCM_16, 128)


@pytest.mark.parametrize(
    ("suites", "compressed", "marks", "features"),
    [
        ([GCM], False, PacketMarks(), ""),
        ([IpsecSuite(0, 0, 5, ProtocolId.AH, esn=True)], False, PacketMarks(), "AH and extended sequence numbers"),
        ([GCM, IpsecSuite(EspTransform.SERPENT, 128, 5)], False, PacketMarks(), "Serpent"),
        ([GCM, IpsecSuite(EspTransform.TWOFISH, 256, 5)], True, PacketMarks(), "Twofish and IPComp"),
        ([GCM], True, PacketMarks(), "IPComp"),
        ([GCM], False, PacketMarks(mark_in=Mark(1, 1)), "marks or interface IDs"),
        ([GCM], False, PacketMarks(if_id_out=1), "marks or interface IDs"),
    ],
)
def test_features_that_require_the_kernel(
    suites: list[IpsecSuite], compressed: bool, marks: PacketMarks, features: str
) -> None:
    assert kernel_only(suites, compressed, marks) == features
