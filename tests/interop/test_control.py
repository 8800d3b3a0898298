"""Debian's swanctl, unmodified, and PyPI's vici as the controls of our gateway."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import vici

from lab import replay
from lab.capture import ESP_IN_UDP
from lab.charon import CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.process import wait_until
from lab.traffic import ping


@pytest.fixture
def nodes(lab: Lab) -> tuple[Node, Node]:
    return lab.direct()


@pytest.fixture
def ours(lab: Lab, nodes: tuple[Node, Node]) -> OurGateway:
    """We call charon, which is there."""
    a, b = nodes
    lab.charon(b, CharonOptions())
    return lab.ours(a, OurOptions(calls=True))


def swanctl(ours: OurGateway, *arguments: str) -> str:
    """What swanctl prints where it succeeds."""
    done = ours.control.swanctl(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(null)" not in done.stdout  # swanctl's word for a key that it missed
    return done.stdout


def test_swanctl_shows_the_version(ours: OurGateway) -> None:
    assert "ikev1" in swanctl(ours, "--version", "--daemon")


def test_swanctl_shows_statistics(ours: OurGateway) -> None:
    ours.command("up", "peer")
    said = swanctl(ours, "--stats")
    assert "uptime" in said
    assert "IKE_SAs: 1 total, 0 half-open" in said


def test_swanctl_lists_connections(ours: OurGateway) -> None:
    said = swanctl(ours, "--list-conns")
    for line in (
        "peer: IKEv1",
        "local:  10.77.0.1",
        "remote: 10.77.0.2",
        "pre-shared key authentication",
        "id: alice@lab",
        "id: gw.lab",
        "net: TUNNEL",
        "local:  10.10.1.0/24",
        "remote: 10.10.2.0/24",
    ):
        assert line in said


def test_swanctl_initiates_lists_and_terminates(ours: OurGateway, nodes: tuple[Node, Node]) -> None:
    said = swanctl(ours, "--initiate", "--child", "net", "--timeout", "60")
    ours.control.await_other_end()
    assert "initiate completed successfully" in said
    assert "[IKE]" in said
    assert "[CHD]" in said

    ping(nodes[0])
    said = swanctl(ours, "--list-sas")
    (sa,), child = ours.control.sas(), ours.control.child()
    for line in (
        f"peer: #{sa['uniqueid']}, ESTABLISHED, IKEv1, {sa['initiator-spi']}_i* {sa['responder-spi']}_r",
        "local  'alice@lab' @ 10.77.0.1[4500]",
        "remote 'gw.lab' @ 10.77.0.2[4500]",
        "AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048",
        "INSTALLED, TUNNEL-in-UDP, ESP:AES_CBC-128/HMAC_SHA2_256_128",
        f"in  {child['spi-in']},    252 bytes,     3 packets",
        f"out {child['spi-out']},    252 bytes,     3 packets",
        "local  10.10.1.0/24",
        "remote 10.10.2.0/24",
    ):
        assert line in said

    assert "terminate completed successfully" in swanctl(ours, "--terminate", "--child", "net")
    assert not ours.control.children()
    assert "ESTABLISHED" in swanctl(ours, "--list-sas")
    swanctl(ours, "--terminate", "--ike", "peer")
    assert swanctl(ours, "--list-sas") == ""


def test_swanctl_is_told_why_it_fails(ours: OurGateway) -> None:
    for arguments, reason in (
        (("--initiate", "--child", "nothing"), "CHILD_SA config 'nothing' not found"),
        (("--terminate", "--ike", "peer"), "no matching SAs to terminate found"),
        (("--rekey", "--child", "net"), "no matching SAs to rekey found"),
    ):
        done = ours.control.swanctl(*arguments)
        assert done.returncode == 1
        assert reason in done.stderr


def test_swanctl_follows_the_log(ours: OurGateway, lab: Lab) -> None:
    file = lab.folder("swanctl-log")

    def goes_up_and_down() -> str:
        ours.control.swanctl("--initiate", "--child", "net")
        ours.control.swanctl("--terminate", "--ike", "peer")
        return file.read_text()

    with file.open("wb") as output:
        follower = subprocess.Popen(["swanctl", "--log", "--uri", f"unix://{ours.control.path}"], stdout=output)
    try:
        # each try writes lines; the first that comes after the follower has registered is seen
        ours.wait_for(goes_up_and_down, "a line of log")
        wait_until(
            lambda: "established" in file.read_text() or "closed" in file.read_text(), "the line in swanctl --log"
        )
    finally:
        follower.terminate()
        follower.wait(10)


def test_charon_and_we_show_the_same(ours: OurGateway) -> None:
    ours.command("up", "peer")
    for command in (
        "--list-sas",
        "--list-conns",
        "--list-pols",
        "--list-pools",
        "--list-certs",
        "--list-algs",
        "--counters",
    ):
        swanctl(ours, command)


def test_vici_of_pypi(ours: OurGateway) -> None:
    with ours.control.session() as session:
        assert session.version()["version"]
        assert [str(line["msg"], "ascii") for line in session.initiate({"child": "net", "timeout": "20000"})]
        (sa,) = session.list_sas({"ike": "peer"})
        assert sa["peer"]["state"] == b"ESTABLISHED"
        (connection,) = session.list_conns()
        assert connection["peer"]["version"] == b"IKEv1"
        assert isinstance(session.get_conns()["conns"], list)
        list(session.terminate({"ike": "peer"}))
        assert list(session.list_sas()) == []
        with pytest.raises(vici.exception.CommandException, match="not found"):
            list(session.initiate({"child": "nothing"}))


def _happened(events: Iterator[tuple[bytes | None, dict[str, bytes] | None]]) -> list[tuple[bytes, dict[str, bytes]]]:
    """The next event, or nothing where there was none for a while."""
    name, event = next(events)
    return [] if name is None or event is None else [(name, event)]


def test_events_reach_a_listener(ours: OurGateway) -> None:
    with ours.control.session() as listener:
        events = listener.listen(["ike-updown", "child-updown"], timeout=0.1)
        assert next(events) == (None, None)  # it registers, and nothing happens yet
        ours.control.initiate()
        seen = [event for _ in range(2) for event in wait_until(partial(_happened, events), "an event")]
        events.close()
    assert [name for name, _ in seen] == [b"ike-updown", b"child-updown"]
    assert all(event["up"] == b"yes" for _, event in seen)


def test_our_command_line_says_what_swanctl_says(ours: OurGateway) -> None:
    assert "peer/net is up" in ours.command("up", "peer")
    assert "10.77.0.2" in ours.command("show", "isakmp", "sa")
    assert ours.control.child()["spi-in"] in ours.command("show", "ipsec", "sa").lower()
    ours.command("down", "peer")
    assert not ours.control.sas()


def test_packets_of_strangers_are_counted_and_explained(lab: Lab, nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    ours = lab.ours(a, OurOptions(data_plane="userspace"))
    assert ours.command("show", "plane").startswith("data plane: userspace: ")
    stray = f"import socket; socket.socket(2, 2).sendto(b'\\0\\0\\x10\\0' + bytes(60), ({a.address!r}, 4500))"
    b.run(sys.executable, "-c", stray)
    ours.wait_for(lambda: "unknown-spi" in ours.command("show", "plane"), "the stray packet")
    assert "1 unknown-spi: " in ours.command("show", "ipsec", "sa")
    with ours.control.session() as session:
        assert session.stats()["drops"] == {"unknown-spi": b"1"}
        assert session.version()["data-plane"] == b"userspace"
    swanctl(ours, "--stats")
    swanctl(ours, "--version", "--daemon")


def test_what_a_pair_refused_is_explained(lab: Lab, ours: OurGateway, nodes: tuple[Node, Node]) -> None:
    """The packets that charon sent, once more."""
    ours.command("up", "peer")
    witness = lab.capture(nodes[1], sent=True)
    ping(nodes[0])
    recorded = witness.finish_with(3, ESP_IN_UDP)
    nodes[1].run(sys.executable, Path(replay.__file__), recorded, "2")
    ours.wait_for(lambda: ours.control.child()["replays-in"] == "6", "the six packets")
    said = ours.command("show", "ipsec", "sa")
    assert "#send errors 0, #recv errors 6" in said
    assert "6 replays-in: " in said
    swanctl(ours, "--list-sas")


def test_the_control_socket_is_not_for_everybody(ours: OurGateway) -> None:
    assert Path(ours.control.path).stat().st_mode & 0o007 == 0


def test_the_keys_of_list_sas_are_those_of_charon_in_its_order(lab: Lab, nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    charon = lab.charon(b, CharonOptions())
    ours = lab.ours(a, OurOptions(calls=True))
    ours.command("up", "peer")
    ping(a)

    (theirs,), (our,) = charon.control.sas(), ours.control.sas()
    (their_child,), (our_child,) = theirs["child-sas"].values(), our["child-sas"].values()
    ours_alone = {"initiator", "nat-remote", "life-time"}  # charon pretends to be behind a NAT
    for known, shown, extensions in (
        (theirs, our, {"cisco-state", "peer-maker"}),
        (their_child, our_child, REFUSED),
    ):
        both = [key for key in shown if key in known]
        assert both == [key for key in known if key in shown]
        assert known.keys() - shown.keys() <= {"nat-fake"}
        more = [key for key in shown if key not in known and key not in ours_alone]
        assert set(more) <= extensions
        assert list(shown)[-len(more) :] == more
    numbers = our["uniqueid"], our_child["uniqueid"], our_child["reqid"]
    assert numbers == (theirs["uniqueid"], their_child["uniqueid"], their_child["reqid"]) == ("1", "1", "1")


REFUSED = {f"{name}-in" for name in ("replays", "integrity-failures", "malformed", "selector-drops", "dummies")}
REFUSED |= {"refused-out", "unsent-out"}
