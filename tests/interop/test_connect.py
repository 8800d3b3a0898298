"""`ikev1 connect` with strongSwan and with our own gateway: connected, refused, ended, and nothing left of it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.charon import GATEWAY_ID, PSK, XAUTH_PASSWORD, XAUTH_USER, CharonOptions
from lab.connect import Connect, charon_gateway, connect, gateway
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.process import PATIENCE, run, wait_until
from lab.socks import PAGE, PROXY, fetched, of_host, web_server
from lab.terminal import Terminal
from lab.traffic import ping
from lab.vpnc import GROUP, GROUP_SECRET, VpncOptions


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_group_and_a_user(lab: Lab, number: signal.Signals) -> None:
    a, b = lab.direct()
    ours = gateway(lab, b)
    before = of_host(a)
    client = connect(lab, a, "--group", GROUP)
    client.wait_for_log("connected")
    for line in ("address 10.99.0.10", "name servers 10.10.2.53", "| Welcome to the lab"):
        assert line in client.log()
    ping(replace(a, host="10.99.0.10"))
    client.send_signal(number)
    assert client.wait() == 0
    ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")
    assert of_host(a) == before
    assert not [file for file in client.folder.iterdir() if file.is_dir()]


def test_a_wrong_password(lab: Lab) -> None:
    a, b = lab.direct()
    gateway(lab, b)
    assert connect(lab, a, "--group", GROUP, password="wrong").wait() == 4


def test_a_wrong_secret(lab: Lab) -> None:
    a, b = lab.direct()
    gateway(lab, b)
    assert connect(lab, a, "--group", GROUP, secret="not the secret of this group").wait() == 4


def test_a_proposal_that_the_gateway_refuses(lab: Lab) -> None:
    a, b = lab.direct()
    gateway(lab, b)
    assert connect(lab, a, "--group", GROUP, "--ike", "aes128-md5-modp1536").wait() == 5
    assert connect(lab, a, "--group", GROUP, "--esp", "3des-md5").wait() == 5


def test_a_gateway_that_ends(lab: Lab) -> None:
    a, b = lab.direct()
    ours = gateway(lab, b)
    client = connect(lab, a, "--group", GROUP)
    client.wait_for_log("connected")
    ours.command("down", "peer")
    assert client.wait() == 6


@pytest.mark.slow
def test_a_backup_server(lab: Lab) -> None:
    """It is called when the gateway does not answer any more."""
    a, b = lab.direct()
    b.run("ip", "addr", "add", "10.77.0.3/24", "dev", "eth0")
    first = gateway(lab, b, 'backup_servers = ["10.77.0.2", "10.77.0.3"]')
    file = lab.folder("cisco.pcf")
    file.write_text(f"[main]\nGroupName={GROUP}\nDHGroup=14\nPeerTimeout=6\n")
    client = connect(lab, a, "--vpnc-conf", str(file))
    client.wait_for_log("connected")
    assert "backup servers 10.77.0.2, 10.77.0.3" in client.log()
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = gateway(lab, replace(b, address="10.77.0.3"))
    client.wait_for(lambda: client.log().count("connected") == 2, "another connection", timeout=4 * PATIENCE)
    assert [sa["local-host"] for sa in second.control.sas()] == ["10.77.0.3"]
    ping(replace(a, host="10.99.0.10"))
    client.send_signal(signal.SIGINT)
    assert client.wait() == 0
    second.wait_for(lambda: not second.control.sas(), "the end of its SA")
    # it is remembered for the next start, here of a proxy; a name without an address is given up at once
    (remembered,) = client.folder.glob("state/ikev1/*")
    assert json.loads(remembered.read_text()) == {"10.77.0.2": ["10.77.0.2", "10.77.0.3"]}
    remembered.write_text(json.dumps({"gw.invalid": ["gw2.invalid", "10.77.0.3"]}))
    web_server(lab, b)
    client = connect(lab, replace(a, peer="gw.invalid"), "--group", GROUP, "--socks", PROXY, folder=client.folder)
    client.wait_for_log("connected")
    wait_until(lambda: fetched(a, f"http://{b.host}/page") == PAGE, "the page")
    assert [sa["local-host"] for sa in second.control.sas()] == ["10.77.0.3"]


def test_a_configuration_of_vpnc(lab: Lab) -> None:
    """The same file with which vpnc runs in other tests."""
    a, b = lab.direct()
    ours = gateway(lab, b)
    folder = lab.folder("vpnc")
    folder.mkdir()
    file = folder / "vpnc.conf"
    file.touch(mode=0o600)
    file.write_text(VpncOptions(user=XAUTH_USER, password=XAUTH_PASSWORD, group="dh14").configuration(a))
    client = lab.started(Connect(a, lab.folder("connect"), ("--vpnc-conf", str(file))))
    client.wait_for_log("connected")
    assert ours.control.sas()[0]["remote-xauth-id"] == XAUTH_USER
    ping(replace(a, host="10.99.0.10"))


def test_in_the_background(lab: Lab) -> None:
    a, b = lab.direct()
    ours = gateway(lab, b)
    pid_file = lab.folder("pid")
    client = connect(lab, a, "--group", GROUP, "--background", "--pid-file", str(pid_file))
    assert client.wait() == 0
    ping(replace(a, host="10.99.0.10"))
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")
    wait_until(lambda: not pid_file.exists(), "the removal of the file")


def test_the_background_begins_after_the_script(lab: Lab) -> None:
    """What vpnc prints is printed: the address, the banner and the number of the process."""
    a, b = lab.direct()
    gateway(lab, b)
    ran, script, pid_file = lab.folder("ran"), lab.folder("script"), lab.folder("pid")
    script.write_text(f'#!/bin/sh\nsleep 1\necho "$reason" >> {ran}\n')
    script.chmod(0o700)
    background = "--background", "--pid-file", str(pid_file)
    client = connect(lab, a, "--group", GROUP, *background, "--script", str(script))
    assert client.wait() == 0
    assert ran.read_text().split() == ["pre-init", "connect"]
    for line in ("address 10.99.0.10", "| Welcome to the lab", f"process {pid_file.read_text().strip()}:"):
        assert line in client.log()
    assert f"disconnected from {a.peer}" in disconnects(client, a.peer)


def disconnects(client: Connect, *arguments: str) -> str:
    return run(sys.executable, "-B", "-m", "ikev1", "disconnect", *arguments, check=False, TMPDIR=str(client.folder))


def test_disconnecting_by_command(lab: Lab) -> None:
    """As user who has started the connection; another gateway's name ends nothing."""
    a, b = lab.direct()
    ours = gateway(lab, b)
    before = of_host(a)
    client = connect(lab, a, "--group", GROUP, "--background")
    assert client.wait() == 0
    assert a.peer in disconnects(client, "another.invalid")
    assert ours.control.sas()
    assert f"disconnected from {a.peer}" in disconnects(client, a.peer)
    ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")
    assert of_host(a) == before
    assert "disconnected" not in disconnects(client)


