"""A terminal for a program that asks its user."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Sequence
from contextlib import suppress

from lab.process import PATIENCE, LabError

_AGAIN = 5.0  # seconds from one Ctrl-C to the next


class Terminal:
    """A process with a terminal of its own, and somebody at it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._ours, self.theirs = pty.openpty()
        self.process = subprocess.Popen(
            ["env", "--default-signal=INT", *command], stdin=self.theirs, stdout=self.theirs, stderr=self.theirs
        )
        self.shown = ""

    def read_until(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, self.shown
            self.shown += os.read(self._ours, 65_536).decode()

    def write(self, text: str) -> None:
        os.write(self._ours, text.encode())

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def interrupt(self) -> int:
        """Press Ctrl-C at a question until the process ends, and return its status.

        Python takes no notice of a signal that comes just before it begins to read, until it has read: a user presses
        Ctrl-C again.
        """
        for _ in range(int(PATIENCE / _AGAIN)):
            self.write("\x03")
            with suppress(subprocess.TimeoutExpired):
                return self.process.wait(_AGAIN)
        raise LabError(f"Ctrl-C does not end it:\n{self.shown}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self.theirs)
