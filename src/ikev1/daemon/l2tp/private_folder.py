"""The folder for the files of one L2TP connection, and what connections that were killed have left."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ikev1.daemon.l2tp.link_routes import forget
from ikev1.daemon.l2tp.processes import end_processes
from ikev1.files.private import check_folder
from ikev1.files.temporary import locked

BASE = Path("/run/ikev1-connect")
_PREFIX = "l2tp-"
_GRACE = 5.0  # seconds for a process to end


@contextmanager
def private_folder(base: Path = BASE) -> Iterator[Path]:
    """A new folder in ``base`` that only this user can enter, and that is removed at the end.

    It is locked while this process lives. Processes, rules and files that belong to folders without a lock are removed
    first: their connection was killed.

    Raises:
        OSError: it cannot be created, or others can change ``base``.
    """
    with ExitStack() as opened:
        base.mkdir(mode=0o700, exist_ok=True)
        check_folder(base)
        with locked(base):
            _remove_left(base)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
            opened.callback(shutil.rmtree, folder, ignore_errors=True)
            opened.enter_context(locked(folder))
        yield folder


def _remove_left(base: Path) -> None:
    for folder in base.glob(f"{_PREFIX}*"):
        if not folder.is_dir() or folder.is_symlink():
            continue
        with locked(folder, wait=False) as alone:
            if alone:
                end_processes(folder, _GRACE)
                forget(folder)
                shutil.rmtree(folder, ignore_errors=True)
