"""What a gateway may do once it runs, as the kernel tells it; and what becomes of files that it may not read."""

from __future__ import annotations

import os
import pwd
import signal
import sys
from pathlib import Path

import pytest

from ikev1.daemon.host.privileges import KEPT
from lab.charon import CharonOptions
from lab.control import Control
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.paths import open_the_way
from lab.process import Program, wait_until
from lab.traffic import ping

KEPT_BITS = sum(1 << number for number in KEPT.values())
USER = pwd.getpwnam("daemon")  # of every Debian


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def capabilities(pid: int) -> set[int]:
    """The permitted, effective and bounding set; every thread has the same ones, or there are more here."""
    threads = [Path(f"/proc/{pid}/task/{thread}/status") for thread in os.listdir(f"/proc/{pid}/task")]
    lines = [line for thread in threads for line in thread.read_text().splitlines()]
    return {int(line.split()[1], 16) for line in lines if line.startswith(("CapPrm", "CapEff", "CapBnd"))}


@pytest.fixture
def nodes(lab: Lab) -> tuple[Node, Node]:
    return lab.direct()


def test_a_gateway_of_root_keeps_three_capabilities_and_works(lab: Lab, nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    lab.charon(b, CharonOptions())
    ours = lab.ours(a, OurOptions(calls=True, fresh=True))
    ours.control.initiate()
    ping(a)
    found = status(ours.pid)
    assert capabilities(ours.pid) == {KEPT_BITS}
    assert int(found["CapInh"], 16) == int(found["CapAmb"], 16) == 0
    assert found["NoNewPrivs"] == "1"
    assert len(os.listdir(f"/proc/{ours.pid}/task")) > 1


def command(config: Path) -> list[str | Path]:
    return [sys.executable, "-B", "-m", "ikev1", "run", "--config", config]


class OtherUser(Program):
    """A gateway of ours that becomes another user; its files are in ``directory``."""

    def __init__(self, node: Node, directory: Path, tunnel: str = "") -> None:
        directory.mkdir(parents=True)
        directory.parent.chmod(0o755)
        self.config, self.secret = directory / "ikev1.toml", directory / "secret"
        self.control = Control(directory / "run" / "control.vici")
        self.secret.touch(0o600)
        self.secret.write_text("between the two of us")
        os.chown(self.secret, USER.pw_uid, 0)
        self.config.write_text(_CONFIGURATION.format(user=USER.pw_name, node=node) + tunnel)
        super().__init__(node.namespace, command(self.config), directory, setup=open_the_way(directory))
        self.wait_for(self.control.answers, "an answer on its VICI socket")


_CONFIGURATION = """
[gateway]
control = "run/control.vici"
state = "state/sas.sqlite"
user = "{user}"

[connection.peer]
local_address = "{node.address}"
remote_address = "{node.peer}"
local_id = "alice@lab"
remote_id = "gw.lab"
secret_file = "secret"
proposals = ["aes128-sha256-ecp256"]

[connection.peer.tunnel.net]
local = "{node.network}"
remote = "{node.remote}"
"""


# A hook that fails has its last line of output in the log
_HOOK = "grep -E '^(Uid|Cap[EPA]|NoNewPrivs)' /proc/self/status | tr '[:space:]' ' '; exit 9"


def test_a_hook_has_one_capability_and_no_way_to_others(lab: Lab, nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    lab.charon(b, CharonOptions(ike="aes128-sha256-ecp256", psk="between the two of us"))
    hook = f'updown = ["/bin/sh", "-c", """{_HOOK}"""]'
    ours = lab.started(OtherUser(a, lab.folder("other-user"), f'{hook}\nproposals = ["aes128-sha256"]\n'))
    ours.control.initiate()
    found = wait_until(lambda: [line for line in ours.log().splitlines() if "updown-failed" in line], "the hook")
    assert [each for each in ("CapEff", "CapPrm", "CapAmb") if f"{each}: {1 << 12:016x}" not in found[0]] == []
    assert f"Uid: {USER.pw_uid} " in found[0]
    assert "NoNewPrivs: 1" in found[0]


def test_a_gateway_becomes_the_user_that_it_is_told_to(lab: Lab, nodes: tuple[Node, Node]) -> None:
    ours = lab.started(OtherUser(nodes[0], lab.folder("other-user")))
    found = status(ours.pid)
    assert set(found["Uid"].split()) == {str(USER.pw_uid)}
    assert set(found["Gid"].split()) == {str(USER.pw_gid)}
    assert "0" not in found["Groups"].split()
    assert capabilities(ours.pid) == {KEPT_BITS}
    run, state = ours.directory / "run", ours.directory / "state"
    assert {file.owner() for file in (run, state, state / "sas.sqlite")} == {USER.pw_name}
    assert Path(ours.control.path).owner() == USER.pw_name

    ours.send_signal(signal.SIGHUP)
    ours.wait_for_log("configuration loaded")
    os.chown(ours.secret, 0, 0)
    ours.send_signal(signal.SIGHUP)
    ours.wait_for_log("configuration not reloaded")
    assert f"secret cannot be read by user {USER.pw_name}: Permission denied" in ours.log()
    assert ours.control.answers()


def test_what_cannot_be_read_later_is_told_at_once(lab: Lab, nodes: tuple[Node, Node]) -> None:
    ours = lab.started(OtherUser(nodes[0], lab.folder("other-user")))
    ours.stop()
    os.chown(ours.secret, 0, 0)
    folder = lab.folder("again")
    again = lab.started(Program(nodes[0].namespace, command(ours.config), folder, setup=open_the_way(folder)))
    assert again.wait() == 1
    assert f"secret cannot be read by user {USER.pw_name}: Permission denied" in again.log()
