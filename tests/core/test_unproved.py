"""What a first message costs whose sender has proved nothing: counted, not timed."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from ikev1.core.engine import Engine
from ikev1.core.negotiation import phase1_proposal
from ikev1.core.records.actions import Report, Send
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.refusal import Refusal
from ikev1.wire.attributes import Attribute
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import parse_message, parse_unproved
from ikev1.wire.payloads import SecurityAssociation
from ikev1.wire.registry import Phase1Attribute as A
from unproved import (
    FIRST_MESSAGES,
    HONEST,
    LARGEST,
    PATH,
    POLICIES,
    FirstMessage,
    gateway,
    main_mode,
    suite,
    transforms,
)

MOST_CALLS = 5000  # of functions, which take less than a tenth of a microsecond each on an idle machine


def calls(engine: Engine, datagram: bytes) -> int:
    """How many functions are called, of Python and of C, for ``datagram`` to be answered."""
    count = 0

    def profile(_: FrameType, event: str, __: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        engine.receive(datagram, PATH, 0.0)
    finally:
        sys.setprofile(before)
    return count


def work(message: FirstMessage) -> int:
    """What the second message of a kind costs: what is loaded and remembered at the first is not what is asked for."""
    engine = gateway()
    engine.receive(message.datagram(1), PATH, 0.0)
    return calls(engine, message.datagram(2))


@pytest.mark.parametrize("name", FIRST_MESSAGES)
def test_no_first_message_costs_more_than_its_budget(name: str) -> None:
    message = FIRST_MESSAGES[name]
    assert len(message.datagram(2)) <= LARGEST
    assert work(message) <= MOST_CALLS


@pytest.mark.parametrize("name", FIRST_MESSAGES)
def test_a_first_message_that_costs_much_is_refused(name: str) -> None:
    actions = gateway().receive(FIRST_MESSAGES[name].datagram(1), PATH, 0.0)
    (failure,) = [each.event for each in actions if isinstance(each, Report)]
    assert isinstance(failure, Failure)
    assert failure.code in (Code.MALFORMED, Code.NO_PROPOSAL_CHOSEN, Code.NO_CONNECTION)
    assert len(failure.text) < 2000
    assert sum(len(each.datagram) for each in actions if isinstance(each, Send)) <= 60


@pytest.mark.parametrize("count", [14, 28, 40])
def test_what_clients_offer_that_send_all_they_can_is_understood(count: int) -> None:
    lifetime = (Attribute(A.LIFE_TYPE, 1), Attribute(A.LIFE_DURATION, (3600).to_bytes(4)))
    last = main_mode(transforms(count, lambda place: suite(0, *lifetime, hash=4 if place == count - 1 else 9)))
    sent = [each for each in gateway().receive(last.datagram(0), PATH, 0.0) if isinstance(each, Send)]
    answer = parse_message(Header.parse(sent[0].datagram), sent[0].datagram[HEADER_SIZE:]).one(SecurityAssociation)
    assert [each.number for each in answer.proposals[0].transforms] == [count - 1]


def test_a_proposal_is_compared_once_however_many_connections_there_are() -> None:
    message = FIRST_MESSAGES["38 transforms that live too long"].datagram(1)
    offered = parse_unproved(Header.parse(message), message[HEADER_SIZE:]).one(SecurityAssociation)

    def counted(connections: int) -> int:
        count = 0

        def profile(_: FrameType, event: str, __: Any) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(profile)
        try:
            phase1_proposal.choose_among([POLICIES] * connections, offered)
        except Refusal:
            pass
        finally:
            sys.setprofile(None)
        return count

    assert counted(101) - counted(1) <= 100 * len(POLICIES) * 5


def test_an_ordinary_refusal_costs_a_fraction_of_that() -> None:
    assert work(HONEST) <= MOST_CALLS / 2
