"""`ikev1 ipsec`: the calls that NetworkManager-l2tp makes, and exit statuses of the commands that it stands in for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from lab.charon import Charon, CharonOptions
from lab.ipsec_command import IpsecCommand, ipsec_command
from lab.lab import Lab
from lab.network import Node
from lab.paths import LAB, LIBRESWAN
from lab.pluto import PlutoOptions
from lab.process import wait_until
from lab.starter import StarterOptions

UUID = "3f1b7a52-91aa-4d73-b2d4-0f8a5e2f1f11"
PATIENCE_OF_THE_PLUGIN = 10.0  # seconds, for `up`
SECRET = "c2VjcmV0IG9mIGFsbA=="  # Base64
# the suites with which the plugin configures each
IKE = {
    "strongswan": "aes256-sha2_256-modp2048,aes256-sha2_256-modp1536,aes256-sha2_256-modp1024,aes256-sha1-modp2048,"
    "aes256-sha1-modp1536,aes256-sha1-modp1024,aes256-sha1-ecp384,aes128-sha1-modp1024,aes128-sha1-ecp256,"
    "3des-sha1-modp2048,3des-sha1-modp1024!",
    "libreswan": "aes256-sha2_256-modp2048,aes256-sha2_256-modp1536,aes256-sha1-modp2048,aes256-sha1-modp1536,"
    "aes256-sha1-ecp_384,aes128-sha1-ecp_256,3des-sha1-modp2048",
}
OWN = {
    "strongswan": "  ike={ike}\n  esp=aes256-sha1,aes128-sha1,3des-sha1!\n  keyexchange=ikev1\n",
    "libreswan": "  ike={ike}\n  esp=aes256-sha1,aes128-sha1,3des-sha1\n  ikev2=no\n  pfs=no\n",
}


def server(lab: Lab, node: Node) -> Charon:
    """A server for L2TP."""
    configuration = f"""
connections {{ l2tp {{
    version = 1
    local_addrs = {node.address}
    proposals = aes256-sha256-modp2048
    local {{ auth = psk }}
    remote {{ auth = psk }}
    children {{ net {{
        mode = transport
        local_ts = dynamic[udp/1701]
        remote_ts = dynamic[udp]
        esp_proposals = aes256-sha1
    }} }}
}} }}
secrets {{ ike {{ secret = 0s{SECRET} }} }}
"""
    return lab.charon(node, CharonOptions(configuration=configuration, plane="noesp"))


def write_files(ipsec: IpsecCommand, node: Node, dialect: str, *, secret: str = SECRET) -> Path:
    """What the plugin writes; returns its ipsec.conf."""
    ipsec.write(ipsec.home / "ipsec.secrets", "# of this host\ninclude ipsec.d/ipsec.nm-l2tp.secrets\n")
    ipsec.write(ipsec.home / "ipsec.d" / "ipsec.nm-l2tp.secrets", f"%any : PSK 0s{secret}\n")
    return ipsec.write(
        ipsec.run / f"nm-l2tp-{UUID}" / "ipsec.conf",
        f"""conn {UUID}
  auto=add
  type=transport
  authby=secret
  left=%defaultroute
  leftprotoport=udp/l2tp
  rightprotoport=udp/l2tp
  right={node.peer}
  rightid=%any
  keyingtries=%forever
{OWN[dialect].format(ike=IKE[dialect])}""",
    )


def up(ipsec: IpsecCommand, *words: str) -> int | None:
    """As the plugin calls it: it is not waited for longer than some time."""
    program = ipsec.started(*words)
    try:
        return program.wait(timeout=PATIENCE_OF_THE_PLUGIN)
    except subprocess.TimeoutExpired:
        return None
    finally:
        program.stop()


def as_strongswan(ipsec: IpsecCommand, conf: Path) -> bool:
    """The calls if `ipsec` is strongSwan's; whether the connection is up."""
    assert "strongSwan" in ipsec("--version").text
    first = "start" if ipsec("status").status == 3 else "restart"
    assert ipsec(first, "--conf", conf, "--debug").status == 0
    wait_until(lambda: ipsec("rereadsecrets").status == 0, "the daemon to be ready")
    if up(ipsec, "up", UUID) != 0:
        return False
    said = ipsec("status", UUID).text
    return "ESTABLISHED" in said and "INSTALLED, TRANSPORT" in said


def as_libreswan(ipsec: IpsecCommand, conf: Path) -> bool:
    """The calls if `ipsec` is libreswan's; whether the connection is up."""
    assert "Libreswan" in ipsec("--version").text
    first = "start" if ipsec("auto", "--status").status == 33 else "restart"
    assert ipsec(first).status == 0
    wait_until(lambda: ipsec("auto", "--ready").status == 0, "the daemon to be ready")
    assert ipsec("auto", "--config", conf, "--verbose", "--add", UUID).status == 0
    return up(ipsec, "auto", "--up", UUID) == 0


CALLS = {"strongswan": as_strongswan, "libreswan": as_libreswan}
ENDS = {"strongswan": ("stop",), "libreswan": ("whack", "--delete", "--name", UUID)}
DIALECTS = pytest.mark.parametrize("dialect", list(CALLS))


