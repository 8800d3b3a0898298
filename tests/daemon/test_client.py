"""A client connection in the gateway of its process: when it is over, and when it is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import Event, Note
from ikev1.core.records.ike_sa import IkeSa
from ikev1.daemon.client import ClientConnection, Outcome
from ikev1.daemon.l2tp.link import LinkAddresses
from ikev1.esp.plane import Counters

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side


class _View:
    """Nobody looks."""

    live = False

    def __init__(self) -> None:
        self.is_up = asyncio.Event()

    def calling(self, patience: float) -> None:
        pass

    def silent(self, note: Note, left: float) -> None:
        pass

    def waiting(self, sa: IkeSa, since: float, left: float) -> None:
        pass

    def event(self, event: Event) -> None:
        pass

    def failed(self, reason: str) -> None:
        pass

    def link(self, addresses: LinkAddresses) -> None:
        pass

    def up(self) -> None:
        self.is_up.set()

    def tick(self, sa: IkeSa, children: list[tuple[ChildSa, Counters]], now: float) -> None:
        pass


async def _connected(us: Side, ended: asyncio.Event) -> ClientConnection:
    view = _View()
    connection = ClientConnection(us.gateway, ended.set, view)
    connection.begin()
    async with asyncio.timeout(30):
        await view.is_up.wait()
    return connection


def test_a_pair_that_is_negotiated_anew_is_no_end(meet: Meet) -> None:
    """As when the gateway assigns another virtual address: the pair of the old one is closed first."""

    async def scenario(us: Side, them: Side) -> None:
        ended = asyncio.Event()
        connection = await _connected(us, ended)
        gateway = us.gateway
        (sa,) = gateway.sas()
        (old,) = sa.complete_children
        gateway.apply(gateway.engine.close_child(old.unique_id, gateway.now()))
        gateway.apply(gateway.engine.initiate("branch", "net", sa.path, gateway.now()))
        assert not gateway.is_up("branch", "net")
        await us.until(lambda: gateway.is_up("branch", "net"))
        assert not ended.is_set()
        (new,) = next(iter(gateway.sas())).complete_children
        gateway.apply(gateway.engine.close_child(new.unique_id, gateway.now()))
        async with asyncio.timeout(30):
            await ended.wait()
        assert connection.outcome is Outcome.LOST
        await connection.close()

    meet(scenario)
