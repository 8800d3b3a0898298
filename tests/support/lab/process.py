"""Programs of the lab: each has a folder of its own with its output in it, and is ended by its pid."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

from lab.namespaces import inside
from lab.preloaded import Forked, start

Found = TypeVar("Found")

PATIENCE = 60.0
"""Seconds to wait for what is to happen. Waiting ends when it does; a busy machine needs many times the usual."""


class LabError(AssertionError):
    """Something in the lab did not do what a test asked it to; the text holds what it said."""


@cache
def found(program: str) -> str:
    """The file of a program: User-Mode Linux takes long for each attempt to start one that is not there."""
    return shutil.which(program) or program


def run(*command: str | Path, timeout: float = 60, check: bool = True, given: str = "", **environment: str) -> str:
    """Run ``command`` to its end, with ``given`` to read, and return its output, standard error included.

    Raises:
        LabError: ``check`` is set and the command failed.
    """
    done = subprocess.run(
        [found(str(command[0])), *command[1:]],
        env=os.environ | environment,
        input=given.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        check=False,
    )
    output = done.stdout.decode(errors="replace")
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{output}")
    return output


def wait_until(
    look: Callable[[], Found], what: str, *, timeout: float = PATIENCE, says: Callable[[], str] = lambda: ""
) -> Found:
    """Look again and again until there is something true to see, and return it.

    Raises:
        LabError: there is nothing after ``timeout`` seconds; ``what`` was waited for, ``says()`` may tell why not.
    """
    deadline = time.monotonic() + timeout
    while not (found := look()):
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout:g} s in vain for {what}\n{says()}")
        time.sleep(0.05)
    return found


class Program:
    """A process in a namespace: started here, ended by `stop`, and killed by the kernel if the test run dies.

    ``hides`` are files and folders that this program finds in place of others: the other's path, then its own.
    ``setup`` is a line of shell that runs after that; what it mounts is seen by this program alone, because
    ``ip netns exec`` gives it a mount namespace of its own. A ``preloaded`` program is one of ours, see
    `lab.preloaded`: ``command`` is what follows the interpreter's name.
    """

    def __init__(
        self,
        namespace: str,
        command: Sequence[str | Path],
        directory: Path,
        *,
        hides: Mapping[str, str] | None = None,
        setup: str = ":",
        environment: Mapping[str, str] | None = None,
        preloaded: bool = False,
    ) -> None:
        self.directory = directory
        self.output_file = directory / "output"
        directory.mkdir(parents=True, exist_ok=True)
        variables = os.environ | dict(environment or {})
        self._process: subprocess.Popen[bytes] | Forked
        if preloaded:
            self.output_file.write_bytes(b"")
            self._process = start(command, namespace, setup, variables, self.output_file, hides or {})
            return
        enter = [found("setpriv"), "--pdeathsig", "KILL"]
        lines = [f"mount --bind '{shown}' '{place}'" for place, shown in (hides or {}).items()]
        if setup != ":" or lines:
            shell = "; ".join([*lines, setup])
            enter += [found("ip"), "netns", "exec", namespace]
            enter += [found("bash"), "-c", 'set -e; eval "$0"; exec "$@"', shell]
        with self.output_file.open("wb") as output, inside(namespace):
            self._process = subprocess.Popen(
                [*enter, found(str(command[0])), *map(str, command[1:])],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        """The process, the same before and after each exec."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """What it ended with, negative for a signal; None while it runs."""
        return self._process.poll()

    def log_files(self) -> list[Path]:
        """Everything it wrote for people."""
        return [self.output_file, *sorted(self.directory.glob("*.log"))]

    def log(self) -> str:
        """All that it has said so far."""
        return "\n".join(path.read_text(errors="replace") for path in self.log_files() if path.exists())

    def tail(self, lines: int = 60) -> str:
        """The end of what it has said."""
        return "\n".join(self.log().splitlines()[-lines:])

    def wait_for(self, look: Callable[[], Found], what: str, *, timeout: float = PATIENCE) -> Found:
        """As `wait_until`, but not longer than the program lives."""

        def look_at_living() -> Found:
            found = look()
            if not found and not self.alive:
                raise LabError(f"{self.directory.name} ended with {self.status} before {what}:\n{self.tail()}")
            return found

        return wait_until(look_at_living, what, timeout=timeout, says=self.tail)

    def wait_for_log(self, text: str, *, timeout: float = PATIENCE) -> None:
        """Until the log has ``text``."""
        self.wait_for(lambda: text in self.log(), f"{text!r} in its log", timeout=timeout)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Until it ends by itself; returns its status."""
        return self._process.wait(timeout)

    def send_signal(self, number: int) -> None:
        """One of the module `signal`."""
        self._process.send_signal(number)

    def stop(self, *, patience: float = PATIENCE / 2) -> None:
        """SIGTERM, and SIGKILL where that does not end it within ``patience`` seconds."""
        if not self.alive:
            return
        self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