@DIALECTS
def test_the_calls_of_networkmanager_l2tp(lab: Lab, dialect: str) -> None:
    """Twice, with the same files: the plugin restarts a daemon that runs."""
    a, b = lab.direct()
    charon = server(lab, b)
    with ipsec_command(a, lab.folder("ipsec"), dialect) as ipsec:
        conf = write_files(ipsec, a, dialect)
        for _ in range(2):
            assert CALLS[dialect](ipsec, conf)
            (sa,) = charon.control.sas()
            assert (sa["encr-keysize"], sa["prf-alg"], sa["dh-group"]) == ("256", "PRF_HMAC_SHA2_256", "MODP_2048")
            child = charon.control.child()
            assert child["mode"] == "TRANSPORT"
            assert child["remote-ts"] == [f"{a.address}/32[udp/l2f]"]
        assert ipsec(*ENDS[dialect]).status == 0
        charon.wait_for(lambda: not charon.control.sas(), "the end of the SAs")


@DIALECTS
def test_a_wrong_secret_is_no_connection(lab: Lab, dialect: str) -> None:
    a, b = lab.direct()
    server(lab, b)
    with ipsec_command(a, lab.folder("ipsec"), dialect) as ipsec:
        assert not CALLS[dialect](ipsec, write_files(ipsec, a, dialect, secret="b3RoZXI="))


# what each is called with, before and after a daemon runs
STROKE = [
    *(("--version",), ("version",), ("--versioncode",), ("--help",), (), ("--bogus",), ("bogus",)),
    *(("status",), ("statusall",), ("status", "net"), ("up",), ("up", "nope"), ("down", "nope"), ("down", "a", "b")),
    *(("route", "nope"), ("unroute", "nope"), ("rereadsecrets",), ("rereadall",), ("secrets",), ("listall",)),
    *(("listcerts",), ("leases",), ("leases", "nope"), ("listalgs",), ("purgeike",), ("purgecrls",), ("reload",)),
    *(("update",), ("down-srcip",), ("down-srcip", "10.0.0.1"), ("down", "net[7]"), ("down", "net{7}")),
]
ENDED = [("status",), ("statusall",), ("up", "net"), ("down", "net"), ("rereadsecrets",), ("reload",), ("stop",)]
WHACK = [
    *(("--status",), ("--trafficstatus",), ("--briefstatus",), ("--showstates",), ("--listen",), ("--rereadsecrets",)),
    *(("--name", "nope", "--initiate"), ("--name", "nope", "--terminate"), ("--name", "nope", "--delete")),
    *(("--name", "nope", "--route"), ("--bogus",)),
]
IPSEC_CONF = """
conn net
    {own}
    authby=secret
    left=192.0.2.1
    right=192.0.2.2
    leftsubnet=10.1.0.0/16
    rightsubnet=10.2.0.0/16
    auto=add
"""
SECRETS = ': PSK "of the lab"\n'


def statuses(call: Callable[..., int], commands: list[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    return {command: call(*command) for command in commands}


def real_ipsec(enter: Sequence[str], *command: str) -> int:
    """The status of strongSwan's script where ``enter`` leads to."""
    script = str(LAB / "starter" / "usr" / "sbin" / "ipsec")
    return subprocess.run([*enter, "sh", script, *command], capture_output=True, check=False, timeout=60).returncode


def test_exit_statuses_are_those_of_strongswan(lab: Lab) -> None:
    a, b = lab.direct()
    file = IPSEC_CONF.format(own="keyexchange=ikev1")
    starter = lab.starter(a, StarterOptions(file, SECRETS))
    (process,) = Path(f"/proc/{starter.pid}/task/{starter.pid}/children").read_text().split()
    running = statuses(partial(real_ipsec, ["nsenter", "--target", process, "--mount", "--net", "--"]), STROKE)
    elsewhere = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run; exec "$@"', "-"]
    stopped = statuses(partial(real_ipsec, elsewhere), ENDED)
    assert set(stopped.values()) == {0, 3, 7}
    with ipsec_command(b, lab.folder("ipsec"), "strongswan") as ipsec:
        ipsec.write(ipsec.home / "ipsec.conf", file)
        ipsec.write(ipsec.home / "ipsec.secrets", SECRETS)
        assert statuses(lambda *command: ipsec(*command).status, ENDED) == stopped
        assert [ipsec("start").status for _ in range(2)] == [0, 0]
        assert statuses(lambda *command: ipsec(*command).status, STROKE) == running
        assert ipsec("stop").status == 0


def names_of_conns(status: str) -> set[str]:
    return set(re.findall(r'^000 "(\w+)":', status, re.MULTILINE))


def test_exit_statuses_and_names_are_those_of_libreswan(lab: Lab) -> None:
    a, b = lab.direct()
    file = IPSEC_CONF.format(own="ikev2=no") + "conn more\n    also=net\n    rightsubnet=10.3.0.0/16\n"
    configured = f"config setup\n    ikev1-policy=accept\n{file}"
    pluto = lab.pluto(a, PlutoOptions(configuration=(configured, SECRETS), connection="net"))

    def whack(*command: str) -> subprocess.CompletedProcess[str]:
        words = [str(LIBRESWAN / "whack"), "--rundir", str(pluto.directory), *command]
        return subprocess.run(words, capture_output=True, check=False, timeout=60, text=True)

    def real(*command: str) -> int:
        return whack(*command).returncode

    names = names_of_conns(whack("--status").stdout)
    running = statuses(real, WHACK)
    with ipsec_command(b, lab.folder("ipsec"), "libreswan") as ipsec:
        ipsec.write(ipsec.home / "ipsec.conf", file)
        ipsec.write(ipsec.home / "ipsec.secrets", SECRETS)
        assert ipsec("start").status == 0
        assert names_of_conns(ipsec("whack", "--status").text) == names == {"net", "more"}
        assert statuses(lambda *command: ipsec("whack", *command).status, WHACK) == running
        assert ipsec("whack", "--shutdown").status == 0
        pluto.stop()
        assert ipsec("whack", "--status").status == real("--status")
