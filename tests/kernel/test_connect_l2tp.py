"""`ikev1 connect --l2tp`: a PPP link of xl2tpd and pppd in transport mode; what ends it, and what it leaves."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.capture import packets
from lab.charon import CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.l2tp import SERVER, Xl2tpd, private_etc_ppp, what_l2tp_lacks
from lab.lab import Lab
from lab.network import Node
from lab.process import Program, wait_until
from lab.traffic import answered, reach

PSK = "the secret of all clients"
USER, PASSWORD = "office\\carol", 'pass "word" #\'\\ ü'
NAME_SERVER = "10.1.0.53"
ELSEWHERE = "198.51.100.1"
PLANES = ["kernel", "userspace"]
BASE = Path("/run/ikev1-connect")


@pytest.fixture(autouse=True)
def l2tp() -> None:
    """xl2tpd, pppd and a kernel with PPP."""
    if lacks := what_l2tp_lacks():
        pytest.skip(lacks)


class Connect(Program):
    """A running `ikev1 connect --l2tp`."""

    def __init__(self, node: Node, folder: Path, options: Sequence[str], password: str = PASSWORD) -> None:
        self.node = node
        folder.mkdir(parents=True)
        for name, content in (("secret", PSK), ("password", password)):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(content + "\n")
        command = ["-m", "ikev1", "connect", "--l2tp", node.peer, "--user", USER, "--verbose"]
        command += ["--secret-file", str(folder / "secret"), "--password-file", str(folder / "password"), *options]
        setup, environment = private_etc_ppp(folder, {}), {"TMPDIR": str(folder)}
        super().__init__(node.namespace, command, folder, setup=setup, environment=environment, preloaded=True)

    def wait_until_up(self) -> None:
        self.wait_for_log("is up: address")
        self.wait_for(lambda: answered(self.node, SERVER), "an answer through the PPP link")


def server(lab: Lab, node: Node, address: str = SERVER) -> tuple[OurGateway, Xl2tpd]:
    """A gateway with an L2TP server that knows the user."""
    ours = lab.ours(
        node,
        OurOptions(
            configuration=f"""
[gateway]
data_plane = "userspace"

[connection.peer]
local_address = "{node.address}"
remote_address = "%any"
secret = "{PSK}"
proposals = ["aes256-sha1-modp2048"]

[connection.peer.tunnel.net]
mode = "transport"
local = "dynamic[udp/1701]"
remote = "dynamic[udp]"
proposals = ["aes256-sha1"]
"""
        ),
    )
    xl2tpd = Xl2tpd(
        node,
        lab.folder("server"),
        calls=False,
        users={USER: PASSWORD},
        options=f"ms-dns {NAME_SERVER}",
        address=address,
    )
    return ours, lab.started(xl2tpd)


def state_of(node: Node) -> tuple[str, ...]:
    """The devices, routes and rules of a host."""
    return tuple(node.run("ip", *what.split()) for what in ("-br link", "-4 route show table all", "rule"))


def command_lines(folder: Path = BASE) -> dict[str, list[str]]:
    """The words of the processes that name a file in ``folder``, by the number of the process."""
    found = {}
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_text(errors="replace").split("\0")
            if process.name.isdigit() and any(word.startswith(f"{folder}/") for word in words):
                found[process.name] = words
    return found


def folders() -> list[Path]:
    return list(BASE.glob("l2tp-*"))


def number_of(program: str) -> int:
    """The process of a client's ``program``."""
    return next(int(number) for number, words in command_lines().items() if words[0].endswith(program))


def assert_nothing_left(node: Node, before: tuple[str, ...]) -> None:
    assert not command_lines()
    assert not folders()
    assert state_of(node) == before


@pytest.mark.parametrize("plane", PLANES)
def test_a_link_and_its_end(lab: Lab, plane: str) -> None:
    a, b = lab.direct()
    ours, _ = server(lab, b)
    before = state_of(a)
    capture = lab.capture(a, sent=True)
    client = lab.started(Connect(a, lab.folder("connect"), ("--data-plane", plane)))
    client.wait_until_up()
    (folder,) = folders()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not (folder / "options").exists(), "it has the password"
    lines = command_lines().values()
    assert {Path(words[0]).name for words in lines} == {"pppd", "xl2tpd"}
    assert not any("carol" in word or "word" in word for words in lines for word in words)
    client.wait_for_log(f"DNS1={NAME_SERVER}")  # in the environment of the scripts of pppd
    assert "ikev1ppp0" in a.run("ip", "route", "get", ELSEWHERE)
    assert "ikev1ppp0" not in a.run("ip", "route", "get", b.address)
    client.send_signal(signal.SIGTERM)
    assert client.wait() == 0
    ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")
    assert_nothing_left(a, before)
    assert not packets(capture.finish_with(3, "ip proto 50"), "udp port 1701"), "nothing in the clear"


