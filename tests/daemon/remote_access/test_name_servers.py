"""The name servers of gateways: what is installed, by which program, and how it is undone."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ikev1.core.records.child_sa import ChildSa, ChildState, IpsecKeys, IpsecSuite
from ikev1.core.records.events import ChildDown, ChildUp, Code, ConfigReceived
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Settings
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.remote_access.name_servers import NameServers
from ikev1.daemon.remote_access.resolver import Names, Resolver, find_resolver, names_in
from ikev1.daemon.remote_access.updown import Raised, Updown
from ikev1.files.journal import Journal

PATH = UdpPath("192.0.2.1", 500, "198.51.100.7", 500)
OFFICE = ModeConfig(addresses=("10.99.0.10",), dns=("10.2.0.53",), default_domain="office.example")


def program(folder: Path, name: str) -> Path:
    """A program that notes its arguments and what it reads."""
    file = folder / name
    file.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/noted\n[ "$1" != -a ] || cat >> {folder}/noted\n')
    file.chmod(0o700)
    return file


def noted(folder: Path) -> list[str]:
    file = folder / "noted"
    return file.read_text().splitlines() if file.exists() else []


def run(raised: Raised, word: str, folder: Path) -> None:
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "PLUTO_VERB": word, **raised.environment}
    subprocess.run(raised.command, env=environment, check=True)


@pytest.mark.parametrize(
    ("programs", "device", "runs", "found"),
    [
        (("resolvectl", "resolvconf"), "ikev1c", True, "ikev1c"),
        (("resolvectl", "resolvconf"), "ikev1c", False, "tun.ikev1c"),
        (("resolvectl", "resolvconf"), "", True, "tun.ikev1c"),  # the kernel's data plane
        (("resolvectl",), "", True, None),
        (("resolvconf",), "ikev1c", True, "tun.ikev1c"),
        ((), "ikev1c", True, None),
    ],
)
def test_which_program(tmp_path: Path, programs: tuple[str, ...], device: str, runs: bool, found: str | None) -> None:
    for name in programs:
        program(tmp_path, name)
    resolved = tmp_path if runs else tmp_path / "none"
    resolver = find_resolver(device, "ikev1c", programs=str(tmp_path), resolved=resolved)
    assert (resolver.name if resolver is not None else None) == found


def test_a_resolvconf_that_is_resolvectl(tmp_path: Path) -> None:
    """It knows devices only, so it is of no use without one."""
    (tmp_path / "resolvconf").symlink_to(program(tmp_path, "resolvectl"))
    assert find_resolver("", "ikev1c", programs=str(tmp_path), resolved=tmp_path) is None


def resolver_with(folder: Path, name: str) -> Resolver:
    program(folder, name)
    found = find_resolver("ikev1c", "ikev1c", programs=str(folder), resolved=folder)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("names", "domains"),
    [
        (Names(("10.2.0.53",)), "~."),
        (Names(("10.2.0.53",), ("office.example",)), "office.example ~."),
        (
            Names(("10.2.0.53",), ("office.example",), ("a.example", "b.example")),
            "office.example ~a.example ~b.example",
        ),
    ],
)
def test_resolvectl(tmp_path: Path, names: Names, domains: str) -> None:
    raised = resolver_with(tmp_path, "resolvectl").raised(names)
    run(raised, "up", tmp_path)
    run(raised, raised.verb, tmp_path)
    assert noted(tmp_path) == [
        "resolvectl dns ikev1c 10.2.0.53",
        f"resolvectl domain ikev1c {domains}",
        "resolvectl revert ikev1c",
    ]


def test_resolvconf(tmp_path: Path) -> None:
    names = Names(("10.2.0.53", "fd02::53"), ("office.example",), ("a.example",))
    raised = resolver_with(tmp_path, "resolvconf").raised(names)
    run(raised, "up", tmp_path)
    run(raised, raised.verb, tmp_path)
    assert noted(tmp_path) == [
        "resolvconf -a tun.ikev1c -m 0 -x",
        "nameserver 10.2.0.53",
        "nameserver fd02::53",
        "search office.example",
        "resolvconf -d tun.ikev1c",
    ]


def test_several_gateways() -> None:
    other = ModeConfig(dns=("10.3.0.53", "10.2.0.53"), default_domain="other.example", split_dns=("other.example",))
    names, refused = names_in([OFFICE, other])
    assert names == Names(("10.2.0.53", "10.3.0.53"), ("office.example", "other.example"))
    assert refused == []
    assert names_in([other])[0].only == ("other.example",)


@pytest.mark.parametrize(
    "domain",
    ["-h", "a b", "a;b", "$(reboot)", "*", ".", "", "a..b", "a\nnameserver 192.0.2.1", "x" * 64, "a." * 127 + "a"],
)
def test_a_hostile_domain(domain: str) -> None:
    names, refused = names_in([ModeConfig(dns=("10.2.0.53",), default_domain="ok.example", split_dns=(domain,))])
    assert names == Names(("10.2.0.53",), ("ok.example",))
    assert len(refused) == 1


class Scene:
    """One connection and its SA, and processes with a program that notes its runs."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self.folder = folder
        self.lines: list[Line] = []
        self.log = EventLog(lambda: 0.0)
        self.log.attach(Level.DEBUG, self.lines.append)
        self.sa = IkeSa(1, "office", Role.INITIATOR, PATH, b"i" * 8, b"r" * 8, 0.0, received=OFFICE)
        self.connection = Connection("office", (), (), vips=("0.0.0.0",))
        self.resolver: Resolver | None = Resolver(
            f'echo "$1 $PLUTO_VERB $SERVERS $DOMAINS" >> {folder}/noted', "ikev1c"
        )

    def process(self) -> tuple[NameServers, Updown]:
        settings = Settings((self.connection,))
        hooks = Updown(lambda: settings, lambda _: "eth0", self.log, Journal(self.folder / "hooks", Raised))
        return NameServers(lambda: settings, lambda _: [self.sa], hooks, self.resolver, self.log), hooks

    def pair(self) -> ChildSa:
        pair = ChildSa(
            unique_id=1,
            name="net",
            connection="office",
            suite=IpsecSuite(12, 128, 5),
            inbound=IpsecKeys(1),
            outbound=IpsecKeys(2),
            local=Selector.parse("10.99.0.10"),
            remote=Selector.parse("0.0.0.0/0"),
            path=PATH,
            udp_encapsulation=True,
            initiator=True,
            created_at=0.0,
            reqid=7,
            state=ChildState.INSTALLED,
        )
        self.sa = replace(self.sa, children=(pair,))
        return pair

    def up(self, servers: NameServers) -> None:
        servers.observe(ConfigReceived(self.sa))
        servers.observe(ChildUp(self.sa, self.pair()))

    def down(self, servers: NameServers) -> None:
        (pair,) = self.sa.children
        self.sa = replace(self.sa, children=())
        servers.observe(ChildDown(self.sa, pair, "deleted"))

    @property
    def codes(self) -> list[str]:
        return [line.code for line in self.lines if line.code]


