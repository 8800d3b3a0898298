"""The hook of a tunnel: up once and down once, whatever becomes of its pairs, the hook and this process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from ikev1.core.peer.identity import identification
from ikev1.core.records.child_sa import ChildSa, IpsecKeys, IpsecMode, IpsecSuite, Mark, PacketMarks
from ikev1.core.records.events import ChildDown, ChildUp, Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import Anchor, IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import Nat, NatTraversalVersion, UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import User
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Settings, Tunnel
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.remote_access import updown
from ikev1.daemon.remote_access.updown import Raised, Updown
from ikev1.daemon.remote_access.updown_environment import environment_of, safe, verb
from ikev1.files.journal import Journal
from ikev1.wire.payloads import build_body

PATH = UdpPath("192.0.2.1", 4500, "198.51.100.7", 4501)


def body_of(name: str) -> bytes:
    return build_body(identification(name))


def sa(number: int = 1, peer: str = "branch.example.org") -> IkeSa:
    return IkeSa(
        number,
        "branch",
        Role.INITIATOR,
        PATH,
        b"i" * 8,
        b"r" * 8,
        0.0,
        IDii_b=body_of("gw.example.org"),
        IDir_b=body_of(peer),
        anchor=Anchor(PATH.local_host, PATH.remote_host),
    )


def child(number: int = 1, local: str = "10.1.0.0/16", remote: str = "10.2.0.0/16") -> ChildSa:
    return ChildSa(
        unique_id=number,
        name="net",
        connection="branch",
        suite=IpsecSuite(12, 128, 5),
        inbound=IpsecKeys(number),
        outbound=IpsecKeys(100 + number),
        local=Selector.parse(local),
        remote=Selector.parse(remote),
        path=PATH,
        udp_encapsulation=True,
        initiator=True,
        created_at=0.0,
        reqid=7,
    )


class Scene:
    """A hook that notes its runs in a file, and the `Updown` of one process after another."""

    def __init__(self, folder: Path, body: str = "") -> None:
        folder.chmod(0o700)
        self.noted = folder / "noted"
        self.script = folder / "hook"
        self.script.write_text(f'#!/bin/sh\necho "$PLUTO_VERB $PLUTO_PEER_CLIENT $1" >> {self.noted}\n{body}\n')
        self.script.chmod(0o700)
        self.journal = folder / "hooks"
        self.lines: list[Line] = []
        self.log = EventLog(lambda: 0.0)
        self.log.attach(Level.DEBUG, self.lines.append)
        self.command: tuple[str, ...] = (str(self.script), "word")

    def process(self, alive: Sequence[tuple[IkeSa, ChildSa]] = ()) -> Updown:
        hook = Updown(self.settings, lambda _: "eth0", self.log, Journal(self.journal, Raised))
        hook.begin(alive)
        return hook

    def settings(self) -> Settings:
        tunnel = Tunnel("net", Selector.parse("10.1.0.0/16"), Selector.parse("10.2.0.0/16"), (), updown=self.command)
        return Settings((Connection("branch", (), (tunnel,)),))

    @property
    def runs(self) -> list[str]:
        return self.noted.read_text().splitlines() if self.noted.exists() else []

    @property
    def codes(self) -> list[str]:
        return [line.code for line in self.lines if line.code]


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(run())


UP, DOWN = "up-client 10.2.0.0/16 word", "down-client 10.2.0.0/16 word"


def test_up_and_down_once_over_rekeying(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def scenario() -> None:
        hook = scene.process()
        hook.observe(ChildUp(sa(), child(1)))
        hook.observe(ChildUp(sa(), child(2), child(1)))
        hook.observe(ChildDown(sa(), child(1), "rekeyed"))
        hook.observe(ChildUp(sa(2), child(3)))  # under another ISAKMP SA
        hook.removed(child(2))
        hook.removed(child(2))
        while scene.runs != [UP]:
            await asyncio.sleep(0.01)
        hook.observe(ChildDown(sa(2), child(3), "closed"))
        await hook.close()
        assert scene.runs == [UP, DOWN]

    play(scenario)


def test_one_run_for_each_network_of_a_pair(tmp_path: Path) -> None:
    scene = Scene(tmp_path, body=f'echo "$PLUTO_VERB $PLUTO_MY_CLIENT" >> {tmp_path}/networks')
    several = tuple(map(Selector.parse, ("10.1.0.0/16", "10.3.0.0/16")))

    def pair(number: int) -> ChildSa:
        return replace(child(number, local="0.0.0.0/0"), networks=several)

    async def scenario() -> None:
        hook = scene.process()
        hook.observe(ChildUp(sa(), pair(1)))
        hook.observe(ChildUp(sa(), pair(2), pair(1)))
        hook.observe(ChildDown(sa(), pair(1), "rekeyed"))
        await hook.done()
        hook.observe(ChildDown(sa(), pair(2), "closed"))
        await hook.close()

    play(scenario)
    ran = sorted((tmp_path / "networks").read_text().splitlines())
    assert ran == [f"{verb}-client {network}" for verb in ("down", "up") for network in several]


def test_another_port_of_the_nat_changes_nothing(tmp_path: Path) -> None:
    """Else the hook of the earlier port ran down what that of the later one had run up, at the next rekeying."""
    scene = Scene(tmp_path)
    here = replace(sa(), nat=Nat(NatTraversalVersion.RFC_3947, remote_behind=True))
    there = replace(here, path=PATH._replace(remote_port=61_000))

    async def scenario() -> None:
        hook = scene.process()
        hook.observe(ChildUp(here, child(1)))
        while scene.runs != [UP]:
            await asyncio.sleep(0.01)
        hook.observe(ChildUp(there, replace(child(2), path=there.path), child(1)))
        hook.observe(ChildDown(there, child(1), "rekeyed"))
        await hook.close()
        assert scene.runs == [UP]
        next_hook = scene.process([(replace(there, path=PATH._replace(remote_port=62_000)), child(2))])
        await next_hook.close()
        assert scene.runs == [UP]

    play(scenario)


def test_clients_behind_one_nat_have_their_own_in_transport_mode(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    here = replace(sa(), nat=Nat(NatTraversalVersion.RFC_3947, remote_behind=True))
    there = replace(here, path=PATH._replace(remote_port=61_000))

    async def scenario() -> None:
        hook = scene.process()
        for number, known in enumerate((here, there)):
            hook.observe(ChildUp(known, replace(child(number), path=known.path, mode=IpsecMode.TRANSPORT)))
        await hook.close()
        assert scene.runs == [UP, UP]

    play(scenario)


def test_each_tunnel_and_each_peer_has_its_own(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def scenario() -> None:
        hook = scene.process()
        hook.observe(ChildUp(sa(), child(1)))
        hook.observe(ChildUp(sa(), child(2, remote="10.3.0.0/16")))
        hook.observe(ChildUp(sa(2, "other.example.org"), child(3)))
        hook.observe(ChildDown(sa(), child(2, remote="10.3.0.0/16"), "closed"))
        await hook.close()
        assert scene.runs == [UP, UP]  # the third was down again before its hook had begun

    play(scenario)


def test_what_is_outdated_is_left_out_and_runs_are_never_at_once(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    scene = Scene(tmp_path, f"mkdir {lock} || echo both >> {tmp_path}/noted; sleep 0.05; rmdir {lock}")

    async def scenario() -> None:
        hook = scene.process()
        for number in range(1, 50):
            hook.observe(ChildUp(sa(), child(number)))
            await asyncio.sleep(0)
            hook.removed(child(number))
            await asyncio.sleep(0)
        await hook.close()
        assert len(scene.runs) < 10
        assert scene.runs == [UP, DOWN] * (len(scene.runs) // 2)

    play(scenario)


def test_without_a_hook_nothing_is_run(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.command = ()

    async def scenario() -> None:
        hook = scene.process()
        hook.observe(ChildUp(sa(), child(1)))
        hook.removed(child(1))
        await hook.close()
        assert scene.runs == []

    play(scenario)


def test_a_reload_does_not_lose_the_down(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def scenario() -> None:
        hook = scene.process()
        hook.observe(ChildUp(sa(), child(1)))
        while scene.runs != [UP]:
            await asyncio.sleep(0.01)
        scene.command = ()
        hook.observe(ChildUp(sa(), child(2), child(1)))
        hook.removed(child(1))
        hook.removed(child(2))
        await hook.close()
        assert scene.runs == [UP, DOWN]

    play(scenario)


async def crash(scene: Scene) -> None:
    """A process that has run a hook up, and was killed."""
    hook = scene.process()
    hook.observe(ChildUp(sa(), child(1)))
    while scene.runs != [UP]:
        await asyncio.sleep(0.01)


def test_after_a_kill_the_next_process_runs_down_what_is_gone(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def scenario() -> None:
        await crash(scene)
        scene.command = ()  # what was run up is run down, whatever is configured now
        hook = scene.process()
        await hook.close()
        assert scene.runs == [UP, DOWN]
        await scene.process().close()
        assert scene.runs == [UP, DOWN]

    play(scenario)


def test_after_a_kill_what_was_taken_over_goes_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def scenario() -> None:
        await crash(scene)
        hook = scene.process([(sa(), child(1))])
        hook.observe(ChildUp(sa(), child(1)))  # reported by the next process
        hook.observe(ChildUp(sa(), child(2), child(1)))
        hook.removed(child(1))
        await asyncio.sleep(0.05)
        assert scene.runs == [UP]
        hook.removed(child(2))
        await hook.close()
        assert scene.runs == [UP, DOWN]

    play(scenario)


def test_a_hook_that_fails_is_reported_and_run_down_nevertheless(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "echo the reason >&2; exit 3")

    async def scenario() -> None:
        hook = scene.process()
        hook.observe(ChildUp(sa(), child(1)))
        while not scene.codes:
            await asyncio.sleep(0.01)
        hook.removed(child(1))
        await hook.close()
        assert scene.runs == [UP, DOWN]
        assert scene.codes == [Code.UPDOWN_FAILED] * 2
        assert "the reason" in scene.lines[0].text

    play(scenario)


def test_a_hook_that_takes_too_long_is_killed_and_blocks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updown, "SECONDS", 0.5)
    scene = Scene(tmp_path, "[ $PLUTO_VERB = down-client ] || exec sleep 600")

    async def scenario() -> None:
        hook = scene.process()
        hook.observe(ChildUp(sa(), child(1)))
        begun = asyncio.get_running_loop().time()
        await asyncio.sleep(0)
        assert asyncio.get_running_loop().time() - begun < 0.4
        hook.removed(child(1))
        await hook.close()
        assert scene.runs == [UP, DOWN]
        assert scene.codes == [Code.UPDOWN_FAILED]

    play(scenario)


def test_a_process_in_the_background_does_not_hold_the_hook_up(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sleep 600 & echo $! >> {tmp_path}/pids")

    async def scenario() -> None:
        hook = scene.process()
        hook.observe(ChildUp(sa(), child(1)))
        hook.observe(ChildUp(sa(), child(2)))
        while not scene.runs:
            await asyncio.sleep(0.01)
        hook.removed(child(1))
        hook.removed(child(2))
        await hook.close()
        assert scene.runs == [UP, DOWN]
        assert scene.codes == []

    try:
        play(scenario)
    finally:
        for pid in (tmp_path / "pids").read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def test_a_hook_that_is_missing_is_reported(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.command = (str(tmp_path / "missing"),)

    async def scenario() -> None:
        hook = scene.process()
        hook.observe(ChildUp(sa(), child(1)))
        await hook.close()
        assert scene.codes == [Code.UPDOWN_FAILED]

    play(scenario)


# --- the journal ----------------------------------------------------------------------------------------------------


def raised(number: int) -> Raised:
    return Raised(str(number), ("hook",), {"PLUTO_CONNECTION": "net"}, "down-client")


def test_the_journal_stays_short(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    journal: Journal[Raised] = Journal(tmp_path / "hooks", Raised)
    journal.note(raised(0))
    for number in range(1, 3000):
        journal.note(raised(number))
        journal.strike(raised(number))
    journal.close()
    assert (tmp_path / "hooks").read_bytes().count(b"\n") < 4500
    assert Journal[Raised](tmp_path / "hooks", Raised).left == (raised(0),)
    assert (tmp_path / "hooks").stat().st_mode & 0o777 == 0o600


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    journal: Journal[Raised] = Journal(tmp_path / "hooks", Raised)
    journal.note(raised(1))
    journal.close()
    journal.close()  # nothing else, and no other file
    with (tmp_path / "hooks").open("ab") as opened:
        opened.write(b'\n[true,{"key":"2","comm')
    assert Journal[Raised](tmp_path / "hooks", Raised).left == (raised(1),)


# --- the environment ------------------------------------------------------------------------------------------------


def test_all_variables() -> None:
    pair = replace(child(), marks=PacketMarks(Mark(0x2A, 0xFF), Mark(), 5, 6))
    assert environment_of(sa(9), pair, "eth0") == {
        "PLUTO_VERSION": "1.1",
        "PLUTO_CONNECTION": "net",
        "PLUTO_INTERFACE": "eth0",
        "PLUTO_REQID": "7",
        "PLUTO_PROTO": "esp",
        "PLUTO_UNIQUEID": "9",
        "IKEV1_CONNECTION": "branch",
        "IKEV1_MODE": "tunnel",
        "PLUTO_ME": "192.0.2.1",
        "PLUTO_MY_ID": "gw.example.org",
        "PLUTO_MY_CLIENT": "10.1.0.0/16",
        "PLUTO_MY_CLIENT_NET": "10.1.0.0",
        "PLUTO_MY_CLIENT_MASK": "255.255.0.0",
        "PLUTO_MY_PORT": "0",
        "PLUTO_MY_PROTOCOL": "0",
        "PLUTO_PEER": "198.51.100.7",
        "PLUTO_PEER_ID": "branch.example.org",
        "PLUTO_PEER_CLIENT": "10.2.0.0/16",
        "PLUTO_PEER_CLIENT_NET": "10.2.0.0",
        "PLUTO_PEER_CLIENT_MASK": "255.255.0.0",
        "PLUTO_PEER_PORT": "0",
        "PLUTO_PEER_PROTOCOL": "0",
        "PLUTO_UDP_ENC": "4501",
        "PLUTO_MARK_IN": "42/0x000000ff",
        "PLUTO_IF_ID_IN": "5",
        "PLUTO_IF_ID_OUT": "6",
    }


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("192.0.2.1", "up-host"),
        ("192.0.2.1[udp/1701]", "up-host"),
        ("192.0.2.2", "up-client"),
        ("10.1.0.0/16", "up-client"),
        ("2001:db8::/64", "up-client-v6"),
    ],
)
def test_the_verb(local: str, expected: str) -> None:
    remote = "2001:db8:1::/64" if ":" in local else "10.2.0.0/16"
    assert verb(child(1, local, remote), up=True) == expected
    assert verb(child(1, local, remote), up=False) == expected.replace("up", "down")


def test_a_range_is_the_smallest_network_around_it() -> None:
    found = environment_of(sa(), child(1, remote="10.3.0.10-10.3.0.19[tcp/9100]"), "eth0")
    assert found["PLUTO_PEER_CLIENT"] == "10.3.0.0/27"
    assert (found["PLUTO_PEER_PROTOCOL"], found["PLUTO_PEER_PORT"]) == ("6", "9100")


@pytest.mark.parametrize(
    "evil", ["$(reboot)", "`id`", "a;b", "a\nb", "a'b", 'a"b', "a|b", "a&b", "a>b", "a\\b", "\x1b[0m"]
)
def test_nothing_of_a_peer_means_anything_to_a_shell(evil: str) -> None:
    assert not set(safe(evil)) & set("$`;\n'\"|&<>\\(){}[]*?!#~\x1b")
    assert not safe(evil).startswith("-")
    assert len(safe(evil * 1000)) <= 256


def test_a_client_and_a_gateway_of_users() -> None:
    user = User("alice; reboot", "EX")
    given = ModeConfig(("10.99.0.7", "fd00::7"))
    server = environment_of(replace(sa(), user=user, assigned=given), child(), "eth0")
    assert server["PLUTO_XAUTH_ID"] == "EX_alice_ reboot"
    expected = {"PLUTO_PEER_SOURCEIP": "10.99.0.7", "PLUTO_PEER_SOURCEIP4_1": "10.99.0.7"}
    assert server.items() >= (expected | {"PLUTO_PEER_SOURCEIP6_1": "fd00::7"}).items()
    received = replace(given, dns=("10.0.0.53", "fd00::53", "10.0.0.54"))
    client = environment_of(replace(sa(), received=received), child(), "eth0", "alice")
    names = {"PLUTO_DNS4_1": "10.0.0.53", "PLUTO_DNS4_2": "10.0.0.54", "PLUTO_DNS6_1": "fd00::53"}
    assert client.items() >= ({"PLUTO_XAUTH_ID": "alice", "PLUTO_MY_SOURCEIP": "10.99.0.7"} | names).items()
    assert "PLUTO_PEER_SOURCEIP" not in client


def test_transport_mode_and_ah() -> None:
    pair = replace(child(), mode=IpsecMode.TRANSPORT, suite=IpsecSuite(0, 0, 5, protocol=2), udp_encapsulation=False)
    found = environment_of(sa(), pair, "eth0")
    assert (found["PLUTO_PROTO"], found["IKEV1_MODE"]) == ("ah", "transport")
    assert "PLUTO_UDP_ENC" not in found
