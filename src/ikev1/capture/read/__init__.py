"""Captures to packets: files of pcap and pcapng, and a live interface, in constant memory.

`open_capture` and `live.listen` give iterators of `ikev1.capture.packets.Packet`. The way of a frame: `source` (octets),
`pcap` or `pcapng` (frames), `sieve` (is it worth a look?), `link`, `network`, `fragments`, `transport` (packets).
"""

from __future__ import annotations

from ikev1.capture.read.capture import PORTS, Capture, open_capture
from ikev1.capture.read.errors import CaptureError, NotACapture

__all__ = ["PORTS", "Capture", "CaptureError", "NotACapture", "open_capture"]
