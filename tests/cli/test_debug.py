"""The daemon's log lines as `debug` shows them."""

from __future__ import annotations

from ikev1.cli.debug import log_text
from ikev1.cli.states import meaning


def test_a_message_with_the_state_that_follows() -> None:
    line = {
        "group": "ENC",
        "thread": "0",
        "level": "1",
        "ikesa-name": "branch",
        "ikesa-uniqueid": "7",
        "msg": "MM3 sent: KE, Ni, NAT-D, NAT-D; MM_WAIT_MSG4",
    }
    assert log_text(line) == (
        f"[ENC] branch#7 MM3 sent: KE, Ni, NAT-D, NAT-D; MM_WAIT_MSG4  ({meaning('MM_WAIT_MSG4')})"
    )


def test_a_line_about_nobody() -> None:
    assert log_text({"group": "NET", "msg": "listening on ports 500 and 4500"}) == (
        "[NET] listening on ports 500 and 4500"
    )


def test_a_word_in_capitals_is_not_taken_for_a_state() -> None:
    assert log_text({"group": "IKE", "msg": "NO_PROPOSAL_CHOSEN"}) == "[IKE] NO_PROPOSAL_CHOSEN"
