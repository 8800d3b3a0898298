"""Diffie-Hellman that the caller of the engine computes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.engine import Engine
from ikev1.core.records.actions import Action
from ikev1.core.records.answers import Failed
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.key_exchange import ComputeSharedSecret, SharedSecret
from ikev1.core.records.record import present
from ikev1.crypto.groups import group
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.registry import ExchangeType, Flags, PayloadType
from playbook import Network, Peer


class Calculator(Peer):
    """A peer whose engine asks for the Diffie-Hellman exchange in its group."""

    def __init__(self, network: Network, name: str, address: str, other: str) -> None:
        configured = connection(address, other, tunnel(mirrored=name == "bob"))
        super().__init__(network, name, address, settings(configured))
        self.engine.leave_out({configured.policies[0].suite.group})
        self.asked: list[ComputeSharedSecret] = []
        network.peers[name] = self

    def does(self, wish: Callable[[Engine], list[Action]]) -> None:
        """Note what is asked, instead of an answer."""

        def noted(engine: Engine) -> list[Action]:
            actions = wish(engine)
            self.asked += [action for action in actions if isinstance(action, ComputeSharedSecret)]
            return [action for action in actions if not isinstance(action, ComputeSharedSecret)]

        super().does(noted)

    def answers(self) -> None:
        """Compute what was asked last."""
        question = self.asked[-1]
        chosen = group(question.group)
        computed = (
            SharedSecret(b"", chosen.shared(question.private, question.public))
            if question.private
            else SharedSecret(*chosen.respond(self.random, question.public))
        )
        self.does(lambda engine: engine.answered(question.request, computed, self.network.now))


Couple = tuple[Network, Calculator, Calculator]


@pytest.fixture
def couple() -> Couple:
    network = Network()
    return network, Calculator(network, "alice", ALICE, BOB), Calculator(network, "bob", BOB, ALICE)


def test_both_ends_wait_for_it_and_repetitions_ask_once(couple: Couple) -> None:
    network, alice, bob = couple
    alice.calls("net")
    network.settle()
    (question,) = bob.asked
    assert (question.private, bob.sa.state, bob.engine.half_open) == (b"", IkeState.CONNECTING, 1)
    assert bob.engine.questions() == [question]
    bob.receive(network.sent[-1])
    assert bob.asked == [question], "a repetition of message 3 asks nothing"
    bob.answers()
    network.settle()
    (question,) = alice.asked
    assert question.private
    assert question.private.hex() not in repr(question)
    alice.answers()
    network.settle()
    assert alice.sa.state is bob.sa.state is IkeState.ESTABLISHED
    assert alice.child.inbound.spi == bob.child.outbound.spi
    assert len(alice.asked) == len(bob.asked) == 1


def test_nothing_is_kept_for_an_initiator_without_keys_but_its_message_3(couple: Couple) -> None:
    """Anybody who receives message 2 can have half-open SAs in any number, and send what is as long as a datagram."""
    network, alice, bob = couple
    alice.calls("net")
    network.settle()
    phase1 = present(bob.sa.phase1)
    for exchange in (ExchangeType.QUICK_MODE, ExchangeType.IDENTITY_PROTECTION):
        header = Header(bob.sa.CKY_I, bob.sa.CKY_R, PayloadType.HASH, exchange, Flags.ENCRYPTION, 7, 60_000)
        for octet in range(3):
            bob.takes(header.build() + bytes([octet]) * (60_000 - HEADER_SIZE), bob.sa.path)
    assert present(bob.sa.phase1).waiting == phase1.waiting
    bob.answers()
    network.settle()
    alice.answers()
    network.settle()
    assert alice.sa.state is bob.sa.state is IkeState.ESTABLISHED


def test_a_public_value_that_is_no_element_of_the_group_is_refused(couple: Couple) -> None:
    network, alice, bob = couple
    alice.calls("net")
    network.settle()
    bob.does(lambda engine: engine.answered(bob.asked[0].request, Failed("no element"), network.now))
    network.run(60)
    assert Code.MALFORMED in [event.code for event in bob.events if isinstance(event, Failure)]
    assert all(sa.state is not IkeState.ESTABLISHED for sa in alice.engine.sas.values())
