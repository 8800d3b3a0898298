"""The prompt of `ikev1 connect`: what the user is asked again when phase 1 is renewed, and what not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ikev1.cli.connect.secrets import Prompt
from ikev1.core.records.events import ConfigReceived, XauthUp
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import XauthQuestions
from ikev1.wire.registry import ConfigAttribute as C
from ikev1.wire.registry import XauthType

LOGIN = (C.XAUTH_USER_NAME.value, C.XAUTH_USER_PASSWORD.value)


class Typist:
    """Enters one password after the other."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, questions: XauthQuestions) -> dict[int, bytes]:
        self.times += 1
        return dict.fromkeys(questions.kinds, b"typed %d" % self.times)


def asked(*kinds: int, challenge: bytes = b"") -> XauthQuestions:
    return XauthQuestions(1, kinds or LOGIN, challenge=challenge)


def accepted(prompt: Prompt, *, save_password: bool = True) -> None:
    path = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
    received = ModeConfig(save_password=save_password)
    sa = IkeSa(1, "connect", Role.INITIATOR, path, b"i" * 8, b"r" * 8, 0.0, received=received)
    prompt.observe(XauthUp(sa))
    prompt.observe(ConfigReceived(sa, None))


def test_an_accepted_password_is_repeated_at_each_renewal() -> None:
    prompt = Prompt(typist := Typist())
    first = prompt(asked())
    for _ in range(3):
        accepted(prompt)
        assert prompt(asked()) == first
    assert typist.times == 1


def test_a_password_that_is_rejected_later_is_asked_for() -> None:
    prompt = Prompt(typist := Typist())
    prompt(asked())
    accepted(prompt)
    prompt(asked())
    assert prompt(asked()) != prompt(asked())
    assert typist.times == 3


def test_without_permission_the_user_is_asked() -> None:
    prompt = Prompt(typist := Typist())
    prompt(asked())
    accepted(prompt, save_password=False)
    prompt(asked())
    assert typist.times == 2


@pytest.mark.parametrize("other", [asked(C.XAUTH_PASSCODE), asked(), asked(challenge=b"17")], ids=str)
def test_after_several_questions_nothing_is_repeated(other: XauthQuestions) -> None:
    prompt = Prompt(typist := Typist())
    for _ in range(2):
        prompt(asked())
        prompt(other)
        accepted(prompt)
    assert typist.times == 4


@pytest.mark.parametrize("xauth_type", [XauthType.OTP, XauthType.S_KEY])
def test_a_one_time_password_is_not_repeated(xauth_type: XauthType) -> None:
    prompt = Prompt(typist := Typist())
    for _ in range(2):
        prompt(replace(asked(), xauth_type=xauth_type.value))
        accepted(prompt)
    assert typist.times == 2


def test_other_questions_are_asked() -> None:
    prompt = Prompt(typist := Typist())
    for _ in range(2):
        prompt(asked(*LOGIN, C.XAUTH_PASSCODE))
        accepted(prompt)
    assert typist.times == 2


def test_without_a_terminal_a_line_of_standard_input_is_read_without_a_warning() -> None:
    """``setsid`` has no terminal, whatever the test runs in."""
    program = "from ikev1.cli.connect.secrets import ask_secret; print(*[ask_secret('Secret', '--x') for _ in '12'])"
    command = ["setsid", "--wait", sys.executable, "-c", program]
    done = subprocess.run(command, input="one\ntwo words\n", capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("b'one' b'two words'\n", "")
    done = subprocess.run(command, input="one\n", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "UsageError" in done.stderr
    assert "GetPassWarning" not in done.stderr
