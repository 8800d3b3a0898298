"""What can be wrong with a capture: errors that prevent reading it, and problems of frames, which are noted."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.errors import LocalError, RemoteError

MOST_REASONS = 64
"""The maximum number of distinct problems: their texts may contain arbitrary numbers from the file."""

OTHER = "other problems"

_UNPACK = "decompress it first"
_CONVERT = "convert it to pcapng with Wireshark (Save As) or editcap"
_FILE_TYPES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x28\xb5\x2f\xfd", "compressed", f"it is compressed with zstd; {_UNPACK}"),
    (b"\xfd7zXZ\0", "compressed", f"it is compressed with xz; {_UNPACK}"),
    (b"BZh", "compressed", f"it is compressed with bzip2; {_UNPACK}"),
    (b"\x04\x22\x4d\x18", "compressed", f"it is compressed with lz4; {_UNPACK}"),
    (b"PK\x03\x04", "compressed", f"it is a ZIP archive; {_UNPACK}"),
    (b"snoop\0\0\0", "other-capture", f"it is a snoop capture; {_CONVERT}"),
    (b"TRSNIFF data", "other-capture", f"it is a Sniffer capture; {_CONVERT}"),
    (b"GMBU", "other-capture", f"it is a Network Monitor capture; {_CONVERT}"),
    (b"RTSS", "other-capture", f"it is a Network Monitor 1 capture; {_CONVERT}"),
    (b"\x7fELF", "other-file", "it is an executable"),
    (b"%PDF", "other-file", "it is a PDF document"),
    (b"SQLite format 3\0", "other-file", "it is an SQLite database"),
)
_TEXT = 512  # octets examined to recognise text


class CaptureError(LocalError):
    """A capture cannot be read at all. The message states the reason and a remedy, without the name of the file.

    ``code`` is stable: ``unreadable``, ``no-permission`` or ``no-interface``; of a `NotACapture`, its file type.
    """

    code = "unreadable"

    def __init__(self, text: str, code: str = "unreadable") -> None:
        super().__init__(text)
        self.code = code


class NotACapture(CaptureError):
    """The file is neither pcap nor pcapng; ``code`` is ``empty``, ``text``, ``compressed``, ``other-capture`` or
    ``other-file``.
    """


class Unreadable(RemoteError):
    """A frame cannot be parsed; the reader notes ``code`` and ``text``, and continues with the next frame."""

    code = "unreadable"

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Problem(NamedTuple):
    """A problem of ``frames`` frames, the first of them number ``first``; both are 0 if it concerns the capture."""

    code: str
    text: str
    frames: int = 0
    first: int = 0

    def line(self) -> str:
        """The problem in a sentence."""
        if self.frames > 1:
            return f"{self.frames} frames: {self.text} (the first is frame {self.first})"
        return f"frame {self.first}: {self.text}" if self.frames else self.text


class Notes:
    """Collects problems, and counts the frames that have the same one."""

    def __init__(self) -> None:
        self._frames: dict[tuple[str, str], list[int]] = {}  # count, number of the first frame
        self._remarks: dict[Problem, None] = {}

    def frame(self, code: str, text: str, number: int) -> None:
        """Count frame ``number`` with this problem."""
        if (code, text) not in self._frames and len(self._frames) >= MOST_REASONS:
            code, text = "other", OTHER
        self._frames.setdefault((code, text), [0, number])[0] += 1

    def remark(self, code: str, text: str) -> None:
        """Note a problem of the whole capture, once."""
        if len(self._remarks) < MOST_REASONS:
            self._remarks[Problem(code, text)] = None

    def problems(self) -> tuple[Problem, ...]:
        """All problems so far."""
        return (*self._remarks, *(Problem(*reason, *counted) for reason, counted in self._frames.items()))


def not_a_capture(octets: bytes) -> NotACapture:
    """The error for a file that begins with ``octets``, which are no magic number of a capture."""
    code, text = _file_type(octets[:_TEXT])
    return NotACapture(f"not a pcap or pcapng file: {text}", code)


def _file_type(octets: bytes) -> tuple[str, str]:
    if not octets:
        return "empty", "it is empty"
    for beginning, code, text in _FILE_TYPES:
        if octets.startswith(beginning):
            return code, text
    if all(octet >= 0x20 or octet in b"\t\n\r\f\x1b" for octet in octets):
        return "text", "it is text (tcpdump -w FILE writes a capture)"
    return "other-file", f"it begins with {octets[:8].hex(' ')}"
