"""The responders: ikev1, and strongSwan's charon in its best configuration, both with one connection for all peers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lab.charon import CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.process import LabError, Program
from support.flood import SOURCES
from support.initiators import PEERS

NAMES = ("ikev1", "charon")
_FOLDER = Path(__file__).parent


def start(
    name: str, lab: Lab, node: Node, *, ike: str, esp: str = "aes128-sha256", aggressive: bool = False
) -> Program:
    """A responder for peers of any identity in ``lab``, with the networks that `initiators` have behind them.

    Neither logs more than warnings, nor asks peers whether they are alive. charon is configured for the least CPU time:
    without its protection against floods, without routes for the networks of each peer, without a search for other SAs
    of the same peer, on few threads, and with its fastest Diffie-Hellman, which is GMP with short exponents for MODP
    groups and OpenSSL for the others. No kernel installs its IPsec SAs: that is cheaper for charon than a kernel that
    does.
    """
    if name == "ikev1":
        options = OurOptions(
            ike=ike, esp=esp, remote=PEERS, remote_id="*@lab", log_level="warning", extra="dpd_delay = 0"
        )
        return lab.ours(node, replace(options, aggressive=aggressive))
    modp = "modp" in ike
    of_charon = CharonOptions(
        crypto=f"{'gmp openssl' if modp else 'openssl gmp'} aes sha1 sha2 md5 hmac gcm",
        short_exponents=modp,
        ike=ike,
        esp=esp,
        plane="noesp",
        remote_ts=PEERS,
        dos_protection=False,
        install_routes=False,
        unique="never",
        log_level=0,
        threads=8,
    )
    return lab.charon(node, of_charon)


def load(caller: Node, *, ike: str, esp: str = "aes128-sha256", count: int, first: int = 1) -> None:
    """``count`` complete Main and Quick Modes from ``caller`` to its peer.

    Raises:
        LabError: not all of them came to an end.
    """
    _run(caller, "initiators.py", caller.address, caller.peer, ike, esp, str(count), str(first), expect=count)


def flood(caller: Node, *, ike: str, count: int, varieties: int) -> int:
    """``count`` first messages from invented addresses; returns how many were answered."""
    return _run(caller, "flood.py", caller.peer, ike, str(count), str(varieties))


def prepare_flood(caller: Node, target: Node) -> None:
    """Let ``caller`` be every address that the flood comes from."""
    caller.run("ip", "route", "add", "local", SOURCES, "dev", "lo")
    target.run("ip", "route", "add", SOURCES, "via", caller.address)


def call(
    caller: Node, *, port: int, ike: str, esp: str = "aes128-sha256", count: int, every: float, first: int
) -> list[float]:
    """``count`` callers, one ``every`` so many seconds; the seconds that each took to its tunnel, infinity if never."""
    own = (caller.address, caller.peer, str(port))
    said = _say(caller, "callers.py", *own, ike, esp, str(count), str(every), str(first))
    return [float(word) for word in said.splitlines()[-1].split()]


@contextmanager
def torrent(caller: Node, port: int, mode: str, *, ike: str, rate: int, seconds: float) -> Iterator[list[int]]:
    """A flood of first messages, each never seen before, as long as ``seconds``; how many were sent is in the list that
    it gives, once it is over.
    """
    command = [
        *("ip", "netns", "exec", caller.namespace, "env", _search(), sys.executable, str(_FOLDER / "torrent.py")),
        *(caller.peer, str(port), mode, ike, str(rate), str(seconds)),
    ]
    sent: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield sent
        said, _ = process.communicate()
        sent.append(int(said.split()[-1]))


def _search() -> str:
    return f"PYTHONPATH={':'.join(sys.path)}"


def _say(caller: Node, script: str, *arguments: str) -> str:
    return caller.run("env", _search(), sys.executable, _FOLDER / script, *arguments, timeout=600)


def _run(caller: Node, script: str, *arguments: str, expect: int | None = None) -> int:
    reached = int(_say(caller, script, *arguments).split()[-1])
    if expect is not None and reached != expect:
        raise LabError(f"{reached} of {expect} handshakes came to an end")
    return reached
