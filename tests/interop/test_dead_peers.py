"""Dead peers, and peers that ask whether we are alive (RFC 3706)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab import dead_peers
from lab.charon import CharonOptions
from lab.dead_peers import DEAD, QUICK, again, killed
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.traffic import EndlessPings, ping


def test_a_charon_that_was_killed_is_noticed_and_called_again(lab: Lab) -> None:
    dead_peers.a_charon_that_was_killed_is_called_again(lab, OurOptions(), CharonOptions())


def test_a_charon_that_called_and_was_killed_is_forgotten(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions(extra=QUICK))
    charon = lab.charon(a, CharonOptions(calls=True))
    charon.control.initiate()
    ping(a)
    killed(charon)
    ours.wait_for_log(DEAD)
    ours.wait_for(lambda: not ours.control.sas(), "our ISAKMP SA to be gone")
    assert not ours.control.children()
    other = again(lab, a, CharonOptions(calls=True))
    other.control.initiate()
    ping(a)


@pytest.mark.parametrize("we_call", [True, False])
def test_an_idle_charon_acknowledges_and_stays(lab: Lab, we_call: bool) -> None:
    a, b = lab.direct()
    our_node, charons_node = (a, b) if we_call else (b, a)
    ours = lab.ours(our_node, OurOptions(calls=we_call, extra="dpd_delay = 1\ndpd_timeout = 30"))
    charon = lab.charon(charons_node, CharonOptions(calls=not we_call))
    (ours if we_call else charon).control.initiate()
    ours.wait_for(lambda: ours.log().count("N(R_U_THERE_ACK") >= 5, "five acknowledgements")
    assert DEAD not in ours.log()
    ping(a)


@pytest.mark.parametrize("we_call", [True, False])
def test_a_charon_that_asks_is_answered(lab: Lab, we_call: bool) -> None:
    a, b = lab.direct()
    our_node, charons_node = (a, b) if we_call else (b, a)
    ours = lab.ours(our_node, OurOptions(calls=we_call, extra="dpd_delay = 0"))
    charon = lab.charon(charons_node, CharonOptions(calls=not we_call, connection="dpd_delay = 1s\ndpd_timeout = 4s"))
    (ours if we_call else charon).control.initiate()
    charon.wait_for(lambda: charon.log().count("N(DPD_ACK)") >= 4, "four acknowledgements")
    assert "N(R_U_THERE," in ours.log()
    assert len(charon.control.children()) == 1
    ping(a)


def test_traffic_needs_no_questions(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, CharonOptions())
    ours = lab.ours(a, OurOptions(calls=True, extra="dpd_delay = 3\ndpd_timeout = 30"))
    ours.control.initiate()
    ping(a, count=40)  # eight seconds
    assert "N(R_U_THERE" not in ours.log()


def test_a_pair_that_charon_has_deleted_without_our_knowledge_is_replaced(lab: Lab) -> None:
    dead_peers.a_pair_that_charon_has_deleted_without_our_knowledge_is_replaced(lab, OurOptions(), CharonOptions())


def test_a_gateway_of_ours_that_lost_its_sas_says_so_and_is_called_again(lab: Lab) -> None:
    """Without its hints it would be noticed after a minute."""
    a, b = lab.direct()
    theirs = lab.ours(b, OurOptions(calls=True, own_id="gw.lab", remote_id="alice@lab"))
    slow = OurOptions(calls=True, extra="dpd_delay = 60\ndpd_timeout = 4", tunnel='start = "start"', encapsulation=True)
    ours = lab.ours(a, slow)
    ours.wait_for(ours.control.children, "the tunnel")
    ping(a)
    killed(theirs)
    lab.started(OurGateway(b, theirs.directory, replace(theirs.options)))
    background = lab.started(EndlessPings(a, lab.folder("pings"), interval=0.2))
    ours.wait_for_log("(dpd-hint)")
    ours.wait_for_log(DEAD)
    ours.wait_for(ours.control.children, "the tunnel once more")
    background.stop()
    ping(a)
