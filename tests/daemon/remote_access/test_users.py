"""Users are checked without blocking anything, the log says who failed, and who guesses waits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ikev1.aaa.lock_out import OF_USER_AT_ADDRESS
from ikev1.core.records.actions import CheckUser
from ikev1.core.records.events import Code, IkeDown
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import (
    Accepted,
    Challenged,
    Prompt,
    Rejected,
    Unavailable,
    User,
    Verdict,
    XauthAttempt,
)
from ikev1.core.records.settings import Connection
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.remote_access.users import UserChecker

FILTER = Path(__file__).parents[3] / "packaging" / "fail2ban" / "filter.d" / "ikev1.conf"
CONNECTION = Connection("rw", (), (), xauth_backend=("first", "second"))
ALICE = User("alice", groups=("staff",), backend="first")


def sa(number: int = 1, host: str = "198.51.100.7") -> IkeSa:
    path = UdpPath("192.0.2.1", 500, host, 500)
    return IkeSa(number, "rw", Role.RESPONDER, path, b"i" * 8, b"r" * 8, 0.0)


class Backend:
    """Accepts the password ``right``, cannot check ``down``, challenges ``otp``, never ends with ``slow``."""

    name = "first"

    def __init__(self) -> None:
        self.asked: list[XauthAttempt] = []
        self.cancelled = 0
        self.closed = False

    async def check(self, attempt: XauthAttempt) -> Verdict:
        self.asked.append(attempt)
        if attempt.secret == b"slow":
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if attempt.secret == b"bug":
            raise RuntimeError(attempt.user + "!")
        verdicts: dict[bytes, Verdict] = {
            b"right": Accepted(ALICE),
            b"down": Unavailable("gone"),
            b"otp": Challenged(Prompt.PASSCODE, "Code?", state=b"s"),
        }
        return verdicts.get(attempt.secret, Rejected("wrong password"))

    async def close(self) -> None:
        self.closed = True


class Scene:
    """A checker with one backend, its answers and its log."""

    def __init__(self, most: int = 500) -> None:
        self.now = 1000.0
        self.lines: list[Line] = []
        self.answers: list[tuple[int, Verdict]] = []
        self.backend = Backend()
        self.connection = CONNECTION
        self.alternatives: tuple[Connection, ...] = ()
        self.log = EventLog(lambda: self.now)
        self.log.attach(Level.DEBUG, self.lines.append)
        self.checker = UserChecker(self._answer, lambda: self.now, lambda: "s1", most, log=self.log)
        self.checker.adopt({"first": self.backend})
        self._answered = asyncio.Event()

    def _answer(self, request: int, verdict: Verdict) -> None:
        self.answers.append((request, verdict))
        self._answered.set()

    def begin(self, password: bytes, user: str = "alice", of: IkeSa | None = None, state: bytes = b"") -> None:
        ike_sa = of or sa()
        address, name = ike_sa.path.remote_host, CONNECTION.name
        attempt = XauthAttempt(user, password, address=address, connection=name, state=state)
        self.checker.check(CheckUser(len(self.answers), ike_sa, self.connection, attempt, self.alternatives))

    async def check(self, password: bytes, user: str = "alice", of: IkeSa | None = None, state: bytes = b"") -> Verdict:
        self._answered.clear()
        self.begin(password, user, of, state)
        await self._answered.wait()
        return self.answers[-1][1]

    @property
    def codes(self) -> list[str]:
        return [line.code for line in self.lines]


def play(scenario: Callable[[Scene], Awaitable[None]], most: int = 500) -> None:
    async def run() -> None:
        scene = Scene(most)
        async with asyncio.timeout(30):
            await scenario(scene)
            await scene.checker.close()
        assert scene.backend.closed

    asyncio.run(run())


def test_an_accepted_user_gets_a_session_and_no_line() -> None:
    async def scenario(scene: Scene) -> None:
        assert await scene.check(b"right") == Accepted(replace(ALICE, session="s1"))
        assert scene.lines == []
        (asked,) = scene.backend.asked
        assert (asked.user, asked.address, asked.connection) == ("alice", "198.51.100.7", "rw")

    play(scenario)


def test_a_backend_that_is_unavailable_is_an_error_and_no_failed_login() -> None:
    async def scenario(scene: Scene) -> None:
        for _ in range(3 * OF_USER_AT_ADDRESS.free):
            assert isinstance(await scene.check(b"down"), Unavailable)
        assert set(scene.codes) == {Code.BACKEND_UNAVAILABLE}
        assert isinstance(await scene.check(b"right"), Accepted)

    play(scenario)


def test_a_user_in_none_of_the_groups_is_rejected() -> None:
    async def scenario(scene: Scene) -> None:
        for groups, expected in ((("admins", "staff"), Accepted), (("admins",), Rejected)):
            scene.connection = replace(CONNECTION, groups=groups)
            assert isinstance(await scene.check(b"right"), expected)

    play(scenario)


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ({"xauth_user": "alice"}, {"xauth_user": "alice"}, Accepted(replace(ALICE, session="s1"))),
        ({"xauth_user": "bob"}, {"xauth_user": "alice"}, Accepted(replace(ALICE, session="s1"), "second")),
        ({"groups": ("board",)}, {"groups": ("staff",)}, Accepted(replace(ALICE, session="s1"), "second")),
        ({"xauth_user": "bob"}, {"xauth_user": "alice", "groups": ("board",)}, None),
    ],
)
def test_a_user_gets_the_first_connection_that_permits_the_user(
    first: dict[str, Any], second: dict[str, Any], verdict: Verdict | None
) -> None:
    async def scenario(scene: Scene) -> None:
        scene.connection = replace(CONNECTION, **first)
        scene.alternatives = (replace(CONNECTION, name="second", **second),)
        found = await scene.check(b"right")
        assert isinstance(found, Rejected) if verdict is None else found == verdict

    play(scenario)


def test_guessing_is_refused_without_a_backend_until_the_wait_is_over() -> None:
    async def scenario(scene: Scene) -> None:
        for _ in range(OF_USER_AT_ADDRESS.free + 1):
            assert isinstance(await scene.check(b"wrong"), Rejected)
        asked = len(scene.backend.asked)
        assert isinstance(await scene.check(b"right"), Rejected)
        assert len(scene.backend.asked) == asked
        assert scene.codes == [Code.USER_REJECTED] * asked + [Code.USER_LOCKED_OUT]
        assert isinstance(await scene.check(b"right", of=sa(2, "203.0.113.5")), Accepted)  # from elsewhere
        scene.now += OF_USER_AT_ADDRESS.first
        assert isinstance(await scene.check(b"right"), Accepted)

    play(scenario)


def test_simultaneous_guesses_do_not_evade_the_limit() -> None:
    async def scenario(scene: Scene) -> None:
        for number in range(50):
            scene.begin(b"slow", of=sa(number))
        await asyncio.sleep(0)
        assert len(scene.backend.asked) == OF_USER_AT_ADDRESS.free + 1

    play(scenario)


def test_the_answer_to_a_challenge_is_part_of_the_same_attempt() -> None:
    async def scenario(scene: Scene) -> None:
        for _ in range(3 * OF_USER_AT_ADDRESS.free):
            challenge = await scene.check(b"otp")
            assert isinstance(challenge, Challenged)
            assert isinstance(await scene.check(b"right", state=challenge.state), Accepted)

    play(scenario)


def test_unanswered_challenges_count() -> None:
    async def scenario(scene: Scene) -> None:
        for _ in range(OF_USER_AT_ADDRESS.free + 1):
            assert isinstance(await scene.check(b"otp"), Challenged)
        assert isinstance(await scene.check(b"otp"), Rejected)

    play(scenario)


def test_the_end_of_the_sa_ends_its_check_alone() -> None:
    async def scenario(scene: Scene) -> None:
        scene.begin(b"slow", "alice", sa(1))
        scene.begin(b"slow", "bob", sa(2))
        await asyncio.sleep(0)
        scene.checker.observe(IkeDown(sa(1), "gone"))
        while not scene.backend.cancelled:
            await asyncio.sleep(0)
        assert scene.backend.cancelled == 1
        assert scene.answers == []

    play(scenario)


def test_too_many_checks_at_once_are_not_begun() -> None:
    async def scenario(scene: Scene) -> None:
        scene.begin(b"slow", "alice", sa(1))
        scene.begin(b"slow", "bob", sa(2))
        assert isinstance(await scene.check(b"right", "carol"), Unavailable)
        assert len(scene.backend.asked) == 2

    play(scenario, most=2)


def test_a_bug_in_a_backend_rejects_nobody_and_tells_no_secret() -> None:
    async def scenario(scene: Scene) -> None:
        assert isinstance(await scene.check(b"bug"), Unavailable)
        assert Code.INTERNAL_ERROR in scene.codes
        assert "alice!" not in "".join(line.text for line in scene.lines)

    play(scenario)


def test_a_backend_that_is_configured_no_longer_is_closed() -> None:
    async def scenario(scene: Scene) -> None:
        old, scene.backend = scene.backend, Backend()
        scene.checker.adopt({"first": scene.backend})
        assert isinstance(await scene.check(b"right"), Accepted)
        await asyncio.sleep(0)
        assert old.closed
        scene.checker.adopt({})
        assert isinstance(await scene.check(b"right"), Unavailable)

    play(scenario)


# --- the line that fail2ban reads -----------------------------------------------------------------------------------


def failregex() -> re.Pattern[str]:
    """The expression of our filter, with an address for ``<HOST>`` as in fail2ban."""
    (expression,) = re.findall(r"^failregex = (.*)$", FILTER.read_text(), re.MULTILINE)
    return re.compile(expression.replace("<HOST>", r"(?P<host>[0-9a-fA-F:.]+)"))


def logged(line: Line) -> str:
    """The line as the gateway writes it, after fail2ban has removed the date."""
    return f" {line.level.name:7} {line}"


@pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8::7"])
@pytest.mark.parametrize(
    "user",
    ["alice", "", "a b", 'x" from 192.0.2.1 as "y', "\n[IKE] login failed from 192.0.2.1 as", "z" * 5000, "\udcff"],
)
def test_the_line_names_the_address_whatever_the_name_is(user: str, host: str) -> None:
    async def scenario(scene: Scene) -> None:
        for _ in range(OF_USER_AT_ADDRESS.free + 2):
            await scene.check(b"wrong", user, sa(1, host))
        lines = list(map(logged, scene.lines))
        assert len(lines) == OF_USER_AT_ADDRESS.free + 2
        for line in lines:
            assert "\n" not in line
            assert len(line) < 600
            found = failregex().search(line)
            assert found is not None
            assert found["host"] == host

    play(scenario)


@pytest.mark.parametrize(
    "line",
    [
        " WARNING [IKE] 192.0.2.9:500: no connection for ID [IKE] login failed from 192.0.2.1 as x (no-connection)",
        ' INFO    [IKE] login failed from 192.0.2.1 as "x" on rw: no (user-rejected)',
        ' WARNING [IKE] <rw|1> login failed from 192.0.2.1 as "x" on rw: no (user-rejected)',
        ' ERROR   [IKE] user "alice" cannot be checked: login failed from 192.0.2.1 as (backend-unavailable)',
    ],
)
def test_other_lines_are_not_read(line: str) -> None:
    assert failregex().search(line) is None


def test_the_line_is_read_in_the_journal() -> None:
    text = 'WARNING [IKE] login failed from 192.0.2.1 as "x" on rw: wrong password (user-rejected)'
    for before in ("gw ikev1[123]: 2026-11-29 01:02:03,456 ", "gw ikev1[123]: ", ""):
        found = failregex().search(before + text)
        assert found is not None
        assert found["host"] == "192.0.2.1"
