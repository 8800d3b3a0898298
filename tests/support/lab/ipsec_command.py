"""`ikev1 ipsec` as programs call it, in a namespace, with folders of its own for what it keeps and reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lab.network import Node
from lab.process import PATIENCE, Program


class Said(NamedTuple):
    """What a command ended with, and what it said."""

    status: int
    text: str


class IpsecCommand:
    """The command of ``dialect``; ``home`` is in place of /etc, and ``run`` of /run."""

    def __init__(self, node: Node, directory: Path, dialect: str) -> None:
        self._node = node
        self._dialect = dialect
        self._directory = directory
        self.home, self.run = directory / "etc", directory / "run"
        for folder in (self.home / "ipsec.d", self.run / "ikev1"):
            folder.mkdir(parents=True)
        self._calls = 0

    def write(self, file: Path, text: str) -> Path:
        """Write a file that nobody else can read."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text)
        return file

    def started(self, *words: str | Path) -> Program:
        """The command, which may still run."""
        self._calls += 1
        return Program(
            self._node.namespace,
            ["-m", "ikev1", "ipsec", "--as", self._dialect, *words],
            self._directory / f"call-{self._calls}",
            environment={"IPSEC_CONFDIR": str(self.home), "IKEV1_SOCKET": str(self.run / "ikev1" / "control.vici")},
            preloaded=True,
        )

    def __call__(self, *words: str | Path, timeout: float = 2 * PATIENCE) -> Said:
        """Run the command to its end."""
        program = self.started(*words)
        status = program.wait(timeout=timeout)
        return Said(status, program.log())


@contextmanager
def ipsec_command(node: Node, directory: Path, dialect: str) -> Iterator[IpsecCommand]:
    """The command; what it has started is ended."""
    command = IpsecCommand(node, directory, dialect)
    try:
        yield command
    finally:
        command("stop")
