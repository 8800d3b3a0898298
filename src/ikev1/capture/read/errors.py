"""What can go wrong with a capture as a whole; what is wrong with single frames is noted, not raised."""

from __future__ import annotations

from ikev1.errors import LocalError


class CaptureError(LocalError):
    """A capture cannot be read at all. The text says why, and what would help, without the file's name."""

    code = "capture-unreadable"


class NotACapture(CaptureError):
    """The octets are something else than a pcap or pcapng file; the text says what they seem to be."""