def test_the_next_start_removes_what_a_killed_process_has_left(lab: Lab) -> None:
    a, b = lab.direct()
    gateway(lab, b)
    killed = connect(lab, a, "--group", GROUP)
    killed.wait_for_log("connected")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    (left,) = killed.folder.glob("ikev1-connect-*")
    again = connect(lab, a, "--group", GROUP, "--device", "another", folder=killed.folder)
    again.wait_for_log("connected")
    assert not left.exists()
    ping(replace(a, host="10.99.0.10"))  # which the packet filter of the killed one would drop
    assert "disconnected" in disconnects(killed)
    assert again.wait() == 0
    assert not list(killed.folder.glob("ikev1-connect-*"))


def test_the_status_of_a_failure_in_the_background(lab: Lab) -> None:
    a, b = lab.direct()
    gateway(lab, b)
    assert connect(lab, a, "--group", GROUP, "--background", password="wrong").wait() == 4


def test_a_proxy_for_a_user_without_privileges(lab: Lab) -> None:
    """The ports 500 and 4500 are not for this user; the gateway keeps its own."""
    a, b = lab.direct()
    ours = gateway(lab, b)
    web_server(lab, b)
    before = of_host(a)
    client = connect(lab, a, "--group", GROUP, "--socks", PROXY, nobody=True)
    client.wait_for_log("connected")
    wait_until(lambda: fetched(a, f"http://{b.host}/page") == PAGE, "the page")
    assert of_host(a) == before
    client.send_signal(signal.SIGINT)
    assert client.wait() == 0
    ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")


