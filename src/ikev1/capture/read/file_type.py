"""The type of a file that is not a capture, from its first octets."""

from __future__ import annotations

from ikev1.capture.read.errors import CaptureError, NotACapture
from ikev1.capture.read.source import Source

UNPACK = "decompress it first"
CONVERT = "convert it to pcapng with Wireshark (Save As) or editcap"

BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\x28\xb5\x2f\xfd", f"it is compressed with zstd; {UNPACK}"),
    (b"\xfd7zXZ\0", f"it is compressed with xz; {UNPACK}"),
    (b"BZh", f"it is compressed with bzip2; {UNPACK}"),
    (b"\x04\x22\x4d\x18", f"it is compressed with lz4; {UNPACK}"),
    (b"PK\x03\x04", f"it is a ZIP archive; {UNPACK}"),
    (b"snoop\0\0\0", f"it is a snoop capture; {CONVERT}"),
    (b"TRSNIFF data", f"it is a Sniffer capture; {CONVERT}"),
    (b"GMBU", f"it is a Network Monitor capture; {CONVERT}"),
    (b"RTSS", f"it is a Network Monitor 1 capture; {CONVERT}"),
    (b"\x7fELF", "it is an executable"),
    (b"%PDF", "it is a PDF document"),
    (b"SQLite format 3\0", "it is an SQLite database"),
)
TEXT = 512  # octets examined to recognise text


def not_a_capture(source: Source) -> CaptureError:
    """The error for a file without a known magic number."""
    octets = bytes(source.buffer[: min(source.end, TEXT)])
    if not octets and source.trouble:
        return CaptureError(f"cannot be read: {source.trouble}")
    return NotACapture(f"not a pcap or pcapng file: {_kind(octets)}")


def _kind(octets: bytes) -> str:
    if not octets:
        return "it is empty"
    for beginning, kind in BEGINNINGS:
        if octets.startswith(beginning):
            return kind
    if all(octet >= 0x20 or octet in b"\t\n\r\f\x1b" for octet in octets):
        return "it is text (tcpdump -w FILE writes a capture)"
    return f"it begins with {octets[:8].hex(' ')}"
