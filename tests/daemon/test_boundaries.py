"""A bug in the work for one peer, timer, tunnel or client is logged with its code, and touches nobody else."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import vici
from vici.exception import CommandException

import authority
from ikev1.core.engine import Engine
from ikev1.core.records.actions import Action, Send
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import ChildUp, Code, Event, Failure, IkeUp
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection, Credential, Mode, Settings, Start, Trust, TrustedKey
from ikev1.crypto import public_keys
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.daemon.vici.commands import COMMANDS
from ikev1.esp.plane import Expired, PacketsWait, PeerMoved, PlaneEvent, RekeyNeeded
from ikev1.wire.registry import AuthenticationMethod
from playbook import change

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side

BATCH = 64
SECRET = "what no log may hold"


class BugError(Exception):
    """What no boundary expects."""


def broken(*args: object, **kwargs: object) -> Any:
    raise BugError(SECRET)


def bugs(side: Side) -> list[str]:
    """The lines about bugs, none of which says what the exception said."""
    assert not any(SECRET in text for text in side.texts)
    return [line.text for line in side.lines if line.code == Code.INTERNAL_ERROR]


async def until(side: Side, condition: Callable[[], bool]) -> None:
    """Wait for ``condition``, which no event tells."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


async def ask(side: Side, conversation: Callable[[Any], Any]) -> Any:
    def talk() -> Any:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(60)
            stream.connect(str(side.control))
            return conversation(vici.Session(stream))

    return await asyncio.to_thread(talk)


def unable_to_say_who_it_is(connection: Connection) -> Connection:
    """Our identity, 252 octets, does not fit into one operation with the peer's RSA key of 2048 bits."""
    suite = replace(connection.policies[0].suite, authentication=int(AuthenticationMethod.RSA_ENCRYPTION))
    ours, theirs = authority.rsa_key(1), authority.rsa_key(2)
    return replace(
        connection,
        mode=Mode.AGGRESSIVE,
        policies=(replace(connection.policies[0], suite=suite),),
        secret=b"",
        local_id="a" * 240 + ".example.org",
        credential=Credential(authority.pkcs8(ours)),
        trust=Trust(public_keys=(TrustedKey(public_keys.encode(theirs.public_key())),)),
    )


# --- what cannot be begun ------------------------------------------------------------------------------------------


