"""The gateway that `ipsec start` starts in the background, and `ipsec stop` ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click

from ikev1.cli.check import failure, print_warnings
from ikev1.cli.control import daemon
from ikev1.cli.ipsec.loading import load_ipsec, load_state
from ikev1.cli.ipsec.state import State, read_state, state_file, write_state
from ikev1.config import ConfigError
from ikev1.daemon.host.privileges import PrivilegeError, hide_memory, reduce_privileges

_LONGEST_START = 60.0  # seconds
_LONGEST_STOP = 11.0  # seconds, as strongSwan waits
_LOG = "ipsec.log"  # beside the control socket, where there is no syslog
BACKGROUND = "_background"  # what the process in the background is called with
_SYSLOG = "/dev/log"


class Service:
    """The gateway with the control socket ``control``; ``state`` is what `ipsec` has loaded, None if it did not start
    it.
    """

    def __init__(self, control: str) -> None:
        self.control = control
        self.file = state_file(Path(control))

    @property
    def state(self) -> State | None:
        """What is loaded.

        Raises:
            click.ClickException: the file cannot be used.
        """
        try:
            return read_state(self.file)
        except ConfigError as error:
            raise failure(self.file, error) from error

    @property
    def answers(self) -> bool:
        """Whether a gateway, started by `ipsec` or not, answers."""
        try:
            with daemon(self.control) as session:
                session.version()
        except click.ClickException:
            return False
        return True

    @property
    def pid(self) -> int:
        """The process that `ipsec start` has started, 0 if there is none."""
        state = self.state
        return state.pid if state is not None and _is_ours(state.pid) else 0

    def serve(self, state: State) -> None:
        """Be the gateway, until SIGTERM.

        Raises:
            click.ClickException: it cannot run.
        """
        # not above, because libraries start threads when they are imported
        from ikev1.daemon.process import run
        from ikev1.esp.plane import PlaneError

        try:
            hide_memory()  # before any secret is read
            self.file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            state.pid = os.getpid()
            write_state(self.file, state)
            reduce_privileges()
            hide_memory()
            run(self.file, load=load_state, control=Path(self.control))
        except ConfigError as error:
            raise failure(self.file, error) from error
        except (OSError, PlaneError, PrivilegeError) as error:
            raise click.ClickException(f"Cannot run the gateway: {error}.") from error
        finally:
            self.file.unlink(missing_ok=True)

    def serve_in_background(self) -> None:
        """As `serve`, in the process that `start` has made; the log goes to syslog."""
        from ikev1.daemon.observe.log_output import configure_syslog

        state = self.state
        if state is None:
            raise click.ClickException(f"{self.file} does not exist: use `ipsec start`.")
        configure_syslog(_SYSLOG)
        self.serve(state)

    def start(self, state: State) -> None:
        """Start the gateway in the background, and return when it answers.

        Raises:
            click.ClickException: it cannot run; the configuration has errors.
        """
        config = Path(state.config)
        try:
            print_warnings(load_ipsec(state).warnings)
        except ConfigError as error:
            raise failure(config, error) from error
        self.file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        log = self.file.with_name(_LOG)
        write_state(self.file, state)
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "ikev1", "ipsec", "--socket", self.control, BACKGROUND],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
            )
        deadline = time.monotonic() + _LONGEST_START
        while not self.answers:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                self.file.unlink(missing_ok=True)
                said = log.read_text(errors="replace").strip()
                raise click.ClickException(f"The gateway did not start:\n{said}")
            time.sleep(0.05)

    def stop(self) -> bool:
        """End the gateway that `ipsec start` has started; whether there was one."""
        pid = self.pid
        if not pid:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _LONGEST_STOP
        while _is_ours(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                self.file.unlink(missing_ok=True)
                break
            time.sleep(0.05)
        return True


def _is_ours(pid: int) -> bool:
    """Whether ``pid`` is a process of `ipsec`, and not another one with this number, or a zombie."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return pid > 0 and b"ipsec" in words
