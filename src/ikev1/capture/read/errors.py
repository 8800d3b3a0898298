"""What can go wrong with a capture as a whole; what is wrong with single frames is noted, not raised."""

from __future__ import annotations


class CaptureError(Exception):
    """A capture cannot be read at all. The text says why, and what would help, without the file's name."""


class NotACapture(CaptureError):
    """The octets are something else than a pcap or pcapng file; the text says what they seem to be."""
