"""State words and what they mean."""

from __future__ import annotations

import pytest

from ikev1.cli.states import meaning, state_word
from ikev1.core.exchanges.interpreter import Script, state_name
from ikev1.core.exchanges.main_mode import MAIN_MODE
from ikev1.core.exchanges.quick_mode import QUICK_MODE
from ikev1.core.records.exchange import Role


@pytest.mark.parametrize("script", [MAIN_MODE, QUICK_MODE], ids=lambda script: script.name)
@pytest.mark.parametrize("role", Role)
def test_every_state_of_the_exchange_tables_has_a_meaning(script: Script, role: Role) -> None:
    states = {state_name(script, step, role) for step in range(len(script.rows) + 1)}
    assert len(states) > 1
    assert all(map(meaning, states))


def test_a_meaning_says_which_message_is_missing_and_what_it_brings() -> None:
    for part in "message 4", "(HDR, KE, Nr [, NAT-D])", "Diffie-Hellman", "nonce":
        assert part in meaning("MM_WAIT_MSG4")
    assert "message 1 (HDR, SA)" in meaning("MM_WAIT_MSG1")
    assert "message 2 " in meaning("QM_WAIT_MSG2")
    assert meaning("MM_WAIT_MSG1").split(": ")[1] != meaning("MM_WAIT_MSG2").split(": ")[1]  # offer, choice


def test_a_word_that_is_not_ours_has_no_meaning() -> None:
    assert meaning("AM_ACTIVE") == ""


@pytest.mark.parametrize(
    ("section", "word"),
    [
        ({"state": "CONNECTING", "cisco-state": "MM_WAIT_MSG4"}, "MM_WAIT_MSG4"),
        ({"state": "CONNECTING"}, "MM_NO_STATE"),
        ({"state": "ESTABLISHED"}, "QM_IDLE"),
        ({"state": "REKEYING"}, "QM_IDLE"),
    ],
)
def test_a_daemon_that_sends_no_word_gets_one(section: dict[str, str], word: str) -> None:
    assert state_word(section) == word
