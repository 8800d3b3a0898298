"""What happens to SAs that are up: rekeying, deletion, new configuration, and the end of the daemon."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from lab.charon import Charon, CharonOptions
from lab.control import Control
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.process import LabError, Program, wait_until
from lab.traffic import EndlessPings, ping

OURS = OurOptions(esp="aes128-sha256-modp2048")
CHARONS = CharonOptions(esp="aes128-sha256-modp2048")


class Tunnel:
    """A tunnel that is up between charon and us."""

    def __init__(self, lab: Lab, *, we_call: bool) -> None:
        a, b = lab.direct()
        self.our_node, charon_node = (a, b) if we_call else (b, a)
        self.options = replace(OURS, calls=we_call)
        self.ours: OurGateway = lab.ours(self.our_node, self.options)
        self.charon: Charon = lab.charon(charon_node, replace(CHARONS, calls=not we_call))
        self.caller: OurGateway | Charon = self.ours if we_call else self.charon
        self.caller.control.initiate()


@pytest.fixture(params=[True, False], ids=["we called", "charon called"])
def tunnel(lab: Lab, request: pytest.FixtureRequest) -> Tunnel:
    return Tunnel(lab, we_call=request.param)


def spis(control: Control) -> tuple[str, str]:
    """Those that carry traffic: of several installed pairs the newest; none while charon replaces one by another."""
    installed = sorted(control.children(), key=lambda child: int(child["uniqueid"]))
    return (installed[-1]["spi-in"], installed[-1]["spi-out"]) if installed else ("", "")


def both_use_a_new_pair(tunnel: Tunnel, old: tuple[str, str]) -> bool:
    ours, theirs = spis(tunnel.ours.control), spis(tunnel.charon.control)
    return ours not in (old, ("", "")) and ours == theirs[::-1]


@pytest.mark.parametrize("who", ["charon", "we"])
def test_rekeying_the_ipsec_sas_while_traffic_flows(lab: Lab, tunnel: Tunnel, who: str) -> None:
    ping(tunnel.our_node)
    old = spis(tunnel.ours.control)
    pings = lab.started(EndlessPings(tunnel.our_node, lab.folder("pings"), interval=0.05))
    rekeys = tunnel.charon.control if who == "charon" else tunnel.ours.control
    done = rekeys.swanctl("--rekey", "--child", "net")
    assert done.returncode == 0, done.stderr
    tunnel.ours.wait_for(lambda: both_use_a_new_pair(tunnel, old), "both ends to use a new pair")
    ping(tunnel.our_node, count=10)
    assert pings.count().lost == 0
    child = max(tunnel.ours.control.children(), key=lambda child: int(child["uniqueid"]))
    assert int(child["packets-in"]) >= 10
    assert int(child["packets-out"]) >= 10


def test_a_short_lifetime_rekeys_by_itself(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, CharonOptions())
    ours = lab.ours(a, OurOptions(calls=True, lifetime="10s"))
    ours.command("up", "peer")
    old = spis(ours.control)
    ours.wait_for(lambda: spis(ours.control) not in (old, ("", "")), "a pair that replaces the first")
    ping(a)


@pytest.mark.parametrize("what", ["--child=net", "--ike=peer"])
def test_charon_deletes_and_we_forget(tunnel: Tunnel, what: str) -> None:
    tunnel.charon.control.swanctl("--terminate", *what.split("="))
    tunnel.ours.wait_for(lambda: not tunnel.ours.control.children(), "our IPsec SAs to be gone")
    if what.startswith("--ike"):
        tunnel.ours.wait_for(lambda: not tunnel.ours.control.sas(), "our ISAKMP SA to be gone")
    with pytest.raises(LabError):
        ping(tunnel.our_node, count=1, patience=1)


@pytest.mark.parametrize("what", ["--child=net", "--ike=peer"])
def test_we_delete_and_charon_forgets(tunnel: Tunnel, what: str) -> None:
    assert tunnel.ours.control.swanctl("--terminate", *what.split("=")).returncode == 0
    tunnel.charon.wait_for(lambda: not tunnel.charon.control.children(), "charon's IPsec SAs to be gone")
    if what.startswith("--ike"):
        tunnel.charon.wait_for(lambda: not tunnel.charon.control.sas(), "charon's ISAKMP SA to be gone")


def test_a_new_policy_leaves_the_live_sas_alone(tunnel: Tunnel) -> None:
    before = spis(tunnel.ours.control)
    tunnel.ours.configure(replace(tunnel.options, ike="aes256-sha512-ecp384", esp="aes256-sha512"))
    tunnel.ours.command("reload")
    assert spis(tunnel.ours.control) == before
    ping(tunnel.our_node)
    tunnel.charon.control.swanctl("--terminate", "--ike", "peer")
    tunnel.ours.wait_for(lambda: not tunnel.ours.control.sas(), "our SAs to be gone")
    # from now on the new policy holds, which charon does not have
    with pytest.raises(LabError):
        tunnel.caller.control.initiate(timeout=3)
    tunnel.ours.wait_for_log("no-proposal-chosen")


def test_a_broken_configuration_changes_nothing(tunnel: Tunnel) -> None:
    before = spis(tunnel.ours.control)
    good = tunnel.ours.config.read_text()
    tunnel.ours.config.write_text(good.replace("aes128-sha256-modp2048", "aes129-sha256-modp2048"))
    said = tunnel.ours.command("reload", check=False)
    assert "aes129" in said
    assert spis(tunnel.ours.control) == before
    assert "peer" in tunnel.ours.control.swanctl("--list-conns").stdout
    ping(tunnel.our_node)


def test_a_broken_configuration_is_refused_at_the_start(lab: Lab) -> None:
    a, _ = lab.direct()
    with pytest.raises(LabError, match="aes129"):
        lab.ours(a, OurOptions(ike="aes129-sha256-modp2048"))


def test_sighup_reads_the_configuration_again(tunnel: Tunnel) -> None:
    tunnel.ours.config.write_text(tunnel.ours.config.read_text().replace("tunnel.net]", "tunnel.other]"))
    tunnel.ours.send_signal(signal.SIGHUP)
    wait_until(lambda: "other" in tunnel.ours.control.swanctl("--list-conns").stdout, "the new tunnel")
    wait_until(lambda: not tunnel.ours.control.children(), "the pair of the removed tunnel to be closed")
    assert tunnel.ours.control.sas()


def test_sigterm_says_goodbye(tunnel: Tunnel) -> None:
    tunnel.ours.stop()
    assert tunnel.ours.status == 0
    wait_until(lambda: not tunnel.charon.control.sas(), "charon's SAs to be gone")
    assert "ikev1" not in tunnel.our_node.run("ip", "-br", "link")
    assert not tunnel.ours.control.path.exists()


def test_two_gateways_never_share_a_socket(lab: Lab) -> None:
    a, _ = lab.direct()
    first = lab.ours(a, OurOptions())
    second = Program(a.namespace, first.command_line, lab.folder("second"))
    lab.started(second)
    assert second.wait() != 0
    assert first.control.answers()
