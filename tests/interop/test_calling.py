"""How charon is called, and recognized: by host name, at one of several addresses, on port 4500, with and without NAT
traversal; what becomes of a peer that is silent or deletes what we bring up; and reloads that reach what is up.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lab.capture import packets
from lab.charon import CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.process import LabError
from lab.traffic import ping

NAME = "vpn.example.org"
CALLS = OurOptions(calls=True)


def lines(text: str, code: str) -> list[str]:
    return [line for line in text.splitlines() if f"({code})" in line]


def test_a_peer_is_called_by_a_name_that_appears_and_moves(lab: Lab, tmp_path: Path) -> None:
    a, b = lab.direct()
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    charon = lab.charon(b, CharonOptions())
    ours = lab.ours(a, replace(CALLS, remote_address=f'"{NAME}"', hosts=hosts))
    assert NAME in ours.command("up", "net", check=False)
    assert lines(ours.log(), "name-not-resolved")
    hosts.write_text(f"10.77.0.2 {NAME}\n")
    ours.command("up", "net")
    ping(a)
    assert int(charon.control.child()["packets-in"]) == 3


def test_a_caller_is_recognized_by_a_name_whose_address_changes(lab: Lab, tmp_path: Path) -> None:
    a, b = lab.direct()
    hosts = tmp_path / "hosts"
    hosts.write_text(f"203.0.113.7 {NAME}\n")
    ours = lab.ours(b, OurOptions(remote_address=f'"{NAME}"', gateway="dns_interval = 2", hosts=hosts))
    charon = lab.charon(a, CharonOptions(calls=True))
    with pytest.raises(LabError):
        charon.control.initiate(timeout=3)
    ours.wait_for_log("(no-connection)")
    hosts.write_text(f"10.77.0.1 {NAME}\n")
    ours.wait_for(lambda: f"{NAME} is at 10.77.0.1" in ours.log(), "the other address")
    charon.control.initiate()
    ping(a)
    assert int(ours.control.child()["packets-in"]) == 3


def test_the_next_address_is_called_where_one_is_silent(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, CharonOptions())
    remotes = '["10.77.0.77", "203.0.113.1", "10.77.0.2"]'
    ours = lab.ours(a, replace(CALLS, remote_address=remotes, gateway="next_address_after = 3"))
    ours.command("up", "net")
    ping(a)
    assert len(lines(ours.log(), "peer-silent")) == 2


def test_a_call_to_port_4500_begins_there(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, CharonOptions(plane="noesp"))
    capture = lab.capture(a)
    ours = lab.ours(a, replace(CALLS, extra="remote_port = 4500"))
    ours.command("up", "net")
    file = capture.finish_with(9, "udp port 4500")
    assert packets(file, "udp port 500") == []
    marked = "udp[8:4] = 0"  # RFC 3948 §2.2
    assert packets(file, "udp port 4500") == packets(file, f"udp port 4500 and {marked}")
    assert "encap" not in ours.control.child()


@pytest.mark.parametrize("traversal", ["off", "force", "auto"])
@pytest.mark.parametrize("we_call", [True, False])
def test_nat_traversal_as_it_is_configured(lab: Lab, traversal: str, we_call: bool) -> None:
    a, b = lab.direct()
    ours = lab.ours(a if we_call else b, OurOptions(calls=we_call, extra=f'nat_traversal = "{traversal}"'))
    charon = lab.charon(b if we_call else a, CharonOptions(calls=not we_call, plane="noesp"))
    (ours if we_call else charon).control.initiate()
    ours.wait_for(lambda: ours.control.children(), "a pair")
    assert ("encap" in ours.control.child()) is (traversal == "force")
    (sa,) = ours.control.sas()
    assert sa["local-port"] == ("4500" if traversal == "force" else "500")
    announced = re.search(r"received NAT-T \(RFC 3947\) vendor ID", charon.log())
    assert (announced is None) is (traversal == "off")


def test_up_tells_why_a_silent_peer_is_not_up_yet(lab: Lab) -> None:
    a, _ = lab.direct()
    ours = lab.ours(a, CALLS)
    said = ours.command("up", "net", "--timeout", "2", check=False)
    assert "MM1" in said
    assert "10.77.0.2" in said


def test_a_peer_that_deletes_what_we_bring_up_is_backed_off_from(lab: Lab) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions())
    ours = lab.ours(a, replace(CALLS, tunnel='start = "start"', gateway="retry_initiate_interval = 2"))
    for _ in range(3):
        ours.wait_for(lambda: charon.control.children(), "a pair")
        charon.control.terminate(ike="peer")
    ours.wait_for(lambda: len(lines(ours.log(), "tunnel-flapping")) == 2, "two lines about a tunnel that goes down")
    assert all("10.77.0.2" in line for line in lines(ours.log(), "tunnel-flapping"))
    assert not charon.control.children()  # for 4 s
    ours.wait_for(lambda: charon.control.children(), "a pair")


def test_a_trap_works_again_at_once_after_the_peer_closed_the_pair(lab: Lab) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions())
    ours = lab.ours(a, replace(CALLS, tunnel='start = "trap"'))
    for what in ({"child": "net"}, {"ike": "peer"}, {"ike": "peer"}):
        ping(a)
        charon.control.terminate(**what)
        ours.wait_for(lambda: not ours.control.children(), "our pair to be gone")
    assert not lines(ours.log(), "not-established")


def test_a_reload_reaches_a_pair_at_once(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, CharonOptions(esp="aes128-sha256,aes256-sha1", remote_ts="10.10.0.0/16"))
    ours = lab.ours(a, CALLS)
    ours.command("up", "net")
    old = ours.control.child()
    changed = replace(CALLS, esp="aes256-sha1")
    ours.configure(changed)
    ours.command("reload")
    assert ours.control.child()["spi-in"] == old["spi-in"]
    ours.command("reload", "--now")
    ours.wait_for(lambda: ours.control.child().get("encr-keysize") == "256", "a pair with the other proposal")
    ping(a)
    ours.configure(replace(changed, local="10.10.0.0/16"))
    ours.command("reload", "--now")
    ours.wait_for(lambda: ours.control.child()["local-ts"] == ["10.10.0.0/16"], "a pair with the other network")
    ping(a)


def test_what_was_removed_is_drained_shown_and_taken_down_by_its_name(lab: Lab) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions())
    ours = lab.ours(a, CALLS)
    ours.command("up", "net")
    ours.config.write_text(f'[gateway]\ncontrol = "{ours.control.path}"\nlog_level = "debug"\n')
    ours.command("reload", "--drain")
    ping(a)
    for shown in ("isakmp", "ipsec"):
        assert "not configured" in ours.command("show", shown, "sa")
    ours.command("down", "peer/net")
    ours.wait_for(lambda: not charon.control.children(), "charon's pair to be gone")
    ours.command("down", "peer")
    ours.wait_for(lambda: not charon.control.sas(), "charon's ISAKMP SA to be gone")
