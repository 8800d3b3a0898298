"""The octets of a capture: from a file or a stream, compressed or not, through one buffer of fixed size."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Callable
from typing import BinaryIO

from ikev1.capture.read.errors import CaptureError

BUFFER = 1 << 20
"""Octets of the window: more than any frame."""

SLACK = 128
"""Octets behind the buffer's end that may be read, and mean nothing: so fixed offsets need no check of their own."""

GZIP = b"\x1f\x8b"


class _Counted(io.RawIOBase):
    """A stream that knows how much was read from it: pipes cannot tell."""

    def __init__(self, stream: BinaryIO) -> None:
        # One read of what is there, not as many as fill the buffer: a pipe may be slow.
        self._read_into: Callable[[memoryview], int] = getattr(stream, "readinto1", None) or stream.readinto  # type: ignore[attr-defined]
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._read_into(buffer)
        self.position += count
        return count


class Source:
    """A window on a capture: ``buffer[:end]`` are octets of it, and `advance` moves the window on.

    ``trouble`` says why the octets ended early, if they did. ``progress`` is called with `position` when that has
    changed. Raises CaptureError if nothing can be read at all.
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
        """How much of the file has been read, in octets of the file: compressed ones, if it is."""
        return self._counted.position

    def advance(self, used: int) -> bool:
        """Drop the first ``used`` octets of the window and fill it up. Returns whether there was anything more."""
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
            self.trouble = f"the compressed file is damaged or cut short ({error})"
        return 0

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
