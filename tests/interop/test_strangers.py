"""charon calls a gateway that leaves it without a response: unknown peers, or all."""

from __future__ import annotations

import pytest

from lab.capture import packets
from lab.charon import CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.process import LabError
from lab.traffic import ping

CALLS = CharonOptions(calls=True, settings="retransmit_tries = 1\nretransmit_timeout = 0.5")
ELSEWHERE = '"203.0.113.7"'


@pytest.mark.parametrize(
    ("options", "code", "responses"),
    [
        ({"remote_address": ELSEWHERE}, "no-connection", True),
        ({"remote_address": ELSEWHERE, "gateway": "answer_strangers = false"}, "no-connection", False),
        ({"ike": "aes256-sha512-modp4096", "gateway": "answer_strangers = false"}, "no-proposal-chosen", False),
        ({"gateway": "initiator_only = true"}, "initiator-only", False),
    ],
)
def test_who_is_unknown_hears_nothing(lab: Lab, options: dict[str, str], code: str, responses: bool) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions(**options))  # type: ignore[arg-type]
    charon = lab.charon(a, CALLS)
    wire = lab.capture(b)
    with pytest.raises(LabError):
        charon.control.initiate(timeout=10)
    ours.wait_for_log(f"({code})")
    seen = wire.finish_with(1, f"udp port 500 and src {a.address}")
    assert bool(packets(seen, f"udp port 500 and src {b.address}")) is responses


def test_who_only_initiates_has_tunnels(lab: Lab) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions())
    ours = lab.ours(a, OurOptions(calls=True, gateway="initiator_only = true\nanswer_strangers = false"))
    ours.command("up", "net")
    ping(a)
    assert int(charon.control.child()["packets-in"]) == 3
