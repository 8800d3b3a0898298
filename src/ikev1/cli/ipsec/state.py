"""What `ipsec` has loaded: a file beside the control socket, from which the gateway that it started reads again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ikev1.errors import LocalError
from ikev1.files.private import open_private, read_private

_NAME = "ipsec.json"


class StateError(LocalError):
    """The state cannot be read."""

    code = "state-invalid"


class State(msgspec.Struct, forbid_unknown_fields=True):
    """``config`` is the file that the gateway was started with, ``home`` the folder of ipsec.secrets and ipsec.d,
    ``added`` the files of conns that were added by hand, and ``deleted`` conns of ``config`` that are not loaded.
    """

    dialect: str
    config: str
    home: str
    pid: int = 0
    added: dict[str, str] = {}
    deleted: list[str] = []


def state_file(control: Path) -> Path:
    """Where the state of the gateway with this control socket is kept."""
    return control.with_name(_NAME)


def read_state(file: Path) -> State | None:
    """The state in ``file``; None if there is none.

    Raises:
        StateError: it cannot be used.
    """
    try:
        return msgspec.json.decode(read_private(file, of_user=True), type=State)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise StateError(f"{file} cannot be used: {error}") from error


def write_state(file: Path, state: State) -> None:
    """Replace the content of ``file``.

    Raises:
        OSError: it cannot be written.
    """
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    with open(open_private(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as opened:
        opened.write(msgspec.json.encode(state))
    beside.replace(file)


@contextmanager
def changed(file: Path, state: State) -> Iterator[None]:
    """Keep ``state`` in ``file`` if the block succeeds; restore the file otherwise."""
    before = read_state(file)
    write_state(file, state)
    try:
        yield
    except BaseException:
        if before is not None:
            write_state(file, before)
        raise