def test_a_call_that_cannot_be_built_is_told_to_whoever_asked(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        for tunnel in ("net", None):
            with pytest.raises(NotEstablished, match="245"):
                await us.gateway.initiate("branch", tunnel)
        assert [line.code for line in us.lines if line.code] == [Code.CERTIFICATE_UNUSABLE] * 2
        assert not us.gateway.engine.sas

    meet(scenario, change=unable_to_say_who_it_is)


def test_a_call_that_cannot_be_built_is_told_to_a_client(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with pytest.raises(CommandException, match="245"):
            await ask(us, lambda session: list(session.initiate({"child": "net"})))

    meet(scenario, change=unable_to_say_who_it_is)


def eager(settings: Settings) -> Settings:
    """Settings that try again soon."""
    return replace(settings, retry_initiate_interval=0.01, retry_initiate_limit=0.01)


def test_a_started_tunnel_that_cannot_be_called_is_tried_again(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.until(lambda: [line.code for line in us.lines].count(Code.CERTIFICATE_UNUSABLE) > 2)

    meet(scenario, change=unable_to_say_who_it_is, settings=eager, start=Start.START)


def test_a_rekey_that_a_new_configuration_makes_impossible_leaves_the_timers_alone(meet: Meet) -> None:
    def unable(settings: Settings) -> Settings:
        (old,) = settings.connections
        return replace(settings, connections=(unable_to_say_who_it_is(old),))

    async def scenario(us: Side, them: Side) -> None:
        failures: list[Failure] = []
        await us.gateway.initiate("branch", "net")
        us.gateway.reload()
        ((cookies, sa),) = us.gateway.engine.sas.items()

        def is_due() -> None:
            change(us.gateway.engine, us.gateway.engine.sas[cookies], rekey_at=us.gateway.now())

        def observe(event: Event) -> None:
            if isinstance(event, Failure):
                failures.append(event)
                if len(failures) < 3:  # while the gateway is still handling the timers
                    is_due()

        us.gateway.observers.append(observe)
        is_due()
        us.gateway.apply([])
        await us.until(lambda: len(failures) == 3)
        assert {(each.code, each.sa and each.sa.unique_id) for each in failures} == {
            (Code.CERTIFICATE_UNUSABLE, sa.unique_id)
        }
        assert us.gateway.is_up("branch", "net")
        assert bugs(us) == []

    meet(scenario, reloaded=unable)


def test_the_last_quick_mode_of_an_isakmp_sa_is_refused_and_logged(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        await them.until(lambda: them.gateway.is_up("branch", "net"))
        (theirs,) = them.gateway.engine.sas.values()
        change(them.gateway.engine, theirs, spent_message_ids=tuple(range(1, 5001)), rekey_at=0.0)
        ((child,),) = [sa.children for sa in us.gateway.engine.sas.values()]
        us.gateway.rekey_child(child)
        await them.until(lambda: Code.QUICK_MODE_LIMIT in [line.code for line in them.lines])
        assert us.gateway.is_up("branch", "net")
        assert them.gateway.is_up("branch", "net")

    meet(scenario)


# --- bugs -----------------------------------------------------------------------------------------------------------


def first_messages(side: Side) -> list[bytes]:
    """Message 1 of as many callers as one batch has datagrams."""
    engine = Engine(Settings(connections=side.gateway.settings.connections), os.urandom)
    path = UdpPath("127.0.0.1", 500, "127.0.0.2", 500)
    (message,) = (each for each in engine.initiate("branch", None, path, 0.0) if isinstance(each, Send))
    return [number.to_bytes(8, "big") + message.datagram[8:] for number in range(1, BATCH + 1)]


def test_a_bug_in_one_datagram_leaves_the_rest_of_the_batch(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(us: Side, them: Side) -> None:
        datagrams, receive = first_messages(us), them.gateway.engine.receive
        unlucky = datagrams[10]

        def sometimes(datagram: bytes, path: UdpPath, now: float) -> list[Action]:
            return broken() if datagram == unlucky else receive(datagram, path, now)

        monkeypatch.setattr(them.gateway.engine, "receive", sometimes)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as callers:
            callers.bind(("127.0.0.1", 0))
            callers.settimeout(60)
            path = UdpPath("127.0.0.2", them.endpoint.port, *callers.getsockname())
            them.gateway.receive_isakmp([(datagram, path) for datagram in datagrams])
            answered = {await asyncio.to_thread(lambda: callers.recv(65535)[:8]) for _ in range(BATCH - 1)}
        assert answered == {datagram[:8] for datagram in datagrams if datagram != unlucky}
        assert len(bugs(them)) == 1

    meet(scenario)


@pytest.mark.parametrize("what", ["expire", "deadline"])
def test_the_timer_survives_a_bug(
    meet: Meet, impatient: Callable[[Settings], Settings], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """One call fails; the message that is due is repeated after that."""
    now = [1_000_000.0]

    async def scenario(us: Side, them: Side) -> None:
        us.gateway.pause_after_bug = 0.005
        method = getattr(us.gateway.engine, what)
        failing = iter([True])

        def once(*args: Any) -> Any:
            return broken() if next(failing, False) else method(*args)

        waiting = asyncio.ensure_future(us.gateway.initiate("branch", "net"))
        await asyncio.sleep(0)
        monkeypatch.setattr(us.gateway.engine, what, once)
        now[0] += 0.06  # the message is due
        await us.until(lambda: Code.RETRANSMIT in [line.code for line in us.lines])
        now[0] += 1
        with pytest.raises(NotEstablished):
            await waiting
        assert len(bugs(us)) == 1

    silent = "127.0.0.3"
    meet(scenario, settings=impatient, change=lambda c: replace(c, remote_address=silent), clock=lambda: now[0])


def test_an_expiry_that_fails_every_time_does_not_keep_the_gateway_busy(
    meet: Meet, impatient: Callable[[Settings], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(us: Side, them: Side) -> None:
        us.gateway.pause_after_bug = 0.2
        monkeypatch.setattr(us.gateway.engine, "expire", broken)
        monkeypatch.setattr(us.gateway.engine, "deadline", lambda: 1.0)
        us.gateway.apply([])
        began = asyncio.get_running_loop().time()
        await until(us, lambda: len(bugs(us)) == 3)
        assert asyncio.get_running_loop().time() - began > 0.35

    meet(scenario)


def test_a_bug_in_the_data_plane_closes_the_pair_and_nothing_else(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(us: Side, them: Side) -> None:
        monkeypatch.setattr(us.plane, "install_inbound", broken)
        with pytest.raises(NotEstablished):
            await us.gateway.initiate("branch", "net")
        monkeypatch.undo()
        assert len(bugs(us)) == 1
        await us.gateway.initiate("branch", "net")
        assert [sa.state for sa in us.gateway.engine.sas.values()] == [IkeState.ESTABLISHED]
        assert us.gateway.is_up("branch", "net")

    meet(scenario)


def test_a_bug_of_one_observer_hides_no_event_from_the_others(meet: Meet) -> None:
    seen: list[Event] = []

    async def scenario(us: Side, them: Side) -> None:
        us.gateway.observers[:0] = [broken]
        us.gateway.observers.append(seen.append)
        await us.gateway.initiate("branch", "net")
        assert {IkeUp, ChildUp} <= set(map(type, seen))
        assert len(bugs(us)) == len(seen)

    meet(scenario)


def test_a_bug_of_the_store_leaves_the_negotiation_alone(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(us: Side, them: Side) -> None:
        monkeypatch.setattr(us.store, "write", broken)
        await us.gateway.initiate("branch", "net")
        assert bugs(us)

    meet(scenario)


@pytest.mark.parametrize(
    ("method", "event"),
    [
        ("rekey_child", lambda pair: RekeyNeeded(pair, "sequence numbers")),
        ("close_child", lambda pair: Expired(pair, "octets")),
        ("peer_moved", lambda pair: PeerMoved(pair, pair.path)),
    ],
)
def test_a_bug_in_the_work_on_an_event_of_the_data_plane(
    meet: Meet, monkeypatch: pytest.MonkeyPatch, method: str, event: Callable[[ChildSa], PlaneEvent]
) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (pair,) = us.plane.outbound.values()
        monkeypatch.setattr(us.gateway.engine, method, broken)
        us.plane.listener(event(pair))
        await until(us, lambda: len(bugs(us)) == 1)
        assert us.gateway.is_up("branch", "net")

    meet(scenario)


def test_a_tunnel_whose_start_meets_a_bug_is_tried_again(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(us: Side, them: Side) -> None:
        autostart, initiate, failures = us.gateway.autostart, us.gateway.engine.initiate, iter([True, True])

        def often(*args: Any) -> list[Action]:
            return broken() if next(failures, False) else initiate(*args)

        monkeypatch.setattr(us.gateway.engine, "initiate", often)
        (connection,) = us.gateway.settings.connections
        started = replace(connection, tunnels=(replace(connection.tunnels[0], start=Start.START),))
        autostart.adopt(eager(replace(us.gateway.settings, connections=(started,))))
        us.gateway.apply([])  # sets the timer
        await us.until(lambda: us.gateway.is_up("branch", "net"))
        assert len(bugs(us)) == 2

    meet(scenario)


@pytest.fixture
def broken_command(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(call: object) -> Any:
        return broken()

    monkeypatch.setitem(COMMANDS, "version", fail)


@pytest.mark.usefixtures("broken_command")
def test_a_bug_in_a_command_is_answered_and_the_client_goes_on(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        def talk(session: Any) -> Any:
            with pytest.raises(CommandException) as refusal:
                session.version()
            return str(refusal.value), session.stats()

        said, stats = await ask(us, talk)
        assert "BugError" in said
        assert SECRET not in said
        assert stats["ikesas"]["total"] == b"0"
        assert len(bugs(us)) == 1

    meet(scenario)


def test_a_bug_while_closing_one_sa_leaves_no_socket_open(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        monkeypatch.setattr(us.gateway.engine, "close_ike", broken)
        await us.gateway.close()
        assert us.plane.closed
        assert len(bugs(us)) == 1

    meet(scenario)


def test_a_bug_in_the_release_of_waiting_packets(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (pair,) = us.plane.outbound.values()
        us.plane.listener(PacketsWait(pair, lambda: broken()))
        await until(us, lambda: len(bugs(us)) == 1)
        assert us.gateway.is_up("branch", "net")

    meet(scenario)
