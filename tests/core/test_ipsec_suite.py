"""The features that only the kernel data plane supports."""

from __future__ import annotations

import pytest

from ikev1.core.negotiation.ipsec_suite import kernel_only
from ikev1.core.records.child_sa import IpsecMode, Mark, PacketMarks
from ikev1.wire.registry import ProtocolId


@pytest.mark.parametrize(
    ("mode", "protocol", "esn", "compressed", "marks", "features"),
    [
        (IpsecMode.TUNNEL, ProtocolId.ESP, False, False, PacketMarks(), ""),
        (IpsecMode.TRANSPORT, ProtocolId.ESP, False, False, PacketMarks(), "transport mode"),
        (IpsecMode.TUNNEL, ProtocolId.AH, True, False, PacketMarks(), "AH and extended sequence numbers"),
        (IpsecMode.TUNNEL, ProtocolId.ESP, False, True, PacketMarks(), "IPComp"),
        (IpsecMode.TUNNEL, ProtocolId.ESP, False, False, PacketMarks(mark_in=Mark(1, 1)), "marks or interface IDs"),
        (IpsecMode.TUNNEL, ProtocolId.ESP, False, False, PacketMarks(if_id_out=1), "marks or interface IDs"),
    ],
)
def test_features_that_require_the_kernel(
    mode: IpsecMode, protocol: int, esn: bool, compressed: bool, marks: PacketMarks, features: str
) -> None:
    assert kernel_only(mode, protocol, esn, compressed, marks) == features
