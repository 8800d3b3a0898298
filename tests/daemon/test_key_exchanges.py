"""Gateways with a large group compute its powers in threads."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

import pytest

from ikev1.core.records.answers import Failed
from ikev1.core.records.key_exchange import ComputeSharedSecret, SharedSecret
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection
from ikev1.crypto.modp import ModpGroup
from ikev1.daemon import key_exchanges
from ikev1.daemon.key_exchanges import KeyExchanges
from ikev1.daemon.observe.event_log import EventLog
from ikev1.wire.registry import Group

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side


def in_a_large_group(connection: Connection) -> Connection:
    (policy,) = connection.policies
    suite = replace(policy.suite, group=int(Group.MODP_3072))
    return replace(connection, policies=(replace(policy, suite=suite),))


def test_two_gateways_compute_g_xy_in_threads(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    computed_by: list[threading.Thread] = []
    shared = ModpGroup.shared

    def noted(self: ModpGroup, private: bytes, peer_public: bytes) -> bytes:
        computed_by.append(threading.current_thread())
        return shared(self, private, peer_public)

    async def scenario(us: Side, them: Side) -> None:
        monkeypatch.setattr(ModpGroup, "shared", noted)
        await us.gateway.initiate("branch", "net")
        await them.until(lambda: them.gateway.is_up("branch", "net"))

    meet(scenario, change=in_a_large_group, their_change=in_a_large_group)
    assert len(computed_by) == 2
    assert threading.main_thread() not in computed_by


def test_a_value_outside_of_the_group_is_no_bug() -> None:
    async def scenario() -> None:
        answered = asyncio.get_running_loop().create_future()
        exchanges = KeyExchanges(lambda *answer: answered.set_result(answer), lambda _: True, os.urandom, EventLog())
        exchanges.begin(ComputeSharedSecret(7, Group.MODP_3072, b"", bytes(384)))
        request, answer = await answered
        assert request == 7
        assert isinstance(answer, Failed)
        exchanges.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("last", "first"), [(4, [0, 2, 3]), (100, [0, 100, 99])])
def test_what_nobody_awaits_any_more_is_not_computed(
    monkeypatch: pytest.MonkeyPatch, last: int, first: list[int]
) -> None:
    """A flood of messages 3 ends the oldest SAs before their turn; of many that wait, the newest is first."""
    monkeypatch.setattr(key_exchanges, "_THREADS", 1)

    async def scenario() -> None:
        answers = asyncio.Queue[int]()
        awaited = {*range(last + 1)}
        begun = threading.Event()

        def random(octets: int) -> bytes:
            begun.wait()
            return os.urandom(octets)

        exchanges = KeyExchanges(
            lambda request, _: answers.put_nowait(request), awaited.__contains__, random, EventLog()
        )
        for request in range(last + 1):
            exchanges.begin(ComputeSharedSecret(request, Group.MODP_3072, b"", (5).to_bytes(384)))
        awaited.discard(1)
        begun.set()
        assert [await answers.get() for _ in range(3)] == first
        awaited.clear()
        await answers.get()  # of the one that had begun
        await asyncio.sleep(0)
        assert (answers.empty(), len(exchanges._open), len(exchanges._waiting)) == (True, 0, 0)
        exchanges.close()

    asyncio.run(scenario())


def test_no_answer_shows_the_secret() -> None:
    assert "736563726574" not in repr(SharedSecret(b"", b"secret")).lower()
    assert "secret'" not in repr(SharedSecret(b"", b"secret"))
