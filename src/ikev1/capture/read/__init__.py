"""Captures to packets: files of pcap and pcapng, and a live interface, in constant memory.

`open_capture` and `live.listen` give iterators of `ikev1.capture.records.packets.Packet`. Octets come from `source`,
`pcap` and `pcapng` make frames of them, `prefilter` asks whether a frame is worth a look, and `link`, `network`,
`ip_fragments` and `transport` find the packet in it.
"""

from __future__ import annotations

from ikev1.capture.read.capture import PORTS, Capture, open_capture
from ikev1.capture.read.errors import CaptureError, NotACapture

__all__ = ["PORTS", "Capture", "CaptureError", "NotACapture", "open_capture"]