def test_a_proxy_that_is_killed(lab: Lab) -> None:
    a, b = lab.direct()
    ours = gateway(lab, b)
    client = connect(lab, a, "--group", GROUP, "--socks", PROXY)
    client.wait_for_log("connected")
    (proxy,) = run("pgrep", "-P", str(client.pid)).split()
    os.kill(int(proxy), signal.SIGKILL)
    assert client.wait() == 6
    assert "lost: the process of the SOCKS proxy has ended" in client.log()
    ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")
    assert not [file for file in client.folder.iterdir() if file.is_dir()]


def test_a_second_signal_leaves_nothing_behind(lab: Lab) -> None:
    """It comes while a proxy that does not end is waited for."""
    a, b = lab.direct()
    gateway(lab, b)
    client = connect(lab, a, "--group", GROUP, "--socks", PROXY)
    client.wait_for_log("connected")
    (proxy,) = run("pgrep", "-P", str(client.pid)).split()
    os.kill(int(proxy), signal.SIGSTOP)
    client.send_signal(signal.SIGTERM)
    client.wait_for_log("disconnected")
    if client.alive:
        client.send_signal(signal.SIGTERM)
    assert client.wait() == 0
    assert not [file for file in client.folder.iterdir() if file.is_dir()]


def test_a_proxy_that_clients_have_to_log_in_to(lab: Lab) -> None:
    a, b = lab.direct()
    gateway(lab, b)
    web_server(lab, b)
    file = lab.folder("login")
    file.touch(mode=0o600)
    file.write_text("alice:wonder:land\n")
    client = connect(lab, a, "--group", GROUP, "--socks", PROXY, "--socks-login-file", str(file))
    client.wait_for_log("connected")
    wait_until(
        lambda: fetched(a, f"http://{b.host}/page", "--proxy-user", "alice:wonder:land") == PAGE,
        "the page",
    )
    assert PAGE not in fetched(a, f"http://{b.host}/page")
    assert b"wonder" not in b"".join(
        file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if file.exists()
    )


def test_a_proxy_in_the_background_leaves_the_output_of_the_command(lab: Lab) -> None:
    """As in a shell: ``text=$(ikev1 connect --background ...)``."""
    a, b = lab.direct()
    ours = gateway(lab, b)
    pid_file = lab.folder("pid")
    started = connect(lab, a, "--group", GROUP, "--socks", PROXY, "--background", "--pid-file", str(pid_file))
    try:
        assert started.wait() == 0
        number = int(pid_file.read_text())
        output = started.output_file.stat()
        for process in (str(number), *run("pgrep", "-P", str(number)).split()):
            opened = [os.stat(file) for file in Path("/proc", process, "fd").iterdir() if file.exists()]
            assert not [file for file in opened if os.path.samestat(file, output)], process
    finally:
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
    ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")
    wait_until(lambda: not pid_file.exists(), "the removal of the file")


def test_the_waiting_process_of_the_background_is_killed(lab: Lab) -> None:
    """Nobody would know of the other one, or end it."""
    a, _ = lab.direct()
    client = connect(lab, a, "--group", GROUP, "--background")
    client.wait_for_log("calling")
    (other,) = run("pgrep", "-P", str(client.pid)).split()
    client.send_signal(signal.SIGKILL)
    wait_until(lambda: not Path("/proc", other).exists(), "the end of the other process")
    assert "interrupted" in client.log()


def test_a_port_that_is_taken(lab: Lab) -> None:
    """A gateway of this host has the ports 500 and 4500."""
    a, b = lab.direct()
    gateway(lab, b)
    lab.ours(a, OurOptions(data_plane="userspace"))
    client = connect(lab, a, "--group", GROUP)
    client.wait_for_log("connected")
    ping(replace(a, host="10.99.0.10"))


