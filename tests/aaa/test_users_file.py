"""The file of users: what is accepted, what is refused, and that changes are whole."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ikev1.aaa.user_changes import add_user, change_user, delete_user
from ikev1.aaa.users import UsersBackend
from ikev1.aaa.users_file import KnownUser, UsersFileError, make_user, matches, parse_users
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Accepted, Rejected, Unavailable, User, Verdict, XauthAttempt

CHEAP = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43
ALICE = make_user("alice", b"open sesame", ["staff", "vpn"], ["10.99.0.5", "fd00::5"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "users"


def check(file: Path, *attempts: XauthAttempt) -> list[Verdict]:
    async def run() -> list[Verdict]:
        backend = UsersBackend(file)
        try:
            return [await backend.check(attempt) for attempt in attempts]
        finally:
            await backend.close()

    return asyncio.run(run())


def test_a_user_is_written_and_read(file: Path) -> None:
    add_user(file, ALICE)
    assert parse_users(file.read_bytes()) == {"alice": ALICE}
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"open sesame" not in file.read_bytes()


def test_the_right_password_is_accepted_with_the_profile(file: Path) -> None:
    add_user(file, ALICE)
    (verdict,) = check(file, XauthAttempt("alice", b"open sesame"))
    user = User("alice", groups=("staff", "vpn"), backend="users", address="10.99.0.5", address6="fd00::5")
    assert verdict == Accepted(user)


@pytest.mark.parametrize(
    "attempt",
    [
        XauthAttempt("alice", b"open sesam"),
        XauthAttempt("alice", b""),
        XauthAttempt("alice", b"open sesame\0"),
        XauthAttempt("alice", b"open sesame" * 200),
        XauthAttempt("Alice", b"open sesame"),
        XauthAttempt("bob", b"open sesame"),
        XauthAttempt("", b"open sesame"),
        XauthAttempt("alice", b"open sesame", domain="EXAMPLE"),
    ],
)
def test_everything_else_is_rejected(file: Path, attempt: XauthAttempt) -> None:
    add_user(file, ALICE)
    (verdict,) = check(file, attempt)
    assert isinstance(verdict, Rejected)


def test_a_domain_is_part_of_the_name(file: Path) -> None:
    add_user(file, make_user("EXAMPLE\\alice", b"x", [], []))
    right, without = check(file, XauthAttempt("alice", b"x", domain="EXAMPLE"), XauthAttempt("alice", b"x"))
    assert isinstance(right, Accepted)
    assert isinstance(without, Rejected)


def test_two_ways_to_write_a_character_are_one_password() -> None:
    user = make_user("zoe", "Zoë".encode(), [], [])
    assert matches(user, {}, "Zoe\N{COMBINING DIAERESIS}".encode())


def test_a_password_that_is_no_text_is_a_password() -> None:
    user = make_user("bob", b"\xff\xfe", [], [])
    assert matches(user, {}, b"\xff\xfe")
    assert not matches(user, {}, b"\xff\xff")


def test_an_unknown_user_takes_as_long_as_a_known_one() -> None:
    users = {"alice": ALICE}

    def cpu(user: KnownUser | None) -> float:
        def once() -> float:
            begin = time.thread_time()
            matches(user, users, b"wrong")
            return time.thread_time() - begin

        return min(once() for _ in range(7))

    known, unknown = cpu(ALICE), cpu(None)
    assert known > 0.002  # else this says nothing
    assert 0.5 < unknown / known < 2


def test_the_costs_for_an_unknown_user_are_those_of_most_users(monkeypatch: pytest.MonkeyPatch) -> None:
    users = {str(number): KnownUser(str(number), CHEAP) for number in range(3)} | {"alice": ALICE}
    begin = time.thread_time()
    assert not matches(None, users, b"x")
    cheap = time.thread_time() - begin
    begin = time.thread_time()
    assert not matches(ALICE, users, b"x")
    assert cheap < (time.thread_time() - begin) / 2


def test_the_file_is_read_again_when_it_has_changed(file: Path) -> None:
    async def run() -> list[type[Verdict]]:
        backend = UsersBackend(file)
        found = []
        for change in (
            lambda: None,
            lambda: add_user(file, ALICE),
            lambda: change_user(file, "alice", lambda user: replace(user, hash=CHEAP)),
            lambda: file.write_text("nonsense"),
            lambda: file.chmod(0o644),
            file.unlink,
        ):
            change()
            found.append(type(await backend.check(XauthAttempt("alice", b"open sesame"))))
        await backend.close()
        return found

    assert asyncio.run(run()) == [Unavailable, Accepted, Rejected, Unavailable, Unavailable, Unavailable]


def test_a_flood_is_bounded(file: Path) -> None:
    add_user(file, ALICE)
    names = ("alice", "bob", "carol", "dave", "erin")

    async def run() -> list[Verdict]:
        backend = UsersBackend(file, most=3)
        try:
            return await asyncio.gather(*(backend.check(XauthAttempt(name, b"open sesame")) for name in names))
        finally:
            await backend.close()

    assert [type(verdict) for verdict in asyncio.run(run())] == [Accepted, Rejected, Rejected, Unavailable, Unavailable]


def test_cancelled_checks_give_back_their_places(file: Path) -> None:
    add_user(file, ALICE)

    async def run() -> Verdict:
        backend = UsersBackend(file, most=1)
        task = asyncio.ensure_future(backend.check(XauthAttempt("alice", b"x")))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        while isinstance(verdict := await backend.check(XauthAttempt("alice", b"open sesame")), Unavailable):
            await asyncio.sleep(0)
        await backend.close()
        return verdict

    assert isinstance(asyncio.run(run()), Accepted)


@pytest.mark.parametrize(
    "line",
    [
        "alice",
        "alice:x::",
        "alice::staff:",
        f":{CHEAP}::",
        f" alice:{CHEAP}::",
        f"alice\x07:{CHEAP}::",
        f"{'a' * 129}:{CHEAP}::",
        f"alice:{CHEAP.replace('argon2id', 'argon2i')}::",
        f"alice:{CHEAP.replace('m=8', 'm=4000000')}::",
        f"alice:{CHEAP.replace('t=1', 't=100000')}::",
        f"alice:{CHEAP}:a b:",
        f"alice:{CHEAP}::10.0.0.300",
        f"alice:{CHEAP}::10.0.0.3,10.0.0.4",
        f"alice:{CHEAP}::\nalice:{CHEAP}::",
        "alice:\udcff::",
    ],
)
def test_a_wrong_line_is_refused(line: str) -> None:
    with pytest.raises(UsersFileError):
        parse_users(line.encode(errors="surrogateescape"))


def test_an_error_does_not_show_the_hash() -> None:
    with pytest.raises(UsersFileError) as caught:
        parse_users(f"alice:{CHEAP}:a b:".encode())
    assert CHEAP[-20:] not in str(caught.value)
    assert CHEAP not in repr(KnownUser("alice", CHEAP))


def test_changes_keep_comments_owner_and_mode(file: Path) -> None:
    file.write_text(f"# ours\nbob:{CHEAP}:staff:\n")
    file.chmod(0o400)
    add_user(file, ALICE)
    change_user(file, "bob", lambda user: replace(user, groups=("admins",)))
    assert file.read_text() == f"# ours\nbob:{CHEAP}:admins:\n{ALICE.line()}\n"
    delete_user(file, "bob")
    assert file.read_text() == f"# ours\n{ALICE.line()}\n"
    assert file.stat().st_mode & 0o777 == 0o400
    assert [entry.name for entry in file.parent.iterdir()] == ["users"]


def test_the_last_user_can_be_removed_and_one_added_again(file: Path) -> None:
    add_user(file, ALICE)
    delete_user(file, "alice")
    assert file.read_bytes() == b""
    add_user(file, ALICE)
    assert list(parse_users(file.read_bytes())) == ["alice"]


def test_a_user_is_added_once_and_must_exist_to_be_changed(file: Path) -> None:
    add_user(file, ALICE)
    with pytest.raises(UsersFileError):
        add_user(file, ALICE)
    with pytest.raises(UsersFileError):
        delete_user(file, "bob")
    with pytest.raises(UsersFileError):
        change_user(file, "bob", lambda user: user)
    assert parse_users(file.read_bytes()) == {"alice": ALICE}


def test_a_file_that_others_can_read_is_not_used(file: Path) -> None:
    file.write_text("")
    file.chmod(0o644)
    with pytest.raises(PermissionError):
        add_user(file, ALICE)
    assert file.read_text() == ""


def test_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("")
    target.chmod(0o600)
    file.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        add_user(file, ALICE)


ADD_MANY = """
import sys
from pathlib import Path
from ikev1.aaa.user_changes import add_user
from ikev1.aaa.users_file import KnownUser
for number in range(20):
    add_user(Path(sys.argv[1]), KnownUser(f"{sys.argv[2]}-{number}", sys.argv[3]))
"""


def test_simultaneous_changes_are_all_kept(file: Path) -> None:
    command = [sys.executable, "-c", ADD_MANY, str(file)]
    processes = [
        subprocess.Popen([*command, name, CHEAP], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        for name in "abc"
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(parse_users(file.read_bytes())) == 60
