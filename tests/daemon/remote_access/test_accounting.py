"""Sessions: one for each login, over all SAs that inherit the user, with all that their pairs have carried."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.daemon.remote_access.test_updown import child
from tests.daemon.remote_access.test_users import sa

from ikev1.aaa.accounting import Cause, NotConfirmed, Notice, Session, Status, Usage
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import ChildUp, Code, ConfigAssigned, Failure, IkeDown, XauthUp
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import User
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.remote_access import accounting
from ikev1.daemon.remote_access.accounting import Sessions
from ikev1.esp.plane import Counters

USER = User("alice", backend="radius", address="10.99.0.7", class_=(b"c",), session="s1", authenticated_at=900.0)
UP = replace(sa(1), user=USER)


class Server:
    """An accounting server; it confirms nothing while it is ``down``."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.down = False
        self.asked = 0

    async def tell(self, notice: Notice) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise NotConfirmed("down")
        self.notices.append(notice)


class Scene:
    def __init__(self) -> None:
        self.now = 1000.0
        self.carried: dict[int, Counters] = {}
        self.server = Server()
        self.lines: list[Line] = []
        log = EventLog(lambda: self.now)
        log.attach(Level.DEBUG, self.lines.append)
        self.sessions = Sessions(self._counters, lambda: self.now, lambda: self.now + 1e9, log)
        self.sessions.adopt(self.server, 0)

    def _counters(self, pair: ChildSa) -> Counters:
        return self.carried.get(pair.unique_id, Counters())

    async def told(self) -> list[Notice]:
        for _ in range(20):
            await asyncio.sleep(0)
        return self.server.notices


def play(scenario: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(30):
            await scenario(Scene())

    asyncio.run(run())


def test_a_session_over_renewals_and_rekeying() -> None:
    async def scenario(scene: Scene) -> None:
        sessions = scene.sessions
        sessions.observe(XauthUp(UP))
        assert await scene.told() == []  # it may get other addresses
        sessions.observe(ConfigAssigned(replace(UP, assigned=ModeConfig(("10.99.0.7",)))))
        (start,) = await scene.told()
        own = Session("s1", "alice", "rw", "198.51.100.7", ("10.99.0.7",), (b"c",))
        assert (start.status, start.session, start.at) == (Status.START, own, 1e9 + 1000.0)
        sessions.observe(ChildUp(UP, child(1)))
        sessions.observe(XauthUp(replace(UP, unique_id=2)))  # the heir
        sessions.observe(IkeDown(UP, "renewed"))
        scene.carried = {1: Counters(10, 1, 20, 2), 2: Counters(300, 3, 400, 4)}
        sessions.observe(ChildUp(replace(UP, unique_id=2), child(2), child(1)))
        sessions.removed(child(1))
        scene.carried.pop(1)  # it is gone
        scene.now = 1500.0
        sessions.observe(IkeDown(replace(UP, unique_id=2), "closed"))
        assert len(await scene.told()) == 1  # its pair lives on
        sessions.removed(child(2))
        _, stop = await scene.told()
        assert (stop.status, stop.seconds, stop.cause) == (Status.STOP, 600, Cause.USER_REQUEST)
        assert stop.usage == Usage(310, 420, 4, 6)

    play(scenario)


def test_two_logins_are_two_sessions() -> None:
    async def scenario(scene: Scene) -> None:
        other = replace(UP, unique_id=2, user=replace(USER, session="s2"))
        scene.sessions.observe(XauthUp(UP))
        scene.sessions.observe(XauthUp(other))
        scene.sessions.observe(IkeDown(UP, "closed"))
        assert [(notice.session.id, notice.status) for notice in await scene.told()] == [
            ("s1", Status.START),
            ("s1", Status.STOP),
        ]
        scene.sessions.observe(IkeDown(other, "closed"))
        assert [notice.session.id for notice in await scene.told()] == ["s1", "s1", "s2", "s2"]

    play(scenario)


def test_the_causes() -> None:
    async def scenario(scene: Scene) -> None:
        def session(number: int, **changes: float) -> IkeSa:
            opened = replace(UP, unique_id=number, user=replace(USER, session=str(number), **changes))
            scene.sessions.observe(XauthUp(opened))
            return opened

        dead, timed, closed, last = session(1), session(2, ends_at=1001.0), session(3), session(4)
        scene.now = 1002.0
        scene.sessions.observe(Failure(Code.PEER_DEAD, "dead", "", dead))
        for ended in (dead, timed, closed):
            scene.sessions.observe(IkeDown(ended, ""))
        scene.sessions.ends()
        scene.sessions.observe(IkeDown(last, ""))
        await scene.sessions.close()
        causes = {notice.session.id: notice.cause for notice in scene.server.notices if notice.cause is not None}
        assert causes == {
            "1": Cause.LOST_CARRIER,
            "2": Cause.SESSION_TIMEOUT,
            "3": Cause.USER_REQUEST,
            "4": Cause.ADMIN_REBOOT,
        }

    play(scenario)


def test_users_without_a_session_and_other_sas_are_nothing_to_account() -> None:
    async def scenario(scene: Scene) -> None:
        scene.sessions.observe(XauthUp(replace(UP, user=replace(USER, session=""))))
        scene.sessions.observe(XauthUp(replace(UP, user=None)))
        scene.sessions.observe(ChildUp(sa(3), child(3)))
        scene.sessions.removed(child(3))
        scene.sessions.observe(IkeDown(sa(3), ""))
        assert await scene.told() == []

    play(scenario)


def test_a_session_that_was_taken_over_is_not_begun_again() -> None:
    async def scenario(scene: Scene) -> None:
        scene.carried = {1: Counters(5, 1, 7, 1)}
        scene.sessions.begin(replace(UP, children=(child(1),)))
        scene.sessions.observe(IkeDown(UP, ""))
        scene.sessions.removed(child(1))
        (stop,) = await scene.told()
        assert (stop.status, stop.usage) == (Status.STOP, Usage(5, 7, 1, 1))

    play(scenario)


def test_a_start_ends_what_a_killed_process_has_left_unless_it_goes_on() -> None:
    async def scenario(scene: Scene) -> None:
        scene.sessions.starts()
        (on,) = await scene.told()
        assert (on.status, on.at, on.session.user) == (Status.ON, 1e9 + 1000.0, "")
        scene.sessions.begin(replace(UP, children=(child(1),)))
        scene.sessions.starts()
        assert len(await scene.told()) == 1

    play(scenario)


def test_interim_updates_have_what_was_carried_so_far() -> None:
    async def scenario(scene: Scene) -> None:
        asked = replace(UP, user=replace(USER, interim_interval=1))
        scene.carried = {1: Counters(10, 1, 20, 2)}
        scene.sessions.observe(XauthUp(asked))
        scene.sessions.observe(ChildUp(asked, child(1, remote="10.99.0.8")))
        while len(await scene.told()) < 2:
            await asyncio.sleep(0.05)
        interim = scene.server.notices[1]
        assert (interim.status, interim.usage) == (Status.INTERIM_UPDATE, Usage(10, 20, 1, 2))
        scene.sessions.observe(IkeDown(asked, ""))
        scene.sessions.removed(child(1))
        await scene.sessions.close()
        assert scene.server.notices[-1].status is Status.STOP

    play(scenario)


def test_the_address_of_a_pair_is_the_assigned_one() -> None:
    async def scenario(scene: Scene) -> None:
        user = replace(USER, address="")
        opened = replace(UP, user=user)
        scene.sessions.observe(XauthUp(opened))
        scene.sessions.observe(ChildUp(opened, child(1, remote="10.99.0.8")))
        scene.sessions.observe(ChildUp(opened, child(2, remote="10.2.0.0/16")))
        scene.sessions.removed(child(2))
        scene.sessions.observe(IkeDown(opened, ""))
        scene.sessions.removed(child(1))
        assert [notice.session.assigned for notice in await scene.told()] == [("10.99.0.8",)] * 2

    play(scenario)


def test_the_beginning_is_told_without_an_address_if_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "_ADDRESSES", 0.01)

    async def scenario(scene: Scene) -> None:
        scene.sessions.observe(XauthUp(replace(UP, user=replace(USER, address=""))))
        while not (told := await scene.told()):
            await asyncio.sleep(0.01)
        assert [(notice.status, notice.session.assigned) for notice in told] == [(Status.START, ())]

    play(scenario)


