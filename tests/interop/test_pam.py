"""The system's PAM: passwords, one-time passwords as a second prompt, accounts, and modules that misbehave."""

from __future__ import annotations

import asyncio
import base64
import hmac
import os
import secrets
import shutil
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from ikev1.aaa.pam import PamBackend
from ikev1.core.records.remote_access import Accepted, Challenged, Rejected, Unavailable, Verdict, XauthAttempt

ATTEMPT = XauthAttempt("root", b"open sesame", address="198.51.100.7")
KEY = base64.b32encode(bytes(range(20))).decode()

Service = Callable[[str], str]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Makes a service of a stack of modules, with a name of its own."""
    if os.geteuid() != 0 or shutil.which("freeradius") is None:  # both are installed by `make peers`
        pytest.skip("needs root, and what `make peers` installs")
    file = Path("/etc/pam.d") / f"ikev1-test-{secrets.token_hex(8)}"

    def make(stack: str) -> str:
        file.write_text(stack)
        return file.name

    yield make
    file.unlink(missing_ok=True)


@pytest.fixture
def password_check(tmp_path: Path) -> Path:
    """A program for pam_exec that accepts one password, and notes what PAM told it."""
    script = tmp_path / "check"
    script.write_text(
        f'#!/bin/sh\necho "$PAM_USER $PAM_RHOST $PAM_SERVICE $PAM_TYPE" >> {tmp_path}/noted\n'
        'read -r password || :\n[ "$password" = "open sesame" ]\n'
    )
    script.chmod(0o700)
    return script


def play(service: str, scenario: Callable[[PamBackend], Awaitable[None]], **options: float) -> None:
    async def run() -> None:
        backend = PamBackend(service, **options)
        try:
            await scenario(backend)
        finally:
            await backend.close()

    asyncio.run(run())


def check(service: str, *attempts: XauthAttempt, **options: float) -> list[Verdict]:
    found: list[Verdict] = []

    async def scenario(backend: PamBackend) -> None:
        found.extend([await backend.check(attempt) for attempt in attempts])

    play(service, scenario, **options)
    return found


def test_a_password_and_the_account(service: Service, password_check: Path, tmp_path: Path) -> None:
    name = service(f"auth required pam_exec.so expose_authtok quiet {password_check}\naccount required pam_permit.so\n")
    right, wrong = check(name, ATTEMPT, XauthAttempt("root", b"wrong", address="198.51.100.7"))
    assert isinstance(right, Accepted)
    assert (right.user.name, right.user.backend) == ("root", "pam")
    assert isinstance(wrong, Rejected)
    assert (tmp_path / "noted").read_text() == f"root 198.51.100.7 {name} auth\n" * 2


def test_an_account_that_may_not_log_in(service: Service, password_check: Path) -> None:
    name = service(f"auth required pam_exec.so expose_authtok quiet {password_check}\naccount required pam_deny.so\n")
    assert [type(verdict) for verdict in check(name, ATTEMPT)] == [Rejected]


def test_a_service_that_does_not_exist_accepts_nobody() -> None:
    (verdict,) = check("ikev1-no-such-service", ATTEMPT)
    assert isinstance(verdict, (Rejected, Unavailable))  # what /etc/pam.d/other says


def test_a_module_that_is_missing_accepts_nobody(service: Service) -> None:
    (verdict,) = check(service("auth required pam_no_such_module.so\naccount required pam_permit.so\n"), ATTEMPT)
    assert isinstance(verdict, Unavailable)


def totp(key: bytes, at: float) -> bytes:
    """The code of a token at a time (RFC 6238)."""
    digest = hmac.digest(key, struct.pack(">Q", int(at) // 30), "sha1")
    (number,) = struct.unpack_from(">I", digest, digest[19] & 0xF)
    return f"{(number & 0x7FFF_FFFF) % 1_000_000:06}".encode()


def test_a_second_prompt_is_a_challenge(service: Service, password_check: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f'{KEY}\n" TOTP_AUTH\n" WINDOW_SIZE 17\n')
    token.chmod(0o400)
    name = service(
        f"auth required pam_exec.so expose_authtok quiet {password_check}\n"
        f"auth required pam_google_authenticator.so secret={token} user=root no_increment_hotp\n"
        "account required pam_permit.so\n"
    )

    async def scenario(backend: PamBackend) -> None:
        for code, expected in ((b"000000x", Rejected), (totp(bytes(range(20)), time.time()), Accepted)):
            challenge = await backend.check(ATTEMPT)
            assert isinstance(challenge, Challenged)
            assert challenge.text
            answer = XauthAttempt("root", passcode=code, state=challenge.state)
            assert isinstance(await backend.check(answer), expected)
            assert isinstance(await backend.check(answer), Rejected)  # answered already
        assert isinstance(await backend.check(ATTEMPT), Challenged)  # and is left open

    play(name, scenario)


def test_a_challenge_that_is_not_answered_is_given_up(service: Service, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f'{KEY}\n" TOTP_AUTH\n')
    token.chmod(0o400)
    name = service(
        "auth optional pam_exec.so expose_authtok quiet /bin/true\n"
        f"auth required pam_google_authenticator.so secret={token} user=root\naccount required pam_permit.so\n"
    )

    async def scenario(backend: PamBackend) -> None:
        challenge = await backend.check(ATTEMPT)
        assert isinstance(challenge, Challenged)
        await asyncio.sleep(0.3)
        assert isinstance(await backend.check(XauthAttempt("root", passcode=b"1", state=challenge.state)), Rejected)

    play(name, scenario, answer_within=0.1)


def test_a_module_that_blocks_is_given_up(service: Service) -> None:
    name = service("auth required pam_exec.so quiet /bin/sleep 600\naccount required pam_permit.so\n")
    begun = time.monotonic()
    assert [type(verdict) for verdict in check(name, ATTEMPT, seconds=3.0)] == [Unavailable]
    assert time.monotonic() - begun < 60


def test_there_are_not_more_conversations_than_places(service: Service) -> None:
    name = service("auth required pam_exec.so quiet /bin/sleep 2\naccount required pam_permit.so\n")

    async def scenario(backend: PamBackend) -> None:
        of_one = [XauthAttempt(f"user{number}", b"x", address="198.51.100.7") for number in range(6)]
        others = [XauthAttempt(f"other{number}", b"x", address=f"192.0.2.{number}") for number in range(14)]
        verdicts = await asyncio.gather(*(backend.check(attempt) for attempt in (*of_one, *others)))
        assert [isinstance(verdict, Unavailable) for verdict in verdicts[:6]] == [False] * 4 + [True] * 2
        assert [isinstance(verdict, Unavailable) for verdict in verdicts[6:]] == [False] * 12 + [True] * 2

    play(name, scenario, seconds=120.0)


def test_a_challenge_keeps_its_place_until_it_is_answered(service: Service, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f'{KEY}\n" TOTP_AUTH\n')
    token.chmod(0o400)
    name = service(
        "auth optional pam_exec.so expose_authtok quiet /bin/true\n"
        f"auth required pam_google_authenticator.so secret={token} user=root\naccount required pam_permit.so\n"
    )

    async def scenario(backend: PamBackend) -> None:
        first, second, third = [await backend.check(ATTEMPT) for _ in range(3)]
        assert isinstance(first, Challenged)
        assert isinstance(second, Challenged)
        assert isinstance(third, Unavailable)
        await backend.check(XauthAttempt("root", passcode=b"0", address=ATTEMPT.address, state=first.state))
        assert isinstance(await backend.check(ATTEMPT), Challenged)

    play(name, scenario)


@pytest.mark.parametrize(
    "attempt", [XauthAttempt("root", b"\xff"), XauthAttempt("ro\0ot", b"x"), XauthAttempt("root", b"x\0")]
)
def test_what_pam_cannot_be_told_is_rejected(service: Service, attempt: XauthAttempt) -> None:
    name = service("auth required pam_permit.so\naccount required pam_permit.so\n")
    assert [type(verdict) for verdict in check(name, attempt)] == [Rejected]
