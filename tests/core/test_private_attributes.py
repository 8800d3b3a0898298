"""Attributes for private use: taken, ignored, and mentioned."""

from __future__ import annotations

import re

import pytest

from configured import policy, tunnel
from ikev1.core.negotiation import phase1_proposal, phase2_proposal
from ikev1.core.records.events import Code, Note
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Aggressive, Mode, Policy, Tunnel
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import SecurityAssociation
from ikev1.wire.registry import EncapsulationMode
from playbook import Couple, Network, Peer

PHASE_1 = (Attribute(16_390, b"private"), Attribute(16_384, 1), Attribute(16_390, 2))
PHASE_2 = (Attribute(32_001, 7),)
TUNNEL = EncapsulationMode.TUNNEL


def with_more(offered: SecurityAssociation, more: tuple[Attribute, ...]) -> SecurityAssociation:
    """The offer with more attributes, in front of the others, in each of its transforms."""
    return offered._replace(
        proposals=tuple(
            each._replace(
                transforms=tuple(
                    transform._replace(attributes=(*more, *transform.attributes)) for transform in each.transforms
                )
            )
            for each in offered.proposals
        )
    )


def mentioned(peer: Peer) -> list[list[str]]:
    """The numbers in each note about ignored attributes."""
    return [re.findall(r"\d{5}", note.text) for note in peer.saw(Note) if note.code is Code.ATTRIBUTES_IGNORED]


@pytest.mark.parametrize("mode", Mode)
def test_they_are_ignored_and_mentioned(
    network: Network, couple: Couple, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = couple(alice={"mode": mode}, bob={"aggressive": Aggressive.ACCEPT_PSK})
    plain_ike, plain_esp = phase1_proposal.offer, phase2_proposal.offer

    def offer_ike(policies: tuple[Policy, ...]) -> SecurityAssociation:
        return with_more(plain_ike(policies), PHASE_1)

    def offer_esp(net: Tunnel, spi: int, way: EncapsulationMode, cpi: int) -> SecurityAssociation:
        return with_more(plain_esp(net, spi, way, cpi), PHASE_2)

    monkeypatch.setattr(phase1_proposal, "offer", offer_ike)
    monkeypatch.setattr(phase2_proposal, "offer", offer_esp)
    alice.calls()
    network.settle()
    assert alice.failures == bob.failures == []
    assert mentioned(alice) == []
    assert mentioned(bob) == [["16384", "16390"], ["32001"]]


def test_without_them_there_is_nothing_to_mention(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.settle()
    assert mentioned(alice) == mentioned(bob) == []


@pytest.mark.parametrize("kind", [6, 13, 17, 16_383])
def test_others_that_we_do_not_know_are_refused_in_phase_1(kind: int) -> None:
    offered = with_more(phase1_proposal.offer((policy(),)), (Attribute(kind, 1),))
    with pytest.raises(Refusal) as refused:
        phase1_proposal.choose((policy(),), offered)
    assert refused.value.code is Code.NO_PROPOSAL_CHOSEN


@pytest.mark.parametrize(
    ("kind", "name"), [(7, "KEY_ROUNDS"), (14, "ADDRESS_PRESERVATION"), (16, "16"), (32_000, "32000")]
)
def test_others_that_we_do_not_know_are_refused_in_phase_2(kind: int, name: str) -> None:
    offered = with_more(phase2_proposal.offer(tunnel(), 4096, TUNNEL), (Attribute(kind, 1),))
    with pytest.raises(Refusal) as refused:
        phase2_proposal.choose(tunnel(), offered, TUNNEL)
    assert refused.value.code is Code.NO_PROPOSAL_CHOSEN
    assert name in refused.value.text
