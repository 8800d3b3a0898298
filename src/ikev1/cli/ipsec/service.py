"""The gateway that `ipsec start` starts in the background, and `ipsec stop` ends."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from ikev1.cli.control import answers
from ikev1.cli.ipsec.state import State, StateError, read_state, state_file, write_state
from ikev1.errors import LocalError
from ikev1.files.private import open_private

if TYPE_CHECKING:
    from ikev1.config import Loaded

_LONGEST_START = 60.0  # seconds
_LONGEST_STOP = 11.0  # seconds, as strongSwan waits
_LOG = "ipsec.log"  # beside the control socket, where there is no syslog
_SYSLOG = "/dev/log"


class Service:
    """The gateway with the control socket ``control``; ``state`` is what `ipsec` has loaded, None if it did not start
    it.
    """

    def __init__(self, control: str) -> None:
        self.control = control
        self.file = state_file(Path(control))
        self._lock = self.file.with_suffix(".lock")

    @property
    def state(self) -> State | None:
        """What is loaded.

        Raises:
            click.ClickException: the file cannot be used.
        """
        try:
            return read_state(self.file)
        except StateError as error:
            raise click.ClickException(f"{error}.") from error

    @property
    def answers(self) -> bool:
        """Whether a gateway, started by `ipsec` or not, answers."""
        return answers(self.control)

    @property
    def pid(self) -> int:
        """The process that `ipsec` has started, 0 if there is none."""
        state = self.state
        return state.pid if state is not None and self._is_held() else 0

    def _is_held(self) -> bool:
        """Whether a process that serves holds the lock."""
        try:
            with open(self._lock, "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def serve(self, state: State) -> None:
        """Be the gateway, until SIGTERM.

        Raises:
            click.ClickException: it cannot run.
        """
        # not above, because libraries start threads when they are imported, and most commands need none of this
        from ikev1.cli.check import failure
        from ikev1.cli.ipsec.loading import load_state
        from ikev1.config import ConfigError
        from ikev1.daemon.host.privileges import hide_memory, reduce_privileges

        try:
            hide_memory()  # before any secret is read
            self.file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            with open(open_private(self._lock, os.O_RDWR | os.O_CREAT), "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                state.pid = os.getpid()
                write_state(self.file, state)
                try:
                    reduce_privileges()
                    hide_memory()
                    from ikev1.daemon.process import run

                    run(self.file, load=load_state, control=Path(self.control))
                finally:
                    self.file.unlink(missing_ok=True)
        except ConfigError as error:
            raise failure(self.file, error) from error
        except (OSError, LocalError) as error:
            raise click.ClickException(f"Cannot run the gateway: {error}.") from error

    def loaded(self, state: State) -> Loaded:
        """The configuration that ``state`` describes.

        Raises:
            click.ClickException: it has errors, which are printed.
        """
        from ikev1.cli.check import failure
        from ikev1.cli.ipsec.loading import load_ipsec
        from ikev1.config import ConfigError

        try:
            return load_ipsec(state)
        except ConfigError as error:
            raise failure(Path(state.config), error) from error

    def start(self, state: State) -> None:
        """Start the gateway in the background, and return when it answers.

        Raises:
            click.ClickException: it cannot run; the configuration has errors.
        """
        from ikev1.cli.check import print_warnings

        print_warnings(self.loaded(state).warnings)
        self.file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        log = self.file.with_name(_LOG)
        with open(open_private(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as output:
            child = os.fork()  # all that is needed has been imported
            if child == 0:
                self._serve_in_background(state, output.fileno())
        deadline = time.monotonic() + _LONGEST_START
        while not (os.path.exists(self.control) and self.answers):
            ended, _ = os.waitpid(child, os.WNOHANG)
            if ended or time.monotonic() > deadline:
                if not ended:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                raise click.ClickException(f"The gateway did not start:\n{log.read_text(errors='replace').strip()}")
            time.sleep(0.05)

    def _serve_in_background(self, state: State, output: int) -> NoReturn:
        """As `serve`, in a process without terminal; the log goes to syslog."""
        status = 1
        try:
            os.setsid()
            os.chdir("/")
            with open(os.devnull, "rb") as nothing:
                os.dup2(nothing.fileno(), 0)
            for standard in (1, 2):
                os.dup2(output, standard)
            from ikev1.daemon.observe.log_output import configure_syslog

            configure_syslog(_SYSLOG)
            self.serve(state)
            status = 0
        except click.ClickException as error:
            error.show()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def stop(self) -> bool:
        """End the gateway that `ipsec` has started; whether there was one."""
        pid = self.pid
        if not pid:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _LONGEST_STOP
        while self._is_held():
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                self.file.unlink(missing_ok=True)
                break
            time.sleep(0.05)
        return True
