"""What a file is that is no capture, as far as its first octets tell."""

from __future__ import annotations

from ikev1.capture.read.errors import CaptureError, NotACapture
from ikev1.capture.read.source import Source

UNPACK = "unpack it first"
CONVERT = "convert it to pcapng with Wireshark (Save As) or editcap"

BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\x28\xb5\x2f\xfd", f"compressed with zstd: {UNPACK}"),
    (b"\xfd7zXZ\0", f"compressed with xz: {UNPACK}"),
    (b"BZh", f"compressed with bzip2: {UNPACK}"),
    (b"\x04\x22\x4d\x18", f"compressed with lz4: {UNPACK}"),
    (b"PK\x03\x04", f"a ZIP archive: {UNPACK}"),
    (b"snoop\0\0\0", f"a capture of snoop: {CONVERT}"),
    (b"TRSNIFF data", f"a capture of Sniffer: {CONVERT}"),
    (b"GMBU", f"a capture of Network Monitor: {CONVERT}"),
    (b"RTSS", f"a capture of Network Monitor 1: {CONVERT}"),
    (b"\x7fELF", "a program"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3\0", "an SQLite database"),
)
TEXT = 512  # octets looked at to tell text from all else


def not_a_capture(source: Source) -> CaptureError:
    """What to raise about a file that no format's magic number begins."""
    octets = bytes(source.buffer[: min(source.end, TEXT)])
    if not octets and source.trouble:
        return CaptureError(f"cannot be read: {source.trouble}")
    return NotACapture(f"not a pcap or pcapng file, but {_kind(octets)}")


def _kind(octets: bytes) -> str:
    if not octets:
        return "empty"
    for beginning, kind in BEGINNINGS:
        if octets.startswith(beginning):
            return kind
    if all(octet >= 0x20 or octet in b"\t\n\r\f\x1b" for octet in octets):
        return "text: to write a capture, use tcpdump -w FILE"
    return f"something that begins with {octets[:8].hex(' ')}"
