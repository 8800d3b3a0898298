"""`ikev1` in an interpreter that has loaded it, and waits for its words: ``waiting.py FIFO once|forks MODULE...``.

The name of a folder comes by the FIFO: its file ``words`` has the words, each followed by a NUL; what is said goes to
its file ``output``, and the exit status to its FIFO ``status``. With ``forks``, there is a fork for each request.
"""

from __future__ import annotations

import os
import runpy
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Wait, and be the program."""
    requests, how, *modules = sys.argv[1:]
    del sys.path[0]  # our modules, which are no part of the package
    for name in modules:
        import_module(name)
    with open(os.open(requests, os.O_RDWR)) as lines:  # for writing as well: it has no end
        Path(f"{requests}.ready").touch()
        for line in lines:
            if how == "once" or os.fork() == 0:
                _run(Path(line.rstrip("\n")))


def _run(folder: Path) -> None:
    words = (folder / "words").read_text().split("\0")[:-1]
    written = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(written, standard)
    sys.argv = ["ikev1", *words]
    status = 1
    try:
        runpy.run_module("ikev1", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1 if ended.code else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        (folder / "status").write_text(f"{status}\n")
        os._exit(status)


main()