def test_notices_wait_for_the_server_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "_FIRST_WAIT", 0.01)

    async def scenario(scene: Scene) -> None:
        scene.server.down = True
        scene.sessions.observe(XauthUp(UP))
        scene.sessions.observe(IkeDown(UP, ""))
        while scene.server.asked < 3:
            await asyncio.sleep(0.01)
        assert [line.code for line in scene.lines] == [Code.ACCOUNTING_FAILED]
        scene.server.down = False
        await scene.sessions.close()
        assert [notice.status for notice in scene.server.notices] == [Status.START, Status.STOP]

    play(scenario)


def test_a_user_who_logs_in_again_and_again_does_not_fill_the_memory() -> None:
    async def scenario(scene: Scene) -> None:
        scene.server.down = True
        for number in range(1, 1001):
            name = "alice" if number % 2 else "Alice"
            opened = replace(UP, unique_id=number, user=replace(USER, name=name, session=f"s{number}"))
            scene.sessions.observe(XauthUp(opened))
            scene.sessions.observe(IkeDown(opened, "closed"))
        tasks = len(asyncio.all_tasks())
        await scene.told()
        other = replace(UP, unique_id=2000, user=replace(USER, name="bob", session="of bob"))
        scene.server.down = False
        scene.sessions.observe(XauthUp(other))
        scene.sessions.observe(IkeDown(other, "closed"))
        assert [notice.session.user for notice in await scene.told()] == ["bob", "bob"], "others have their own places"
        assert tasks <= 501
        assert Code.ACCOUNTING_FAILED in [line.code for line in scene.lines]

    play(scenario)


def test_places_are_free_again_when_all_was_told() -> None:
    async def scenario(scene: Scene) -> None:
        for number in range(1, 201):
            opened = replace(UP, unique_id=number, user=replace(USER, session=f"s{number}"))
            scene.sessions.observe(XauthUp(opened))
            scene.sessions.observe(IkeDown(opened, "closed"))
            await scene.told()
        assert len(scene.server.notices) == 400

    play(scenario)


def test_when_the_gateway_stops_a_silent_server_does_not_hold_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "_CLOSING", 0.05)

    async def scenario(scene: Scene) -> None:
        scene.server.down = True
        scene.sessions.observe(XauthUp(UP))
        scene.sessions.observe(IkeDown(UP, ""))
        await scene.sessions.close()
        assert Code.ACCOUNTING_FAILED in [line.code for line in scene.lines]

    play(scenario)
