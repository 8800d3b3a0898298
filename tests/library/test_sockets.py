"""The initiator of docs/library.md with a peer that refuses; with one that agrees, test_examples.py runs it."""

from __future__ import annotations

from typing import Any

import pytest

import ikev1
from documents import ROOT, blocks
from responder import responder


def test_the_initiator_of_the_documentation_says_why_it_failed(capsys: pytest.CaptureFixture[str]) -> None:
    example = next(block for block in blocks(ROOT / "docs" / "library.md") if "peer" in block.options)
    namespace: dict[str, Any] = {}
    with responder(example.text, ike="aes128-sha1-modp1024") as (program, events):
        exec(program, namespace)
    namespace["sock"].close()
    assert capsys.readouterr().out.startswith(f"{ikev1.events.Code.NO_PROPOSAL_CHOSEN} ")
    assert not any(isinstance(event, ikev1.events.ChildUp) for event in events)
