"""Waiting for an outcome: which events end which wait, and how."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ikev1.core.records.events import ChildDown, ChildUp, Code, Event, Failure, IkeDown, IkeUp, XauthUp
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Xauth
from ikev1.daemon.pending_operations import NotEstablished, PendingOperations
from one_sa import CHILD, SA


def outcome(tunnel: str | None, events: Sequence[Event]) -> str:
    """How the wait for ``tunnel`` over `SA` ends: ``up``, a reason, or ``waiting``."""

    async def conversation() -> str:
        operations = PendingOperations()
        waiting = asyncio.ensure_future(operations.expect(SA.unique_id, "branch", tunnel))
        for event in events:
            operations.observe(event)
        if not waiting.done():
            return "waiting"
        try:
            await waiting
        except NotEstablished as error:
            return str(error)
        return "up"

    return asyncio.run(conversation())


AWAITING = replace(SA, xauth=Xauth(serves=False))
FAILED = Failure(Code.NO_PROPOSAL_CHOSEN, "no proposal fits", "192.0.2.2", SA)


@pytest.mark.parametrize(
    ("tunnel", "events", "expected"),
    [
        ("net", [IkeUp(SA), ChildUp(SA, CHILD)], "up"),
        (None, [IkeUp(SA)], "up"),
        (None, [IkeUp(AWAITING)], "waiting"),
        (None, [IkeUp(AWAITING), XauthUp(SA)], "up"),
        ("net", [IkeUp(SA)], "waiting"),
        ("net", [ChildUp(SA, replace(CHILD, name="other"))], "waiting"),
        ("net", [ChildUp(replace(SA, unique_id=8), CHILD)], "up"),
        (None, [IkeUp(replace(SA, unique_id=8))], "waiting"),
        ("net", [FAILED], "waiting"),
        ("net", [FAILED, IkeDown(SA, "given up")], "no proposal fits"),
        ("net", [IkeDown(SA, "given up")], "given up"),
        ("net", [IkeDown(replace(SA, unique_id=8), "given up")], "waiting"),
        ("net", [FAILED._replace(tunnel="net")], "no proposal fits"),
        ("net", [FAILED._replace(tunnel="other")], "waiting"),
        ("net", [FAILED._replace(sa=None, tunnel="net")], "waiting"),
        ("net", [ChildDown(SA, CHILD, "the data plane refused it")], "the data plane refused it"),
        ("net", [ChildUp(SA, CHILD), ChildDown(SA, CHILD, "closed")], "up"),
    ],
)
def test_events_settle_what_they_concern(tunnel: str | None, events: list[Event], expected: str) -> None:
    assert outcome(tunnel, events) == expected


def test_who_stops_waiting_leaves_nothing_behind() -> None:
    async def conversation() -> None:
        operations = PendingOperations()
        waiting = asyncio.ensure_future(operations.expect(7, "branch", "net"))
        waiting.cancel()
        await asyncio.sleep(0)
        operations.observe(ChildUp(SA, CHILD))
        assert waiting.cancelled()

    asyncio.run(conversation())


def test_an_event_looks_only_at_the_operations_that_it_concerns(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0

    def fail(operation: object, reason: str) -> None:
        nonlocal looked_at
        looked_at += 1

    async def conversation() -> None:
        operations = PendingOperations()
        monkeypatch.setattr("ikev1.daemon.pending_operations._Operation.fail", fail)
        for number in range(1000):
            operations.expect(number, f"branch-{number}", "net")
        operations.observe(IkeDown(replace(SA, connection="branch-7"), "closed"))
        operations.observe(ChildDown(replace(SA, connection="branch-7"), CHILD, "closed"))

    asyncio.run(conversation())
    assert looked_at == 2


def test_all_who_wait_for_the_same_learn_of_it_and_nothing_is_left() -> None:
    async def conversation() -> None:
        operations = PendingOperations()
        waiting = [operations.expect(SA.unique_id, "branch", name) for name in ("net", "net", None)]
        operations.observe(FAILED)
        operations.observe(IkeDown(SA, "given up"))
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(outcome) for outcome in outcomes] == [FAILED.text] * 3
        await asyncio.sleep(0)  # the event loop calls the callbacks of the futures
        assert not operations.waiting

    asyncio.run(conversation())


def test_the_outcome_has_the_code_of_the_failure() -> None:
    async def code_after(*events: Event) -> str:
        operations = PendingOperations()
        waiting = asyncio.ensure_future(operations.expect(SA.unique_id, "branch", "net"))
        for event in events:
            operations.observe(event)
        with pytest.raises(NotEstablished) as caught:
            await waiting
        return caught.value.code

    assert asyncio.run(code_after(FAILED, IkeDown(SA, "given up"))) == Code.NO_PROPOSAL_CHOSEN
    assert asyncio.run(code_after(FAILED._replace(tunnel="net"))) == Code.NO_PROPOSAL_CHOSEN
    assert asyncio.run(code_after(IkeDown(SA, "given up"))) == NotEstablished.code