UP, DOWN = "ikev1c up 10.2.0.53 office.example ~.", "ikev1c down 10.2.0.53 office.example ~."


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(limited())


def test_while_a_pair_is_up(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def scenario() -> None:
        servers, hooks = scene.process()
        servers.observe(ConfigReceived(scene.sa))
        await asyncio.sleep(0)
        assert noted(tmp_path) == []
        scene.up(servers)
        servers.observe(ChildUp(scene.sa, scene.pair()))  # rekeyed
        while not noted(tmp_path):
            await asyncio.sleep(0)
        scene.down(servers)
        await hooks.close()
        assert noted(tmp_path) == [UP, DOWN]
        assert not (tmp_path / "hooks").exists()

    play(scenario)


def test_other_servers_while_it_is_up(tmp_path: Path) -> None:
    """They replace those before; what was installed last is removed."""
    scene = Scene(tmp_path)

    async def scenario() -> None:
        servers, hooks = scene.process()
        scene.up(servers)
        while not noted(tmp_path):
            await asyncio.sleep(0)
        scene.sa = replace(scene.sa, received=replace(OFFICE, dns=("10.2.0.54",)))
        servers.observe(ConfigReceived(scene.sa))
        while len(noted(tmp_path)) < 2:
            await asyncio.sleep(0)
        scene.down(servers)
        await hooks.close()
        assert noted(tmp_path) == [UP, UP.replace(".53", ".54"), DOWN.replace(".53", ".54")]

    play(scenario)


@pytest.mark.parametrize("still_up", [False, True])
def test_after_a_kill(tmp_path: Path, still_up: bool) -> None:
    """The next process undoes it, or repeats it: the device is another one."""
    scene = Scene(tmp_path)

    async def scenario() -> None:
        servers, hooks = scene.process()
        scene.up(servers)
        while hooks._tasks():
            await asyncio.sleep(0)
        assert noted(tmp_path) == [UP]
        servers, hooks = scene.process()
        hooks.begin(())
        servers.begin([scene.sa] if still_up else [])
        while hooks._tasks():
            await asyncio.sleep(0)
        assert noted(tmp_path) == [UP, UP if still_up else DOWN]

    play(scenario)


def test_the_next_process_is_told_to_end_at_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    async def scenario() -> None:
        servers, hooks = scene.process()
        scene.up(servers)
        while hooks._tasks():
            await asyncio.sleep(0)
        servers, hooks = scene.process()
        hooks.begin(())
        servers.begin([scene.sa])
        scene.down(servers)
        await hooks.close()
        assert noted(tmp_path) == [UP, DOWN]

    play(scenario)


def test_no_program(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.resolver = None

    async def scenario() -> None:
        servers, hooks = scene.process()
        scene.up(servers)
        assert scene.codes == [Code.RESOLVER_FAILED]
        assert "10.2.0.53" in scene.lines[-1].text
        scene.down(servers)
        await hooks.close()
        assert scene.codes == [Code.RESOLVER_FAILED]

    play(scenario)


def test_a_program_that_fails(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.resolver = Resolver("echo no bus; exit 1", "ikev1c")

    async def scenario() -> None:
        servers, hooks = scene.process()
        scene.up(servers)
        while hooks._tasks():
            await asyncio.sleep(0)
        assert scene.codes == [Code.RESOLVER_FAILED]
        scene.down(servers)
        await hooks.close()

    play(scenario)


@pytest.mark.parametrize("dns", [(), ("127.0.0.53",), ("224.0.0.251",)])
def test_no_usable_servers(tmp_path: Path, dns: tuple[str, ...]) -> None:
    scene = Scene(tmp_path)
    scene.sa = replace(scene.sa, received=replace(OFFICE, dns=dns))

    async def scenario() -> None:
        servers, hooks = scene.process()
        scene.up(servers)
        await hooks.close()
        assert noted(tmp_path) == []

    play(scenario)


def test_a_connection_that_leaves_the_resolver_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.connection = replace(scene.connection, install_dns=False)

    async def scenario() -> None:
        servers, hooks = scene.process()
        scene.up(servers)
        await hooks.close()
        assert noted(tmp_path) == []
        assert os.listdir(tmp_path) == []

    play(scenario)
