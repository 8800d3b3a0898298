"""Programs that check users: one process for each conversation, with limits on time and output.

A program runs without a shell, in its own process group, with a minimal environment and without file descriptors of
this process. Its standard error is discarded, because it may contain a password.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Mapping, Sequence

from ikev1.errors import LocalError
from ikev1.files.places import PROGRAM_PATH

_NONE: Mapping[str, str] = {}
LARGEST_OUTPUT = 65_536  # octets


class ProgramFailed(LocalError):
    """The program could not be started, took too long, or wrote too much; the text says which."""

    code = "program-failed"


class Program:
    """A running program, which reads lines and writes lines."""

    def __init__(self, process: Process, transport: asyncio.SubprocessTransport) -> None:
        self._process = process
        self._transport = transport

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str] = _NONE) -> Program:
        """Start ``command``, a file and its arguments.

        Raises:
            ProgramFailed: it cannot be started.
        """
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.subprocess_exec(
                lambda: SubprocessStreamProtocol(LARGEST_OUTPUT, loop),
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": PROGRAM_PATH, "LC_ALL": "C.UTF-8", **environment},
                cwd="/",
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its name is not usable"
            raise ProgramFailed(f"{command[0]} cannot be started: {reason}") from error
        return cls(Process(transport, protocol, loop), transport)

    async def tell(self, line: bytes) -> None:
        """Write ``line`` and a newline. It is no error if the program does not read it."""
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(line + b"\n")
            await self._process.stdin.drain()

    def tell_no_more(self) -> None:
        """Close the program's standard input."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def line(self) -> bytes:
        """The next line, without the newline; empty at the end of the output.

        Raises:
            ProgramFailed: the line is too long.
        """
        assert self._process.stdout is not None
        try:
            return (await self._process.stdout.readline()).rstrip(b"\r\n")
        except ValueError as error:
            raise ProgramFailed(f"it wrote a line of more than {LARGEST_OUTPUT} octets") from error

    async def rest(self) -> bytes:
        """All output until the program closes it.

        Raises:
            ProgramFailed: there is too much.
        """
        assert self._process.stdout is not None
        output = bytearray()
        while chunk := await self._process.stdout.read(4096):
            output += chunk
            if len(output) > LARGEST_OUTPUT:
                raise ProgramFailed(f"it wrote more than {LARGEST_OUTPUT} octets")
        return bytes(output)

    async def ended(self) -> int:
        """Its exit status, negative for a signal."""
        return await self._process.wait()

    async def end(self) -> None:
        """Kill all processes of its group, and wait until the program has ended, for a second at most."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._process.wait()
        self._transport.close()  # or its pipes stay open for as long as another process, of another group, has them


async def run(command: Sequence[str], line: bytes, seconds: float) -> tuple[int, bytes]:
    """Start ``command``, write ``line`` to it, and return its exit status and output.

    Raises:
        ProgramFailed: it cannot be started, runs longer than ``seconds``, or writes too much.
    """
    program = await Program.start(command)
    try:
        async with asyncio.timeout(seconds):
            await program.tell(line)
            program.tell_no_more()
            output = await program.rest()
            return await program.ended(), output
    except TimeoutError:
        raise ProgramFailed(f"it took more than {seconds:g} s") from None
    finally:
        await program.end()
