"""The commands on a gateway that runs: real engines, sockets and VICI, only the packets of the tunnel are imagined."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner, Result
from vici import Session

from ikev1.cli.debug import watch
from ikev1.cli.main import main
from ikev1.cli.states import meaning
from ikev1.core.records.events import Code
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Settings, Start
from ikev1.daemon.observe.event_log import Level
from ikev1.esp.plane import Drops

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side


async def ikev1(side: Side, *arguments: str) -> Result:
    """What the command line does on the gateway of one side."""
    command = [*arguments, "--socket", str(side.control)]
    return await asyncio.to_thread(CliRunner().invoke, main, command)


async def shown(side: Side, *what: str) -> list[dict[str, Any]]:
    done = await ikev1(side, "show", *what, "--json")
    assert done.exit_code == 0, done.output
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_up_show_down(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        done = await ikev1(us, "up", "branch")
        assert (done.exit_code, done.stdout) == (0, "branch/net is up\n")
        assert "[IKE] ISAKMP SA established with 127.0.0.2" in done.stderr

        (ours,), (theirs,) = await shown(us, "isakmp", "sa"), await shown(them, "isakmp", "sa")
        assert (ours["dst"], ours["src"], ours["state"], ours["status"]) == (
            *("127.0.0.2", "127.0.0.1"),
            *("QM_IDLE", "ACTIVE"),
        )
        assert [theirs[key] for key in ("dst", "src", "suite", "cookies")] == [
            ours[key] for key in ("dst", "src", "suite", "cookies")
        ]
        assert ours["suite"] == "AES_CBC-128 SHA2_256 ECP_256"
        assert 0 < ours["rekey_in"] < ours["expires_in"] <= 86_400

        (pair,), (child,) = await shown(us, "ipsec", "sa", "peer", "127.0.0.2"), us.plane.outbound.values()
        assert (pair["inbound"]["spi"], pair["outbound"]["spi"]) == (
            f"0x{child.inbound.spi:08x}",
            f"0x{child.outbound.spi:08x}",
        )
        assert (pair["inbound"]["packets"], pair["outbound"]["packets"], pair["outbound"]["idle"]) == (2, 3, None)
        assert (pair["local_ident"], pair["remote_ident"]) == (["10.1.0.0/16"], ["10.2.0.0/16"])
        assert await shown(us, "ipsec", "sa", "peer", "127.0.0.3") == []

        assert f"QM_IDLE: {meaning('QM_IDLE')}" in (await ikev1(us, "show", "isakmp", "sa")).stdout
        assert (await ikev1(us, "down", "net")).stdout == "branch/net is down\n"
        assert (await ikev1(us, "show", "ipsec", "sa")).stdout == "no IPsec SA\n"
        assert (await ikev1(us, "down", "branch")).stdout == "branch is down\n"
        assert (await ikev1(us, "show", "isakmp", "sa")).stdout == "no ISAKMP SA\n"

    meet(scenario)


def test_the_data_plane_is_shown_with_what_it_dropped(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        assert (await ikev1(us, "show", "plane")).stdout.startswith("data plane: counting: it is a test\n")
        us.plane.dropped = Drops(unknown_spi=3)
        plane = json.loads((await ikev1(us, "show", "plane", "--json")).stdout)
        assert (plane["name"], plane["reason"]) == ("counting", "it is a test")
        assert [(drop["name"], drop["count"]) for drop in plane["drops"]] == [("unknown-spi", 3)]
        shown = (await ikev1(us, "show", "ipsec", "sa")).stdout
        assert shown.startswith("no IPsec SA\n\n")
        assert "\n  3 unknown-spi: " in shown

    meet(scenario)


def test_up_tells_why_it_failed(meet: Meet, impatient: Callable[[Settings], Settings]) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await them.gateway.close()
        done = await ikev1(us, "up", "net")
        assert done.exit_code == 1
        assert "Error: establishing CHILD_SA 'net' failed: " in done.stderr
        assert "is up" not in done.stdout

    meet(scenario, settings=impatient)


def test_up_of_a_connection_brings_up_all_its_tunnels_and_names_those_that_are_missing(meet: Meet) -> None:
    def more(*numbers: int, calls: bool) -> Callable[[Connection], Connection]:
        def change(connection: Connection) -> Connection:
            ends = [(Selector.parse(f"10.{n}.0.0/16"), Selector.parse(f"10.{n + 100}.0.0/16")) for n in numbers]
            others = [
                replace(connection.tunnels[0], name=f"net-{number}", local=a if calls else b, remote=b if calls else a)
                for number, (a, b) in zip(numbers, ends, strict=True)
            ]
            changed: Connection = replace(connection, tunnels=(*connection.tunnels, *others))
            return changed

        return change

    async def scenario(us: Side, them: Side) -> None:
        done = await ikev1(us, "up", "branch")
        assert done.exit_code == 1
        assert sorted(done.stdout.splitlines()) == [f"branch/{name} is up" for name in ("net", "net-11", "net-13")]
        assert "1 of 4 tunnels of branch are not up: branch/net-12: " in done.stderr
        assert done.stderr.count("ISAKMP SA established") == 1
        assert len(us.plane.outbound) == 3

    meet(scenario, change=more(11, 12, 13, calls=True), their_change=more(11, 13, calls=False))


def test_tunnels_that_are_down_are_shown_with_the_reason(meet: Meet, impatient: Callable[[Settings], Settings]) -> None:
    async def scenario(us: Side, them: Side) -> None:
        (never,) = await shown(us, "tunnels", "--down")
        assert (never["connection"], never["tunnel"], never["state"]) == ("branch", "net", "DOWN")
        assert (never["peers"], never["start"], never["last_failure"]) == (["127.0.0.2"], "none", None)
        await ikev1(us, "up", "branch")
        (up,) = await shown(us, "tunnels")
        assert (up["state"], await shown(us, "tunnels", "--down")) == ("UP", [])

        assert len(await shown(us, "isakmp", "sa", "--peer", "127.0.0.2", "--connection", "branch")) == 1
        assert await shown(us, "isakmp", "sa", "--connection", "other") == []
        assert await shown(us, "isakmp", "sa", "--peer", "127.0.0.3") == []
        assert len(await shown(us, "ipsec", "sa", "--connection", "branch")) == 1
        assert await shown(us, "ipsec", "sa", "--peer", "127.0.0.3") == []

        await ikev1(us, "down", "branch")
        (closed,) = await shown(us, "tunnels", "--connection", "branch", "--peer", "127.0.0.2")
        assert (closed["state"], closed["last_failure"]) == ("DOWN", None)
        assert closed["ended"] >= 0
        assert await shown(us, "tunnels", "--peer", "127.0.0.3") == []

        await them.gateway.close()
        us.gateway.reload()  # to impatience, with which a busy machine would not have brought it up
        assert (await ikev1(us, "up", "net")).exit_code == 1
        (failed,) = await shown(us, "tunnels")
        assert failed["last_failure"]["code"] == Code.PEER_SILENT
        assert failed["last_failure"]["caller"] is None
        assert "127.0.0.2" in failed["last_failure"]["text"]
        assert failed["last_failure"]["text"] in (await ikev1(us, "show", "tunnels", "--down")).stdout

    meet(scenario, reloaded=impatient)


def test_a_tunnel_that_is_brought_up_without_a_command_is_shown_with_the_next_attempt(
    meet: Meet, impatient: Callable[[Settings], Settings]
) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await them.gateway.close()
        async with asyncio.timeout(60):
            while (
                us.gateway.failures.failure("branch", "net") is None
                or us.gateway.autostart.next_attempt("branch", "net") is None
            ):
                await asyncio.sleep(0)
        (tunnel,) = await shown(us, "tunnels")
        assert (tunnel["start"], tunnel["state"]) == ("start", "DOWN")
        assert 0 < tunnel["next_attempt"] <= 120
        assert tunnel["last_failure"]["code"] == Code.PEER_SILENT

    def patient_between_attempts(settings: Settings) -> Settings:
        changed: Settings = replace(impatient(settings), retry_initiate_interval=100.0)
        return changed

    meet(
        scenario,
        settings=patient_between_attempts,
        start=Start.START,
        change=lambda connection: replace(connection, remote_address="127.0.0.3"),
    )


def test_the_words_of_cisco_show_the_same(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await ikev1(us, "up", "branch")
        assert await shown(us, *["crypto", "isakmp", "sa"]) == await shown(us, "isakmp", "sa")
        for words in ("crypto ipsec sa peer 127.0.0.2", "ipsec sa map branch", "cry ips sa"):
            assert len(await shown(us, *words.split())) == 1, words
        assert await shown(us, *["crypto", "ipsec", "sa", "peer", "127.0.0.3"]) == []
        (policy,) = await shown(us, "crypto", "isakmp", "policy")
        assert policy == {
            "priority": 1,
            "encryption": "AES_CBC-128",
            "hash": "SHA2_256",
            "authentication": "PRE_SHARED_KEY",
            "group": "ECP_256",
            "lifetime": 86_400,
            "lifetime_kilobytes": 0,
            "connections": ["branch"],
        }
        (sa,) = await shown(us, "isakmp", "sa")
        detail = (await ikev1(us, *["show", "crypto", "isakmp", "sa", "detail"])).stdout
        assert all(sa[key] in detail for key in ("cookies", "local_id", "remote_id", "suite", "meaning"))
        assert f"priority {policy['priority']}\n" in (await ikev1(us, "show", "isakmp", "policy")).stdout

    meet(scenario)


def test_what_is_cleared_comes_up_again_as_start_says(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        def up() -> int:
            return us.gateway.counters.total["child-up"]

        await us.until(lambda: up() == 1)
        (before,) = us.plane.outbound
        assert (await ikev1(us, *["clear", "crypto", "sa", "peer", "127.0.0.3"])).exit_code == 1
        for option in ("--connection", "--peer"):  # of an unset variable in a script
            assert (await ikev1(us, "clear", "sa", option, "")).exit_code == 2
            assert (await ikev1(us, "clear", "isakmp", option, "")).exit_code == 2
        assert (await ikev1(us, *["clear", "crypto", "sa", "peer", "127.0.0.2"])).stdout == "closed: 1\n"
        await us.until(lambda: up() == 2)
        assert before not in us.plane.outbound
        assert us.plane.protected is not None
        assert ("branch", "net") in us.plane.protected

        (sa,) = await shown(us, "isakmp", "sa")
        assert (await ikev1(us, "clear", "crypto", "isakmp", str(sa["conn_id"]))).stdout == "closed: 1\n"
        await us.until(lambda: us.gateway.engine.ike_for("branch") is not None)
        assert (await ikev1(us, "clear", "crypto", "isakmp", str(sa["conn_id"]))).exit_code == 1

        await ikev1(us, "down", "branch")  # this does not
        assert us.gateway.autostart.next_attempt("branch", "net") is None

    meet(scenario, start=Start.START)


async def offered(side: Side, *words: str) -> list[str]:
    """What the shell offers for the last one of ``words``."""
    completer = BashComplete(main, {}, "ikev1", "_IKEV1_COMPLETE")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("IKEV1_SOCKET", str(side.control))
        found = await asyncio.to_thread(completer.get_completions, list(words[:-1]), words[-1])
    return [each.value for each in found]


def test_the_shell_completes_what_the_gateway_knows(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        assert await offered(us, "up", "") == ["branch", "branch/net"]
        assert await offered(us, "down", "branch/") == ["branch/net"]
        assert await offered(us, "show", "tunnels", "--connection", "b") == ["branch"]
        assert await offered(us, "show", "isakmp", "sa", "--peer", "") == []
        await us.gateway.initiate("branch", "net")
        assert await offered(us, "show", "isakmp", "sa", "--peer", "127") == ["127.0.0.2"]
        assert await offered(us, "sh") == ["show"]
        us.control.rename(us.control.with_name("elsewhere"))
        assert await offered(us, "up", "") == []
        assert await offered(us, "clear", "sa", "--peer", "") == []
        us.control.with_name("elsewhere").rename(us.control)

    meet(scenario)


def test_up_knows_the_names_that_there_are(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        done = await ikev1(us, "up", "brunch")
        assert done.exit_code == 1
        assert ": branch, branch/net." in done.stderr

    meet(scenario)


def test_down_of_what_is_not_up_is_an_error(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        done = await ikev1(us, "down", "net")
        assert (done.exit_code, done.stdout) == (1, "")

    meet(scenario)


def test_reload_tells_what_is_wrong(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        done = await ikev1(us, "reload")
        assert done.exit_code == 1
        assert "connection.branch: " in done.stderr

    meet(scenario)


def test_reload(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        assert (await ikev1(us, "reload")).exit_code == 0
        assert (await ikev1(us, "up", "branch")).exit_code == 1
        assert us.gateway.settings.connections == ()

    meet(scenario, reloaded=lambda _: Settings())


def test_debug_shows_every_message_with_the_state_that_follows(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(us.control))
            lines = watch(Session(client))
            first = asyncio.create_task(asyncio.to_thread(next, lines))
            while not first.done():  # only the first line tells that the daemon knows of its reader
                us.gateway.log.write(Level.INFO, "NET", "is anybody there?")
                await asyncio.sleep(0)
            await us.gateway.initiate("branch", "net")

            def until_the_end() -> list[str]:
                seen = []
                for line in lines:
                    seen.append(line)
                    if "IPsec SAs" in line:
                        return seen
                return seen

            seen = [line for line in await asyncio.to_thread(until_the_end) if line.startswith("[ENC]")]
            await asyncio.to_thread(lines.close)
        labels = [line.split()[2] for line in seen]
        assert labels == [*(f"MM{number}" for number in range(1, 7)), "QM1", "QM2", "QM3"]
        assert seen[0].endswith(f"MM_WAIT_MSG2  ({meaning('MM_WAIT_MSG2')})")
        assert seen[5].endswith(f"QM_IDLE  ({meaning('QM_IDLE')})")

    meet(scenario)
