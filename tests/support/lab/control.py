"""VICI and swanctl: how a test speaks with charon and, in the same words, with us."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import vici

from lab.process import PATIENCE, LabError, found, wait_until

_HERE = Path(__file__).parent


class Done(subprocess.CompletedProcess[str]):
    """How a swanctl ended: ``returncode``, ``stdout``, ``stderr``."""


class Control:
    """A VICI socket and its clients: Debian's swanctl and PyPI's vici.

    ``others`` are the controls of the programs that may be at the other end, see `await_other_end`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.others: Callable[[], Iterable[Control]] = tuple

    @contextmanager
    def session(self, timeout: float = 2 * PATIENCE) -> Iterator[vici.Session]:
        """A session of the PyPI client, closed at the end."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(self.path))
            yield vici.Session(connection)

    def answers(self) -> bool:
        """Whether somebody serves the socket."""
        try:
            with self.session(timeout=5) as session:
                return bool(session.version())
        except OSError:
            return False

    def sas(self) -> list[dict[str, Any]]:
        """Each ISAKMP SA as list-sa shows it, with its connection's name under ``name``."""
        with self.session() as session:
            return [
                {"name": name, **_text(fields)} for section in session.list_sas() for name, fields in section.items()
            ]

    def leases(self) -> list[dict[str, Any]]:
        """All leases of virtual addresses."""
        with self.session() as session:
            pools = _text(session.get_pools({"leases": "yes"}))
        return [lease for pool in pools.values() for lease in pool["leases"].values()]

    def children(self, state: str = "INSTALLED") -> list[dict[str, Any]]:
        """Each pair of IPsec SAs that is in ``state``."""
        return [child for sa in self.sas() for child in sa["child-sas"].values() if child["state"] == state]

    def child(self) -> dict[str, Any]:
        """The one pair of IPsec SAs that carries traffic. Who sends the last message of Quick Mode installs it a little
        before the other end.
        """

        def one() -> list[dict[str, Any]]:
            children = self.children()
            return children if len(children) == 1 else []

        return wait_until(one, "exactly one installed pair of IPsec SAs", says=lambda: str(self.sas()))[0]

    def await_other_end(self) -> None:
        """Wait until the newest pair here is installed at the other end, too, if that has a control.

        Who sends the last message of Quick Mode has its pair before the other end, which drops packets that come early.
        """
        others = [other for other in self.others() if other is not self]
        if not others or not self.children():
            return

        def there() -> bool:
            newest = sorted(self.children(), key=lambda child: int(child["uniqueid"]))[-1:]  # another one after a rekey
            spis = [pair["spi-in"] for pair in newest]
            return any(child["spi-out"] in spis for other in others for child in other.children())

        wait_until(there, "the other end", says=lambda: str([end.sas() for end in (self, *others)]))

    def swanctl(self, *arguments: str, directory: Path | None = None, timeout: float = 2 * PATIENCE) -> Done:
        """Debian's swanctl on this socket, whatever it ends with; ``directory`` has what it loads.

        Debian's own strongswan.conf has it load sixty plugins, which takes longer than what it does.
        """
        environment = os.environ | {"STRONGSWAN_CONF": str((directory or _HERE) / "strongswan.conf")}
        if directory:
            environment["SWANCTL_DIR"] = str(directory)
        done = subprocess.run(
            [found("swanctl"), *arguments, "--uri", f"unix://{self.path}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def bring_up(self, child: str = "net", *, timeout: int = int(PATIENCE)) -> None:
        """As `initiate`, without a process for it.

        Raises:
            LabError: it did not come up.
        """
        self._demand("initiate", child=child, timeout=str(timeout * 1000))
        self.await_other_end()

    def rekey(self, child: str = "net") -> None:
        """Negotiate a new pair in place of the one that carries ``child``."""
        self._demand("rekey", child=child)

    def rekey_ike(self, connection: str = "peer") -> None:
        """Negotiate a new ISAKMP SA in place of that of ``connection``."""
        self._demand("rekey", ike=connection)

    def terminate(self, **what: str) -> None:
        """Delete what ``ike=NAME`` or ``child=NAME`` says, and wait until it is gone here."""
        self._demand("terminate", **what)

    def _demand(self, command: str, **what: str) -> None:
        with self.session() as session:
            try:
                done = getattr(session, command)(what)
                for _ in done if isinstance(done, Iterator) else ():
                    pass  # a log line of the daemon
            except vici.exception.CommandException as error:
                raise LabError(f"{command} {what} failed: {error}") from error

    def initiate(self, child: str = "net", *, timeout: int = int(PATIENCE)) -> str:
        """Bring ``child`` up at both ends; returns what swanctl said.

        Raises:
            LabError: it did not come up.
        """
        done = self.swanctl("--initiate", "--child", child, "--timeout", str(timeout))
        if done.returncode != 0:
            raise LabError(f"initiate failed ({done.returncode}):\n{done.stdout}{done.stderr}")
        self.await_other_end()
        return done.stdout


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [_text(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _text(item) for key, item in value.items()}
    return value
