"""What a file format gives to those who look into frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from ikev1.capture.read.notes import Notes
from ikev1.capture.read.source import Source

LONGEST = 256 * 1024
"""Octets of one frame, as libpcap and Wireshark have it: a longer one is a damaged file."""

SHORTEST = 38
"""Octets of a frame up to the ports of UDP over IPv4 over Ethernet: shorter frames bypass the prefilter."""

Wanted = Callable[[bytearray, int], bool]
"""Whether the frame at a position of a buffer may hold IKE or ESP (`ikev1.capture.read.prefilter`)."""


class Frame(NamedTuple):
    """One frame as captured: ``number`` counts from 1, ``time`` is seconds since the epoch, ``link_type`` what the
    octets begin with (tcpdump.org's LINKTYPE), ``length`` what it had on the wire.
    """

    number: int
    time: float
    link_type: int
    octets: bytes
    length: int


class FrameReader(Protocol):
    """Reads one format. ``count`` is how many frames have been read, wanted or not."""

    count: int

    def __init__(self, source: Source, prefilter_for: Callable[[int], Wanted], notes: Notes) -> None:
        """``prefilter_for`` returns the prefilter for a link type."""

    def frames(self) -> Iterator[Frame]:
        """The frames that pass the prefilters."""
