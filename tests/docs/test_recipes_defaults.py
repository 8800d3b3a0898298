"""docs/recipes: whom the default policies and proposals serve, as docs/recipes/index.md says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clients import remote_access, site_to_site
from clients.facts import Peer
from configured import esp, tunnel
from ikev1.core.negotiation import phase1_proposal, phase2_proposal
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Policy
from ikev1.crypto.suites import DEFAULT_ESP, DEFAULT_IKE, parse_ike_proposal
from ikev1.wire.registry import EncapsulationMode

PEERS = [each for module in (site_to_site, remote_access) for each in vars(module).values() if isinstance(each, Peer)]
GROUP_2_OR_5_ONLY = {
    "azure",
    "fritzbox-default",
    "android-l2tp",
    "android-later-l2tp",
    "android-xauth",
    "android-xauth-identifier",
    "android-certificate",
    "android-hybrid",
    "apple-cisco-group",
    "vpnc",
    "cisco-vpn-client",
    "cisco-vpn-client-certificate",
}


@pytest.mark.parametrize("peer", PEERS, ids=lambda each: each.name)
def test_the_default_policies_accept_every_peer_with_a_larger_group_than_5(peer: Peer) -> None:
    method = peer.methods[0]
    policies = tuple(
        Policy(number, replaced(Phase1Suite(*parse_ike_proposal(words)), method))
        for number, words in enumerate(DEFAULT_IKE, 1)
    )
    try:
        phase1_proposal.choose(policies, peer.phase1_offer())
    except Refusal:
        assert peer.name in GROUP_2_OR_5_ONLY
    else:
        assert peer.name not in GROUP_2_OR_5_ONLY


def replaced(suite: Phase1Suite, method: int) -> Phase1Suite:
    return Phase1Suite(suite.encryption, suite.key_length, suite.hash, suite.group, method)


@pytest.mark.parametrize("peer", PEERS, ids=lambda each: each.name)
def test_the_default_proposals_accept_every_peer(peer: Peer) -> None:
    """Also one with perfect forward secrecy: none is configured, so any group is accepted."""
    ours = tunnel(proposals=tuple(map(esp, DEFAULT_ESP)))
    mode = EncapsulationMode.TUNNEL
    agreed, _ = phase2_proposal.choose(
        ours, replace(peer, transport=False).phase2_offer(bytes.fromhex("c0ffee00"), mode), mode
    )
    assert agreed.group == peer.pfs
