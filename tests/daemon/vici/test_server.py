"""The VICI server in conversation with the client of PyPI, and with clients that misbehave."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import vici
from vici.exception import CommandException, EventUnknownException, SessionException

from ikev1.core.machine.phase2_limits import MOST_PAIRS
from ikev1.core.records.actions import Keep
from ikev1.core.records.ike_sa import IkeSa, Phase1Suite
from ikev1.core.records.path import Nat, NatTraversalVersion
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Settings, Shunt, ShuntAction, Start
from ikev1.daemon.observe.event_log import Level
from ikev1.daemon.observe.message_counters import NAMES
from ikev1.daemon.vici.codec import (
    SEGMENT_LIMIT,
    PacketType,
    Section,
    build_packet,
    parse_message,
    parse_packet,
    segment,
)
from ikev1.daemon.vici.commands import COMMANDS
from ikev1.daemon.vici.request import Call
from ikev1.daemon.vici.server import ViciServer
from ikev1.esp.plane import PeerMoved

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side


OTHER_SUITE = Phase1Suite(encryption=7, key_length=128, hash=2, group=20)


@contextmanager
def raw(side: Side) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as stream:
        stream.settimeout(60)
        stream.connect(str(side.control))
        yield stream


async def ask(side: Side, conversation: Callable[[Any], Any]) -> Any:
    """What ``conversation`` returns when it is given a session of the client of PyPI."""

    def talk() -> Any:
        with raw(side) as stream:
            return conversation(vici.Session(stream))

    return await asyncio.to_thread(talk)


def _listed(wanted: dict[str, str | int], session: Any) -> list[Any]:
    return list(session.list_sas(wanted))


def receive(stream: socket.socket) -> bytes:
    """The next packet from the server."""
    length = int.from_bytes(stream.recv(4, socket.MSG_WAITALL))
    return stream.recv(length, socket.MSG_WAITALL)


def command(name: str, body: bytes = b"") -> bytes:
    return segment(build_packet(PacketType.CMD_REQUEST, name) + body)


def test_the_daemon_says_who_and_how_it_is(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        version = await ask(us, lambda session: session.version())
        assert version["daemon"] == b"ikev1"
        stats = await ask(us, lambda session: session.stats())
        assert stats["ikesas"] == {"total": b"1", "half-open": b"0"}
        assert stats["uptime"]["running"] == b"0 seconds"
        assert (await ask(us, lambda session: session.get_algorithms()))["encryption"]["AES_CBC"] == b"cryptography"
        counters = await ask(us, lambda session: session.get_counters({"name": "branch"}))
        assert counters["counters"]["branch"]["ike-up"] == b"1"
        await ask(us, lambda session: session.reset_counters())
        reset = await ask(us, lambda session: session.get_counters())
        assert set(reset["counters"][""].values()) == {b"0"}

    meet(scenario)


def test_the_gateway_goes_on_while_a_client_lists_much(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(us: Side, them: Side) -> None:
        turns, seen = 0, list[int]()

        async def work() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        async def list_much(call: Call) -> Section:
            working = asyncio.get_running_loop().create_task(work())
            for _ in range(64):
                await call.stream("list-sa", {"branch": {}})
                seen.append(turns)
            working.cancel()
            return {}

        monkeypatch.setitem(COMMANDS, "list-sas", list_much)
        assert len(await ask(us, lambda session: list(session.list_sas()))) == 64
        assert len(set(seen)) >= 4

    meet(scenario)


def test_as_many_pairs_as_a_peer_may_have_are_listed(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        sas = cast("dict[bytes, IkeSa]", us.gateway.engine.sas)
        ((cookies, sa),) = sas.items()
        numbers = range(1000, 1000 + MOST_PAIRS)
        sas[cookies] = replace(sa, children=tuple(replace(sa.children[0], unique_id=number) for number in numbers))
        listed = await ask(us, lambda session: list(session.list_sas()))
        sas[cookies] = sa
        assert {event["branch"]["uniqueid"] for event in listed} == {str(sa.unique_id).encode()}
        pairs = [pair for event in listed for pair in event["branch"]["child-sas"]]
        assert pairs == [f"net-{number}" for number in numbers]

    meet(scenario)


async def counted(side: Side, request: dict[str, str]) -> dict[str, bytes]:
    found = await ask(side, lambda session: session.get_counters(request))
    (counts,) = found["counters"].values()
    return dict(counts)


def test_messages_are_counted_by_the_names_of_strongswan(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        await them.until(lambda: them.gateway.is_up("branch", "net"))
        for side, out, in_ in ((us, "out", "in"), (them, "in", "out")):
            for request in ({}, {"name": "branch"}):
                counts = await counted(side, request)
                moved = {name: int(count) for name, count in counts.items() if name in NAMES and int(count)}
                unknown_yet = () if side is us or not request else ("ike-init-in-req", "ike-init-out-resp")
                expected = {
                    f"ike-init-{out}-req": 1,
                    f"ike-init-{in_}-resp": 1,
                    f"ike-auth-{out}-req": 2,
                    f"ike-auth-{in_}-resp": 2,
                    f"create-child-{out}-req": 2,
                    f"create-child-{in_}-resp": 1,
                }
                assert moved == {name: count for name, count in expected.items() if name not in unknown_yet}
                assert list(counts)[: len(NAMES)] == list(NAMES)

    meet(scenario)


def test_a_tunnel_is_brought_up_listed_rekeyed_and_taken_down(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        log = await ask(us, lambda session: list(session.initiate({"child": "net", "timeout": 5000})))
        assert next(line["msg"] for line in log if line["group"] == b"ENC").startswith(b"MM1 sent")
        assert all(line["ikesa-name"] == b"branch" for line in log)

        (event,) = await ask(us, lambda session: list(session.list_sas()))
        sa = event["branch"]
        assert list(sa)[list(sa).index("child-sas") :] == ["child-sas", "cisco-state"]
        assert sa["state"] == b"ESTABLISHED"
        assert sa["initiator"] == b"yes"
        assert (sa["local-id"], sa["remote-id"]) == (b"127.0.0.1", b"127.0.0.2")
        assert (sa["encr-alg"], sa["encr-keysize"], sa["dh-group"]) == (b"AES_CBC", b"128", b"ECP_256")
        (child,) = sa["child-sas"].values()
        assert (child["bytes-in"], child["packets-out"]) == (b"168", b"3")
        assert "use-in" in child
        assert "use-out" not in child
        assert child["local-ts"] == [b"10.1.0.0/16"]

        assert (await ask(us, lambda session: session.rekey({"child": "net"})))["matches"] == b"1"
        await us.until(lambda: us.gateway.counters.total["child-rekey"] == 1)
        (event,) = await ask(us, lambda session: list(session.list_sas({"child-id": 99})))
        assert event["branch"]["child-sas"] == {}
        selections: list[dict[str, str | int]] = [{"ike": "nobody"}, {"ike-id": 99}, {"remote-host": "127.0.0.3"}]
        for nobody in selections:
            assert await ask(us, partial(_listed, nobody)) == []
        some = {"ike-id": event["branch"]["uniqueid"].decode(), "remote-host": "127.0.0.2", "child-sas": "no"}
        (event,) = await ask(us, lambda session: list(session.list_sas(some)))
        assert event["branch"]["child-sas"] == {}

        log = await ask(us, lambda session: list(session.terminate({"ike": "branch"})))
        assert log
        assert await ask(us, lambda session: list(session.list_sas())) == []
        await them.until(lambda: not them.gateway.engine.sas)

    meet(scenario)


@pytest.mark.parametrize(
    ("verb", "request_", "reason"),
    [
        ("initiate", {}, "missing configuration name"),
        ("initiate", {"child": "none"}, "CHILD_SA config 'none' not found"),
        ("initiate", {"child": "net", "ike": "none"}, "CHILD_SA config 'net' not found"),
        ("initiate", {"ike": "none"}, "IKE_SA config 'none' not found"),
        ("terminate", {}, "missing terminate selector"),
        ("terminate", {"ike": "branch"}, "no matching SAs to terminate found"),
        ("terminate", {"child-id": "five"}, "missing terminate selector"),
    ],
)
def test_commands_that_cannot_be_obeyed_say_why(meet: Meet, verb: str, request_: dict[str, str], reason: str) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with pytest.raises(CommandException, match=reason):
            await ask(us, lambda session: list(getattr(session, verb)(request_)))

    meet(scenario)


@pytest.mark.parametrize(
    ("verb", "reason"),
    [
        ("redirect", "IKEv1 only"),
        ("load_token", "PKCS#11"),
        ("rekey", "missing rekey selector"),
        ("install", "missing configuration name"),
    ],
)
def test_what_is_not_for_us_is_refused_with_a_reason(meet: Meet, verb: str, reason: str) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with pytest.raises(CommandException, match=reason):
            await ask(us, lambda session: getattr(session, verb)({}))

    meet(scenario)


def test_a_reload_that_fails_says_what_is_wrong(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with pytest.raises(CommandException, match=r"connection\.branch: "):
            await ask(us, lambda session: session.reload_settings())

    meet(scenario)


def test_an_outcome_that_takes_too_long_is_not_waited_for(
    meet: Meet, impatient: Callable[[Settings], Settings]
) -> None:
    def patient(settings: Settings) -> Settings:
        return replace(impatient(settings), retransmit_tries=20)

    async def scenario(us: Side, them: Side) -> None:
        with pytest.raises(CommandException, match="CHILD_SA 'net' not established after 30ms"):
            await ask(us, lambda session: list(session.initiate({"child": "net", "timeout": 30})))
        assert len(us.gateway.engine.sas) == 1
        assert await ask(us, lambda session: list(session.initiate({"child": "net", "timeout": -1000}))) == []

    meet(scenario, settings=patient, change=lambda c: replace(c, remote_address="127.0.0.3"))


def test_the_reason_of_a_failure_reaches_the_caller(meet: Meet, impatient: Callable[[Settings], Settings]) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with pytest.raises(CommandException, match=r"establishing CHILD_SA 'net' failed: .* MM1"):
            await ask(us, lambda session: list(session.initiate({"child": "net"})))

    meet(scenario, settings=impatient, change=lambda c: replace(c, remote_address="127.0.0.3"))


def test_a_tunnel_that_failed_is_protected_until_the_operator_takes_it_down(
    meet: Meet, impatient: Callable[[Settings], Settings]
) -> None:
    async def scenario(us: Side, them: Side) -> None:
        assert us.plane.protected == {}
        with pytest.raises(CommandException):
            await ask(us, lambda session: list(session.initiate({"child": "net"})))
        assert list(us.plane.protected) == [("branch", "net")]
        others: list[dict[str, Any]] = [{"child": "other"}, {"ike": "other"}, {"ike": "branch", "child-id": 5}]
        for other in others:
            with pytest.raises(CommandException):
                await ask(us, lambda session, other=other: list(session.terminate(other)))  # type: ignore[misc]
            assert list(us.plane.protected) == [("branch", "net")]
        with pytest.raises(CommandException):
            await ask(us, lambda session: list(session.terminate({"child": "net"})))
        assert us.plane.protected == {}

    meet(scenario, settings=impatient, change=lambda c: replace(c, remote_address="127.0.0.3"))


def test_a_tunnel_that_is_up_is_protected_at_both_ends_until_each_operator_takes_it_down(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        await them.until(lambda: them.gateway.is_up("branch", "net"))
        assert list(us.plane.protected or ()) == list(them.plane.protected or ()) == [("branch", "net")]
        await ask(us, lambda session: list(session.terminate({"ike": "branch"})))
        await them.until(lambda: not them.gateway.engine.sas)
        assert us.plane.protected == {}
        assert list(them.plane.protected or ()) == [("branch", "net")]  # whose operator said nothing

    meet(scenario)


def test_a_trap_by_hand_is_protected_while_it_is_there(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await ask(us, lambda session: session.install({"child": "net"}))
        assert list(us.plane.protected or ()) == [("branch", "net")]
        await ask(us, lambda session: session.uninstall({"child": "net"}))
        assert us.plane.protected == {}

    meet(scenario)


def test_shunts_are_listed_installed_and_taken_away_by_their_names_alone(meet: Meet) -> None:
    lan = Shunt("lan", ShuntAction.PASS, Selector.parse("10.1.0.0/16"), Selector.parse("10.9.0.0/24"), Start.NONE)

    async def scenario(us: Side, them: Side) -> None:
        us.gateway.settings = replace(us.gateway.settings, shunts=(lan,))
        assert await ask(us, lambda session: list(session.list_policies({"pass": True}))) == []
        await ask(us, lambda session: session.install({"child": "lan"}))
        (policy,) = await ask(us, lambda session: list(session.list_policies({"pass": True})))
        assert (policy["lan"]["mode"], policy["lan"]["remote-ts"]) == (b"PASS", [b"10.9.0.0/24"])
        assert await ask(us, lambda session: list(session.list_policies({"drop": True, "trap": True}))) == []
        us.plane.refuse = "no room"
        with pytest.raises(CommandException, match="no room"):
            await ask(us, lambda session: session.uninstall({"child": "lan"}))
        us.plane.refuse = ""
        await ask(us, lambda session: session.uninstall({"child": "lan"}))
        assert us.plane.shunted == frozenset()
        with pytest.raises(CommandException, match="policy 'lan' not found"):
            await ask(us, lambda session: session.uninstall({"child": "lan"}))

    meet(scenario)


def test_traps_are_installed_listed_and_taken_away(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        for _ in range(2):
            await ask(us, lambda session: session.install({"child": "net"}))
        (policy,) = await ask(us, lambda session: list(session.list_policies({"trap": True})))
        assert policy["branch/net"]["remote-ts"] == [b"10.2.0.0/16"]
        assert await ask(us, lambda session: list(session.list_policies({"drop": True}))) == []
        await ask(us, lambda session: session.uninstall({"child": "net"}))
        with pytest.raises(CommandException, match="policy 'net' not found"):
            await ask(us, lambda session: session.uninstall({"child": "net"}))

    meet(scenario)


def test_connections_are_listed_without_their_secrets(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        (event,) = await ask(us, lambda session: list(session.list_conns()))
        branch = event["branch"]
        assert branch["version"] == b"IKEv1"
        assert branch["remote_addrs"] == [b"127.0.0.2"]
        assert branch["children"]["net"]["local-ts"] == [b"10.1.0.0/16"]
        assert b"between" not in repr(event).encode()

    meet(scenario)


def test_events_tell_of_sas_that_come_renew_and_go(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        names = ["ike-updown", "child-updown", "child-rekey", "log"]

        def listen(stream: socket.socket) -> None:
            for name in names:
                stream.sendall(segment(build_packet(PacketType.EVENT_REGISTER, name)))
                assert receive(stream) == bytes([PacketType.EVENT_CONFIRM])

        def names_of(stream: socket.socket, until: str) -> list[str]:
            seen: list[str] = []
            while not seen or seen[-1] != until:
                packet = receive(stream)
                assert packet[0] == PacketType.EVENT
                seen.append(packet[2 : 2 + packet[1]].decode() + ("+" if b"\x03\x02up" in packet else ""))
            return [name for name in seen if name != "log"]

        with raw(us) as stream:
            await asyncio.to_thread(listen, stream)
            await us.gateway.initiate("branch", "net")
            assert await asyncio.to_thread(names_of, stream, "child-updown+") == ["ike-updown+", "child-updown+"]
            (child,) = us.plane.outbound.values()
            us.gateway.rekey_child(child)
            assert await asyncio.to_thread(names_of, stream, "child-rekey") == ["child-rekey"]
            (sa,) = us.gateway.engine.sas.values()
            us.gateway.close_ike(sa)
            # the pair that was replaced goes without a word
            assert await asyncio.to_thread(names_of, stream, "ike-updown") == ["child-updown", "ike-updown"]

    meet(scenario)


def test_names_of_events_and_commands_are_known_or_not(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with pytest.raises(EventUnknownException):
            await ask(us, lambda session: list(session.listen(["no-such-event"])))
        with pytest.raises(SessionException):
            await ask(us, lambda session: session.request("no-such-command"))

    meet(scenario)


def test_answers_come_in_the_order_of_the_requests_and_bystanders_get_no_control_log(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with raw(us) as caller, raw(us) as bystander:

            def talk() -> list[int]:
                register = segment(build_packet(PacketType.EVENT_REGISTER, "control-log"))
                bystander.sendall(register)
                assert receive(bystander) == b"\x05"
                caller.sendall(register + command("initiate", b"\x03\x05child\x00\x03net") + command("version"))
                kinds: list[int] = []
                while kinds.count(PacketType.CMD_RESPONSE) < 2:
                    kinds.append(receive(caller)[0])
                bystander.sendall(command("version"))
                assert receive(bystander)[0] == PacketType.CMD_RESPONSE
                return kinds

            kinds = await asyncio.to_thread(talk)
            assert kinds[0] == PacketType.EVENT_CONFIRM
            assert set(kinds[1:-2]) == {PacketType.EVENT}
            assert kinds[-2:] == [PacketType.CMD_RESPONSE] * 2

    meet(scenario)


def test_a_client_that_leaves_cancels_nothing(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with raw(us) as stream:
            stream.sendall(command("initiate", b"\x03\x05child\x00\x03net"))
        await us.until(lambda: us.gateway.is_up("branch", "net"))

    meet(scenario)


def test_an_attempt_that_ends_when_the_gateway_stops_is_no_error(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        unheard: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
        server = ViciServer(us.gateway, us.control.with_name("other.vici"))
        await server.start()
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(us.control.with_name("other.vici")))
            stream.sendall(command("initiate", b"\x03\x05child\x00\x03net"))
            await us.until(lambda: bool(us.gateway.engine.sas))
            await server.close()
        await us.gateway.close()
        while any("Gateway.initiate" in repr(task) for task in asyncio.all_tasks()):
            await asyncio.sleep(0)
        gc.collect()  # tells of exceptions that nobody has asked for
        assert unheard == []

    meet(scenario, change=lambda c: replace(c, remote_address="127.0.0.3"))


@pytest.mark.parametrize(
    "garbage",
    [
        (SEGMENT_LIMIT + 1).to_bytes(4),
        segment(b""),
        segment(b"\x09"),
        segment(b"\x00\xffver"),
        segment(build_packet(PacketType.CMD_RESPONSE)),
    ],
)
def test_who_sends_no_vici_is_let_go_and_nobody_else_notices(meet: Meet, garbage: bytes) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with raw(us) as stream:
            stream.sendall(garbage)
            assert await asyncio.to_thread(stream.recv, 1) == b""
        assert await ask(us, lambda session: session.version())

    meet(scenario)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_malformed_message_fails_its_command_and_no_more(meet: Meet, name: str) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with raw(us) as stream:
            stream.sendall(command(name, b"\x03\xff") + command("version"))
            assert b"parsing request failed" in await asyncio.to_thread(receive, stream)
            assert b"ikev1" in await asyncio.to_thread(receive, stream)

    meet(scenario)


def test_a_reader_that_does_not_read_is_dropped_and_stalls_nobody(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with raw(us) as stream:
            stream.sendall(segment(build_packet(PacketType.EVENT_REGISTER, "log")))
            assert await asyncio.to_thread(receive, stream) == b"\x05"
            for _ in range(100):
                us.gateway.log.write(Level.WARNING, "IKE", "x" * 60_000)
            await asyncio.sleep(0)
            assert await ask(us, lambda session: session.version())
            dropped = await asyncio.to_thread(_read_to_the_end, stream)
            assert dropped < 100 * 60_000

    meet(scenario)


def _read_to_the_end(stream: socket.socket) -> int:
    total = 0
    while octets := stream.recv(1 << 16):
        total += len(octets)
    return total


def test_a_file_in_the_place_of_the_socket_is_left_alone(meet: Meet, tmp_path: Path) -> None:
    async def scenario(us: Side, them: Side) -> None:
        diary = tmp_path / "diary"
        diary.write_text("dear diary")
        (tmp_path / "link").symlink_to(diary)
        (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
        for name in ("diary", "link", "nowhere"):
            with pytest.raises(FileExistsError):
                await ViciServer(us.gateway, tmp_path / name).start()
            assert (tmp_path / name).is_symlink() == (name != "diary")
        assert diary.read_text() == "dear diary"

    meet(scenario)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_the_socket_of_another_kind_of_program_is_not_taken_away(
    meet: Meet, tmp_path: Path, kind: socket.SocketKind
) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with closing(socket.socket(socket.AF_UNIX, kind)) as other:
            other.bind(str(tmp_path / "other"))
            with pytest.raises(FileExistsError, match="another program"):
                await ViciServer(us.gateway, tmp_path / "other").start()
            assert (tmp_path / "other").is_socket()

    meet(scenario)


def test_the_socket_of_a_daemon_that_is_too_busy_to_answer_is_not_taken_away(meet: Meet, tmp_path: Path) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with ExitStack() as open_sockets:
            busy = open_sockets.enter_context(closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)))
            busy.bind(str(tmp_path / "busy"))
            busy.listen(0)
            with suppress(BlockingIOError):
                while True:
                    client = open_sockets.enter_context(closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)))
                    client.setblocking(False)
                    client.connect(str(tmp_path / "busy"))
            with pytest.raises(FileExistsError):
                await ViciServer(us.gateway, tmp_path / "busy").start()
            assert (tmp_path / "busy").is_socket()

    meet(scenario)


def test_a_server_that_ends_does_not_take_away_the_socket_of_the_next_one(meet: Meet, tmp_path: Path) -> None:
    async def scenario(us: Side, them: Side) -> None:
        place = tmp_path / "control"
        first, second = ViciServer(us.gateway, place), ViciServer(them.gateway, place)
        await first.start()
        place.unlink()
        await second.start()
        await first.close()
        assert place.is_socket()
        await second.close()
        assert not place.exists()

    meet(scenario)


def test_a_user_with_too_many_clients_is_sent_away_and_comes_back_when_others_left(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        def connect_them_all() -> None:
            with ExitStack() as clients:
                streams = [clients.enter_context(raw(us)) for _ in range(100)]
                served = 0
                for stream in streams:
                    with suppress(ConnectionError):
                        stream.sendall(command("version"))
                        served += bool(stream.recv(1))
                assert served == 24

        await asyncio.to_thread(connect_them_all)
        assert 0 < sum("VICI client" in text for text in us.texts) < 50
        assert await ask(us, lambda session: session.version())

    meet(scenario)


def test_a_client_that_begins_a_segment_and_does_not_finish_it_is_let_go(meet: Meet, tmp_path: Path) -> None:
    async def scenario(us: Side, them: Side) -> None:
        server = ViciServer(us.gateway, tmp_path / "control", patience=0.01)
        await server.start()
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as stream:
            stream.settimeout(60)
            stream.connect(str(tmp_path / "control"))
            stream.sendall(SEGMENT_LIMIT.to_bytes(4, "big") + b"x" * 1000)
            assert await asyncio.to_thread(stream.recv, 1) == b""
        await server.close()

    meet(scenario)


def test_the_socket_is_for_the_owner_and_the_group_and_goes_with_the_server(meet: Meet, tmp_path: Path) -> None:
    async def scenario(us: Side, them: Side) -> None:
        assert us.control.stat().st_mode & 0o777 == 0o660
        with pytest.raises(FileExistsError):
            await ViciServer(them.gateway, us.control).start()
        stale = tmp_path / "stale.vici"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left_behind:
            left_behind.bind(str(stale))
        server = ViciServer(us.gateway, stale)
        await server.start()
        await server.close()
        assert not stale.exists()

    meet(scenario, start=Start.NONE)


def test_reqids_are_those_of_the_data_plane(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        us.plane.reqid = 0x8000_0001
        await us.gateway.initiate("branch", "net")
        for _ in range(2):
            (event,) = await ask(us, lambda session: list(session.list_sas()))
            reqids = {pair["reqid"] for pair in event["branch"]["child-sas"].values()}
            assert reqids == {b"2147483649"}
            (pair, *_) = us.plane.outbound.values()
            us.gateway.rekey_child(pair)
            await us.until(lambda: us.gateway.counters.total["child-rekey"] == 1)
        await ask(them, lambda session: list(session.list_sas()))
        (event,) = await ask(them, lambda session: list(session.list_sas()))
        assert {pair["reqid"] for pair in event["branch"]["child-sas"].values()} == {b"1"}

    meet(scenario)


async def event_of(side: Side, name: str, cause: Callable[[], Awaitable[object]]) -> dict[str, Any]:
    """The first event ``name`` after ``cause``."""
    with raw(side) as stream:

        def register() -> None:
            stream.sendall(segment(build_packet(PacketType.EVENT_REGISTER, name)))
            assert receive(stream) == bytes([PacketType.EVENT_CONFIRM])

        await asyncio.to_thread(register)
        await cause()
        packet = parse_packet(await asyncio.to_thread(receive, stream))
        assert (packet.type, packet.name) == (PacketType.EVENT, name)
        return parse_message(packet.body)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda c: replace(c, secret=b"another"), b"peer-auth-failed"),
        (lambda c: replace(c, policies=(replace(c.policies[0], suite=OTHER_SUITE),)), b"proposal-mismatch-ike"),
        (
            lambda c: replace(c, tunnels=(replace(c.tunnels[0], remote=Selector.parse("10.8.0.0/16")),)),
            b"ts-mismatch",
        ),
    ],
)
def test_failures_are_alerts(meet: Meet, change: Callable[[Connection], Connection], kind: bytes) -> None:
    async def scenario(us: Side, them: Side) -> None:
        async def fail() -> None:
            us.gateway.autostart.release("branch")
            initiating = asyncio.ensure_future(us.gateway.initiate("branch", "net"))
            initiating.add_done_callback(lambda done: done.exception())

        alert = await event_of(them, "alert", fail)
        assert alert["type"] == kind
        assert alert["peer"].startswith(b"127.0.0.1")

    meet(scenario, change=change)


def test_a_peer_that_moved_is_an_update(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (sa,) = us.gateway.engine.sas.values()
        us.store.write([Keep(replace(sa, nat=Nat(NatTraversalVersion.RFC_3947, remote_behind=True)))])
        us.die()
        async with us.again(outlived=us.plane.inbound) as heir:
            (pair,) = heir.plane.outbound.values()
            elsewhere = pair.path._replace(local_port=us.gateway.settings.encapsulation_port, remote_port=40_000)

            async def move() -> None:
                heir.plane.listener(PeerMoved(pair, elsewhere))

            update = await event_of(heir, "ike-update", move)
            assert update["remote-port"] == b"40000"
            assert update["branch"]["remote-port"] == str(pair.path.remote_port).encode()
            assert update["branch"]["child-sas"] == {}

    meet(scenario)