@pytest.mark.parametrize("pull", ["yes", "no"], ids=["pull", "push"])
@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_charon_as_gateway(lab: Lab, aggressive: bool, pull: str) -> None:
    a, b = lab.direct()
    connection = f"pools = office\npull = {pull}"
    pool = "dns = 10.10.2.53\n 28672 = hello"
    charon = charon_gateway(lab, b, pool, aggressive=aggressive, connection=connection)
    mode = () if aggressive else ("--main-mode",)
    client = connect(lab, a, *mode, "--remote-id", GATEWAY_ID, secret=PSK)
    client.wait_for_log("connected")
    assert "address 10.99.0.65" in client.log()
    ping(replace(a, host="10.99.0.65"))
    client.send_signal(signal.SIGINT)
    assert client.wait() == 0
    wait_until(lambda: not charon.control.sas(), "the end of its SA")


def test_charon_refuses_a_user(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, CharonOptions(xauth=True, peer_id="%any", ike="aes256-sha256-modp2048"))
    assert connect(lab, a, "--main-mode", "--remote-id", GATEWAY_ID, secret=PSK, password="wrong").wait() == 4


def test_a_gateway_that_cannot_be_called(lab: Lab) -> None:
    """No event has the reason: phase 1 never began."""
    a, _ = lab.direct()
    unknown = connect(lab, replace(a, peer="gateway.invalid"), "--group", GROUP)
    assert unknown.wait() == 3
    assert "no address of gateway.invalid" in unknown.log()
    far = connect(lab, replace(a, peer="192.0.2.1"), "--group", GROUP)
    assert far.wait() == 1
    assert "no route to 192.0.2.1" in far.log()


def test_nobody_answers(lab: Lab) -> None:
    a, _ = lab.direct()
    client = connect(lab, a, "--group", GROUP)
    client.wait_for_log("giving up in")
    client.send_signal(signal.SIGINT)
    assert client.wait() == 130


def test_somebody_gives_up_at_the_first_question(lab: Lab) -> None:
    a, _ = lab.direct()
    enter = ["setsid", "--ctty", "setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", a.namespace]
    terminal = Terminal([*enter, sys.executable, "-B", "-m", "ikev1", "connect", a.peer, "--group", GROUP])
    terminal.read_until("Secret of the group")
    wait_until(lambda: not terminal.echoes, "a question without echo")
    assert terminal.interrupt() == 130
    terminal.close()


@pytest.fixture
def terminal(lab: Lab) -> Iterator[tuple[Terminal, OurGateway]]:
    """`ikev1 connect` without files, at its first question."""
    a, b = lab.direct()
    ours = gateway(lab, b)
    command = ["connect", "--data-plane", "userspace", "--group", GROUP, "--user", XAUTH_USER, a.peer]
    enter = ["setsid", "--ctty", "setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", a.namespace]
    terminal = Terminal([*enter, sys.executable, "-B", "-m", "ikev1", *command])
    terminal.read_until("Secret of the group")
    wait_until(lambda: not terminal.echoes, "a question without echo")
    terminal.write(f"{GROUP_SECRET}\n")
    terminal.read_until("Password")
    wait_until(lambda: not terminal.echoes, "a question without echo")
    yield terminal, ours
    terminal.close()


def test_secrets_are_asked_for(terminal: tuple[Terminal, OurGateway]) -> None:
    client, ours = terminal
    client.write(f"{XAUTH_PASSWORD}\n")
    client.read_until("rekey in")
    assert ours.control.sas()[0]["remote-xauth-id"] == XAUTH_USER
    client.write("\x03")  # Ctrl-C
    client.read_until("disconnected")
    assert client.process.wait(PATIENCE) == 0
    assert GROUP_SECRET not in client.shown
    assert XAUTH_PASSWORD not in client.shown


def test_the_terminal_is_as_before_when_a_question_was_open(terminal: tuple[Terminal, OurGateway]) -> None:
    client, _ = terminal
    client.process.send_signal(signal.SIGTERM)
    assert client.process.wait(PATIENCE) == 130
    assert client.echoes
