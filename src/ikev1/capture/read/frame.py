"""The interface between the file formats and the parsing of frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from ikev1.capture.read.problems import Notes
from ikev1.capture.read.source import Source

LONGEST = 256 * 1024
"""The maximum frame size in octets, as in libpcap and Wireshark: a longer frame means a damaged file."""

SHORTEST = 38
"""Octets of a frame up to the ports of UDP over IPv4 over Ethernet: shorter frames bypass the prefilter."""

Wanted = Callable[[bytearray, int], bool]
"""Whether the frame at a position of a buffer may hold IKE or ESP (`ikev1.capture.read.prefilter`)."""


class Frame(NamedTuple):
    """One captured frame. ``number`` counts from 1, ``time`` is in seconds since the epoch, ``link_type`` is a LINKTYPE
    of tcpdump.org, and ``length`` is the number of octets on the wire.
    """

    number: int
    time: float
    link_type: int
    octets: bytes
    length: int


class FrameReader(Protocol):
    """Reads one file format. ``count`` is the number of frames read, including skipped ones."""

    count: int

    def __init__(self, source: Source, prefilter_for: Callable[[int], Wanted], notes: Notes) -> None:
        """``prefilter_for`` returns the prefilter for a link type."""

    def frames(self) -> Iterator[Frame]:
        """The frames that pass the prefilters."""
