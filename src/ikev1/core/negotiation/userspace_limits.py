"""What a pair of IPsec SAs may be that only a kernel carries, in words."""

from __future__ import annotations

from ikev1.core.records.model import IpsecMode, PacketMarks
from ikev1.wire.registry import ProtocolId


def kernel_only(mode: IpsecMode, protocol: int, esn: bool, compressed: bool, marks: PacketMarks) -> str:
    """What of all this ESP in user space does not have, such as ``transport mode and AH``; empty if it has it all."""
    asked = {
        "transport mode": mode is not IpsecMode.TUNNEL,
        "AH": protocol != ProtocolId.ESP,
        "extended sequence numbers": esn,
        "IPComp": compressed,
        "marks or interface IDs": marks != PacketMarks(),
    }
    return " and ".join(name for name, wanted in asked.items() if wanted)
