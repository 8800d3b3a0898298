"""Buffered reading of a capture from a file or stream, optionally compressed with gzip."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Callable
from typing import BinaryIO

from ikev1.capture.read.problems import CaptureError

BUFFER = 1 << 20
"""The window size in octets: larger than any frame."""

SLACK = 128
"""Octets of padding after the buffer, so that reads at fixed offsets need no bounds check."""

GZIP = b"\x1f\x8b"


class _Counted(io.RawIOBase):
    """A stream that counts the octets read: a pipe has no position."""

    def __init__(self, stream: BinaryIO) -> None:
        # A single read of the available octets, because filling the buffer from a slow pipe would block.
        self._read_into: Callable[[memoryview], int] = getattr(stream, "readinto1", None) or stream.readinto  # type: ignore[attr-defined]
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._read_into(buffer)
        self.position += count
        return count


class Source:
    """A window on a capture: ``buffer[:end]`` are its octets, and `advance` moves it forward.

    ``trouble`` is the reason if reading ended early, else empty. ``progress`` is called with each new `position`.
    Raises CaptureError if nothing can be read.
    """

    def __init__(self, stream: BinaryIO, progress: Callable[[int], None] | None = None) -> None:
        self._stream = stream
        self._progress = progress
        self._counted = _Counted(stream)
        buffered = io.BufferedReader(self._counted, BUFFER)
        self.compressed = self._peek(buffered) == GZIP
        self._octets: io.BufferedIOBase = gzip.GzipFile(fileobj=buffered) if self.compressed else buffered
        self.buffer = bytearray(BUFFER + SLACK)
        self.end = 0
        self.trouble = ""
        self.size = self._size()
        self.advance(0)

    @staticmethod
    def _peek(buffered: io.BufferedReader[_Counted]) -> bytes:
        try:
            return buffered.peek(2)[:2]
        except OSError as error:
            raise CaptureError(f"cannot be read: {error.strerror}") from error

    def _size(self) -> int | None:
        try:
            status = os.fstat(self._stream.fileno())
        except (OSError, AttributeError):  # io.UnsupportedOperation is an OSError: a stream in memory
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    @property
    def position(self) -> int:
        """Octets of the (compressed) file read so far."""
        return self._counted.position

    def advance(self, used: int) -> bool:
        """Drop the first ``used`` octets of the window and refill it. Returns whether any octets were added."""
        rest = self.end - used
        self.buffer[:rest] = self.buffer[used : self.end]
        self.end = rest
        with memoryview(self.buffer) as view:
            self.end += self._read(view[rest:BUFFER])
        if self._progress is not None:
            self._progress(self.position)
        return self.end > rest

    def _read(self, view: memoryview) -> int:
        try:
            return self._octets.readinto1(view)
        except OSError as error:  # gzip.BadGzipFile is one
            self.trouble = str(error.strerror or error)
        except (EOFError, zlib.error) as error:
            self.trouble = f"the compressed data is damaged or truncated ({error})"
        return 0

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