@pytest.mark.parametrize("plane", PLANES)
def test_behind_a_nat_where_1701_is_taken(lab: Lab, plane: str) -> None:
    """By an xl2tpd of this host, which goes on. Networks instead of all traffic; in the background."""
    c, gw = lab.behind_nat()
    server(lab, gw)
    other = lab.started(Xl2tpd(c, lab.folder("other"), calls=False))
    other.wait_for_log("Listening on IP address")
    before = state_of(c)
    file = lab.folder("pid")
    options = ("--data-plane", plane, "--network", "198.51.100.0/24", "--background", "--pid-file", str(file))
    client = lab.started(Connect(c, lab.folder("connect"), options))
    assert client.wait() == 0
    reach(c, SERVER)
    for host in (ELSEWHERE, NAME_SERVER):
        assert "ikev1ppp0" in c.run("ip", "route", "get", host)
    assert "ikev1ppp0" not in c.run("ip", "route", "get", "192.168.77.1")
    os.kill(int(file.read_text()), signal.SIGINT)
    wait_until(lambda: not file.exists(), "the end of the client")
    assert_nothing_left(c, before)
    assert other.alive


def test_a_server_with_its_outer_address_in_the_link(lab: Lab) -> None:
    """The kernel's route to the peer of the PPP link would lead what carries the link into it."""
    a, b = lab.direct()
    server(lab, b, address=b.address)
    before = state_of(a)
    client = lab.started(Connect(a, lab.folder("connect"), ()))
    b.run("ip", "address", "add", f"{ELSEWHERE}/32", "dev", "lo")
    client.wait_for(lambda: answered(a, ELSEWHERE), "an answer through the PPP link")
    assert "ikev1ppp0" in a.run("ip", "route", "get", ELSEWHERE)
    assert "ikev1ppp0" not in a.run("ip", "route", "get", b.address)
    client.send_signal(signal.SIGTERM)
    assert client.wait() == 0
    assert_nothing_left(a, before)


def test_a_wrong_password(lab: Lab) -> None:
    a, b = lab.direct()
    server(lab, b)
    before = state_of(a)
    assert lab.started(Connect(a, lab.folder("connect"), (), "wrong")).wait() == 4
    assert_nothing_left(a, before)


def test_nobody_speaks_l2tp(lab: Lab) -> None:
    """Its xl2tpd does not run: IPsec is up, and the kernel answers that the port is unreachable."""
    a, b = lab.direct()
    _, xl2tpd = server(lab, b)
    xl2tpd.stop()
    assert lab.started(Connect(a, lab.folder("connect"), ())).wait() == 8


def test_programs_that_end(lab: Lab) -> None:
    a, b = lab.direct()
    _, xl2tpd = server(lab, b)
    before = state_of(a)
    for program in ("pppd", "xl2tpd", ""):
        client = lab.started(Connect(a, lab.folder("connect"), ()))
        client.wait_until_up()
        if program:
            os.kill(number_of(program), signal.SIGKILL)
        else:
            xl2tpd.stop()
        assert client.wait() == 8
        assert_nothing_left(a, before)


@pytest.mark.parametrize("plane", PLANES)
def test_a_client_that_was_killed(lab: Lab, plane: str) -> None:
    """The kernel ends its programs; the next one removes what else it left."""
    a, b = lab.direct()
    server(lab, b)
    before = state_of(a)
    killed = lab.started(Connect(a, lab.folder("killed"), ("--data-plane", plane)))
    killed.wait_until_up()
    killed.send_signal(signal.SIGKILL)
    wait_until(lambda: not command_lines(), "the end of pppd and xl2tpd")
    (left,) = folders()
    client = lab.started(Connect(a, lab.folder("connect"), ("--data-plane", plane)))
    client.wait_until_up()
    assert left not in folders()
    client.send_signal(signal.SIGHUP)
    assert client.wait() == 0
    assert_nothing_left(a, before)


def test_charon_as_gateway(lab: Lab) -> None:
    a, b = lab.direct()
    charon = lab.charon(
        b,
        CharonOptions(
            plane="kernel",
            psk=PSK,
            own_id=b.address,
            peer_id="%any",
            ike="aes256-sha1-modp2048",
            esp="aes256-sha1",
            local_ts="dynamic[udp/1701]",
            remote_ts="dynamic[udp]",
            child="mode = transport",
        ),
    )
    lab.started(Xl2tpd(b, lab.folder("server"), calls=False, users={USER: PASSWORD}))
    client = lab.started(Connect(a, lab.folder("connect"), ("--data-plane", "kernel")))
    client.wait_until_up()
    client.send_signal(signal.SIGTERM)
    assert client.wait() == 0
    wait_until(lambda: not charon.control.sas(), "the end of its SA")
