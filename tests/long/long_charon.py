"""A tunnel with charon, in both roles, through a hundred of everything that happens in its life."""

from __future__ import annotations

import signal
import time

import pytest

from lab.charon import Charon, CharonOptions
from lab.endurance import Endured, at_once, newest, pairs, spis, tell
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import rebind
from lab.process import wait_until
from lab.traffic import answered, ping, transfer

REKEYS, REPLACEMENTS, DELETES = 100, 50, 20
roles = pytest.mark.parametrize("we_call", [True, False], ids=["we called", "charon called"])


def _rekeys(tunnel: Endured, who: str, times: int) -> None:
    """New pairs, one after another; ``who`` is "we", "charon" or "both"."""
    ours, charons = tunnel.ends
    asked = {"we": (ours,), "charon": (charons,), "both": (ours, charons)}[who]
    for _ in range(times):
        known = spis(ours)
        at_once((control, ("--rekey", "--child", "net")) for control in asked)
        wait_until(lambda known=known: spis(ours) - known, "a new pair", timeout=60)  # type: ignore[misc]


@roles
@pytest.mark.parametrize("who", ["we", "charon", "both"])
def test_pairs_are_rekeyed_and_nothing_is_lost(lab: Lab, who: str, we_call: bool) -> None:
    tunnel = Endured(lab, we_call=we_call)
    _rekeys(tunnel, who, REKEYS)
    counted = tunnel.pings.count()
    tell(f"{REKEYS} rekeys by {who}", counted)
    assert counted.lost == 0
    tunnel.settle()


@roles
@pytest.mark.parametrize("who", ["we", "charon", "both"])
def test_pairs_are_rekeyed_while_a_tenth_is_lost(lab: Lab, who: str, we_call: bool) -> None:
    """Each ping that is lost is a datagram that was dropped."""
    tunnel = Endured(lab, we_call=we_call, ours=OurOptions(gateway="retransmit_timeout = 1"))
    tunnel.loses(0.1)
    _rekeys(tunnel, who, REKEYS // 2)
    counted, dropped = tunnel.pings.count(), tunnel.dropped()
    tell(f"{REKEYS // 2} rekeys by {who} at 10 % loss", counted, f", {dropped} datagrams dropped")
    tunnel.loses(0)
    assert counted.lost <= dropped
    assert counted.gap <= 12  # by chance: 0.19 to the power of 12
    tunnel.settle(here=True)


@roles
@pytest.mark.parametrize("who", ["we", "charon", "both"])
def test_phase_1_is_replaced_without_a_black_hole(lab: Lab, who: str, we_call: bool) -> None:
    tunnel = Endured(lab, we_call=we_call, ours=OurOptions(gateway="delete_rekeyed_delay = 10"))
    ours, charons = tunnel.ends
    asked = {"we": (ours,), "charon": (charons,), "both": (ours, charons)}[who]
    most = 0
    for _ in range(REPLACEMENTS):
        at_once((control, ("--rekey", "--ike-id", newest(control))) for control in asked)
        time.sleep(2)
        most = max(most, len(ours.sas()))
    counted = tunnel.pings.count()
    tell(f"phase 1 replaced {REPLACEMENTS} times by {who}", counted, f"; at most {most} ISAKMP SAs here")
    assert counted.lost == 0
    assert most <= 10
    # charon ignores a Delete of a pair under another ISAKMP SA than the one under which it has the pair
    tunnel.settle(here=who == "both")


@roles
def test_charon_is_killed_and_begins_again(lab: Lab, we_call: bool) -> None:
    """Who calls calls again; within a minute packets pass."""
    ours = OurOptions(tunnel='start = "start"' if we_call else "", extra='dpd_delay = "10s"\ndpd_timeout = "20s"')
    charons = CharonOptions(child="" if we_call else "start_action = start")
    tunnel = Endured(lab, we_call=we_call, ours=ours, charons=charons, interval=0.1)
    for _ in range(3):
        tunnel.charon.send_signal(signal.SIGKILL)
        tunnel.charon.wait()
        folder = lab.folder("charon")
        tunnel.charon = lab.started(Charon(tunnel.charon_node, folder, _as_before(charons, we_call)))
        began = time.monotonic()
        wait_until(lambda: answered(tunnel.client), "packets to pass", timeout=60)
        print(f"\nkilled and begun again: packets pass after {time.monotonic() - began:.1f} s")
    counted = tunnel.pings.count()
    tell("charon killed 3 times", counted)
    tunnel.settle()


def _as_before(options: CharonOptions, we_call: bool) -> CharonOptions:
    return CharonOptions(calls=not we_call, child=options.child)


@roles
@pytest.mark.parametrize("what", ["child", "ike"])
@pytest.mark.parametrize("who", ["we", "charon"])
def test_deletes_are_understood_each_way(lab: Lab, who: str, what: str, we_call: bool) -> None:
    tunnel = Endured(lab, we_call=we_call)
    tunnel.pings.count()
    ours, charons = tunnel.ends
    deletes, other = (ours, charons) if who == "we" else (charons, ours)
    caller = ours if we_call else charons
    name = "net" if what == "child" else "peer"
    for _ in range(DELETES):
        assert deletes.swanctl("--terminate", f"--{what}", name).returncode == 0
        wait_until(lambda: not pairs(other), "no pair")
        if what == "ike":
            wait_until(lambda: not other.sas(), "no ISAKMP SA")
        caller.initiate()
        wait_until(lambda: all(end.children() for end in (ours, charons)), "a pair at both ends")
        ping(tunnel.client, count=1)
    print(f"\n{DELETES} deletes of {what} by {who}: understood")


@roles
def test_a_nat_gives_the_client_another_port_in_the_middle_of_a_transfer(lab: Lab, we_call: bool) -> None:
    """If we are behind it, charon does not follow ESP: our dead peer detection shows it the new port."""
    ours = OurOptions(extra='dpd_delay = "10s"\ndpd_timeout = "30s"', remote="" if we_call else "10.10.1.0/24")
    tunnel = Endured(lab, we_call=we_call, ours=ours, nodes=lab.behind_nat(), interval=0.1)
    for port in (20000, 21000, 22000):
        rebind(tunnel.client, port)
        time.sleep(5)
        wait_until(lambda: answered(tunnel.client), "packets to pass", timeout=60)
        transfer(tunnel.client, tunnel.gateway, lab.folder("transfer"), size=300_000)
    counted = tunnel.pings.count()
    tell("a NAT gave the client 3 other ports", counted)
    assert counted.gap <= 600
    tunnel.settle()
