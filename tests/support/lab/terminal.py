"""A terminal for a program that asks its user."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path

from lab.process import PATIENCE


class Terminal:
    """A process with a terminal of its own, and somebody at it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._ours, self.theirs = pty.openpty()
        self.process = subprocess.Popen(command, stdin=self.theirs, stdout=self.theirs, stderr=self.theirs)
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

    @property
    def asks(self) -> bool:
        """Whether the process sleeps with the echo off: it reads an answer, and a signal interrupts that. Of a signal
        that comes just before, Python would take notice after the answer only.
        """
        state = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return not self.echoes and state == "S"

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self.theirs)
