"""Reading packets from pcap and pcapng files and from a live interface, in constant memory.

`open_capture` and `live.listen` return iterators over `ikev1.capture.records.packets.Packet`. `source` reads octets,
`pcap` and `pcapng` split them into frames, `prefilter` skips irrelevant frames, and `link`, `network`, `ip_fragments`
and `transport` extract the packet from a frame.
"""

from __future__ import annotations

from ikev1.capture.read.capture import PORTS, Capture, open_capture
from ikev1.capture.read.problems import CaptureError, NotACapture

__all__ = ["PORTS", "Capture", "CaptureError", "NotACapture", "open_capture"]
