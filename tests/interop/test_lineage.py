"""Who replaced whom, with charon: nothing piles up, nothing is lost, and both agree in the end."""

from __future__ import annotations

import time
from threading import Thread

import pytest

from lab.charon import CharonOptions
from lab.control import Control
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.process import wait_until
from lab.traffic import EndlessPings, ping

_LINGER = 120  # seconds at most: a replaced pair receives for 30, and which side deletes it varies


def pairs(control: Control) -> int:
    """How many pairs there are in any state."""
    return sum(len(sa["child-sas"]) for sa in control.sas())


def spis(control: Control) -> set[str]:
    """The inbound SPIs of all pairs."""
    return {str(child["spi-in"]) for child in control.children()}


def newest_pair(control: Control) -> str:
    """The inbound SPI of the pair that sends."""
    return str(max(control.children(), key=lambda child: int(child["uniqueid"]))["spi-in"])


def moved(control: Control, other: Control) -> bool:
    """Whether all pairs are under the ISAKMP SA that ``other`` has begun last."""
    last = max(other.sas(), key=lambda sa: int(sa["uniqueid"]))["initiator-spi"]
    return {sa["initiator-spi"] for sa in control.sas() if sa["child-sas"]} == {last}


@pytest.mark.parametrize("who", ["we", "charon"])
def test_replaced_pairs_do_not_pile_up(lab: Lab, who: str) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions())
    ours = lab.ours(a, OurOptions(calls=True, gateway="delete_rekeyed_delay = 5"))
    ours.command("up", "peer")
    rekeys = ours.control if who == "we" else charon.control
    pings = lab.started(EndlessPings(a, lab.folder("pings"), interval=0.05))  # without answers, we change over late
    for _ in range(10):
        known = spis(ours.control)
        assert rekeys.swanctl("--rekey", "--child", "net").returncode == 0
        wait_until(lambda known=known: spis(ours.control) - known, "a new pair")  # type: ignore[misc]
        ping(a, count=3)
    assert pings.count().lost == 0
    wait_until(lambda: pairs(ours.control) == pairs(charon.control) == 1, "one pair", timeout=_LINGER)
    ping(a, count=3)


@pytest.mark.slow
@pytest.mark.parametrize("dpd", [False, True], ids=["alone", "among others"])
def test_charon_ignores_message_3_that_is_repeated(lab: Lab, dpd: bool) -> None:
    """Without traffic, message 3 is sent four times. charon knows only its last request: with its R-U-THERE and our
    answer in between, it takes the repetition for a new one.
    """
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions(connection="dpd_delay = 1s" if dpd else ""))
    ours = lab.ours(a, OurOptions(calls=True))
    ours.command("up", "peer")
    (known,) = spis(ours.control)
    for _ in range(3):
        assert ours.control.swanctl("--rekey", "--child", "net").returncode == 0
        wait_until(lambda known=known: newest_pair(ours.control) != known, "a new pair", timeout=20)  # type: ignore[misc]
        known = newest_pair(ours.control)
    if not dpd:
        assert charon.log().count("no response to retransmit") >= 3
    assert len(charon.control.sas()) == len(ours.control.sas()) == 1
    assert known in {str(child["spi-out"]) for child in charon.control.children()}
    ping(a, count=3)


@pytest.mark.parametrize("we_call", [True, False], ids=["we called", "charon called"])
def test_charon_keeps_its_pair_when_we_replace_the_isakmp_sa(lab: Lab, we_call: bool) -> None:
    a, b = lab.direct()
    ours = lab.ours(a if we_call else b, OurOptions(calls=we_call))
    charon = lab.charon(b if we_call else a, CharonOptions(calls=not we_call))
    (ours if we_call else charon).control.initiate()
    for _ in range(5):
        newest = max(int(sa["uniqueid"]) for sa in ours.control.sas())
        assert ours.control.swanctl("--rekey", "--ike-id", str(newest)).returncode == 0
        # charon moves its pairs in a job of its own
        wait_until(lambda: moved(charon.control, ours.control), "charon's pair to be under the new ISAKMP SA")
        assert len(charon.control.children()) == 1
    ping(a, count=3)
    wait_until(lambda: len(ours.control.sas()) == len(charon.control.sas()) == 1, "one ISAKMP SA", timeout=_LINGER)
    assert len(ours.control.children()) == len(charon.control.children()) == 1
    ping(a, count=3)


def newest(control: Control) -> str:
    """The number of the ISAKMP SA that was begun last."""
    return str(max(int(sa["uniqueid"]) for sa in control.sas()))


@pytest.mark.slow
@pytest.mark.parametrize("we_call", [True, False], ids=["we called", "charon called"])
def test_both_replace_the_isakmp_sa_at_the_same_instant(lab: Lab, we_call: bool) -> None:
    """charon keeps its pairs under either of the two new ones, and ends them with it."""
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions(calls=not we_call))
    ours = lab.ours(a, OurOptions(calls=we_call, gateway="delete_rekeyed_delay = 10"))
    (ours if we_call else charon).control.initiate()
    pings = lab.started(EndlessPings(a, lab.folder("pings"), interval=0.05))
    ends = ours.control, charon.control
    peak = 0
    for _ in range(5):
        commands = [
            Thread(target=control.swanctl, args=("--rekey", "--ike-id", newest(control)))
            for control in (ours.control, charon.control)
        ]
        for command in commands:
            command.start()
        for command in commands:
            command.join()
        time.sleep(1.5)
        peak = max(peak, len(ours.control.sas()))
    wait_until(lambda: [len(end.sas()) for end in ends] == [1, 1], "one ISAKMP SA", timeout=_LINGER)
    wait_until(lambda: [pairs(end) for end in ends] == [1, 1], "one pair")
    counted = pings.count()
    assert (counted.lost, peak <= 10) == (0, True), (counted, peak)
    ping(a, count=3)
    assert ours.control.swanctl("--rekey", "--child", "net").returncode == 0
    ping(a, count=3)


@pytest.mark.slow
@pytest.mark.parametrize("we_call", [True, False], ids=["we called", "charon called"])
def test_charon_replaces_the_isakmp_sa_before_us_and_deletes_it_later(lab: Lab, we_call: bool) -> None:
    """By its times as they are by default, 4 hours and 24 minutes, but shorter."""
    a, b = lab.direct()
    times = "rekey_time = 9s\nover_time = 5s\nrand_time = 0s"
    charon = lab.charon(b, CharonOptions(calls=not we_call, connection=times, dos_protection=False))
    ours = lab.ours(a, OurOptions(calls=we_call, extra='lifetime = "15s"\nproposal_check = "obey"'))
    (ours if we_call else charon).control.initiate()
    pings = lab.started(EndlessPings(a, lab.folder("pings"), interval=0.1))
    known: set[str] = set()
    counts = []

    def replaced_twice() -> bool:
        sas = ours.control.sas()
        known.update(sa["initiator-spi"] for sa in sas)
        counts.append(len(sas))
        return len(known) >= 3 and len(sas) == 1

    wait_until(replaced_twice, "the end of the second ISAKMP SA")
    counted = pings.count()
    assert (max(counts), counted.lost) == (2, 0), (counts, counted)
    assert pairs(ours.control) == pairs(charon.control) == 1
