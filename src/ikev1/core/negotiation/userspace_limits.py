"""Features of IPsec SAs that only the kernel data plane supports."""

from __future__ import annotations

from ikev1.core.records.model import IpsecMode, PacketMarks
from ikev1.wire.registry import ProtocolId


def kernel_only(mode: IpsecMode, protocol: int, esn: bool, compressed: bool, marks: PacketMarks) -> str:
    """The requested features that userspace ESP lacks, joined by "and"; empty if it supports them all."""
    asked = {
        "transport mode": mode is not IpsecMode.TUNNEL,
        "AH": protocol != ProtocolId.ESP,
        "extended sequence numbers": esn,
        "IPComp": compressed,
        "marks or interface IDs": marks != PacketMarks(),
    }
    return " and ".join(name for name, wanted in asked.items() if wanted)
