"""What a responder makes of lifetimes, key lengths and groups that are not its own."""

from __future__ import annotations

from typing import Any

import pytest

from configured import ALICE, BOB, connection, esp, policy, settings, tunnel
from ikev1.core.negotiation import phase1_proposal, phase2_proposal
from ikev1.core.records.events import ChildUp, Code
from ikev1.core.records.exchange import Life
from ikev1.core.records.ike_sa import Chosen
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import IpsecProposal, Policy, ProposalCheck
from ikev1.wire.registry import EncapsulationMode
from playbook import Network, establish

OBEY, CLAIM, STRICT, EXACT = ProposalCheck
MODE = EncapsulationMode.TUNNEL

# Our own life, the one that is offered, and the one that is agreed upon; None: refused
LIVES = [
    (OBEY, (3600, 0), (3960, 0), (3960, 0)),
    (OBEY, (3600, 0), (600, 0), (600, 0)),
    (OBEY, (3600, 5000), (3960, 9000), (3960, 9000)),
    (OBEY, (3600, 5000), (3600, 0), (3600, 5000)),
    (CLAIM, (3600, 0), (3960, 0), (3600, 0)),
    (CLAIM, (3600, 0), (600, 0), (600, 0)),
    (CLAIM, (3600, 5000), (600, 9000), (600, 5000)),
    (CLAIM, (3600, 5000), (3960, 0), (3600, 5000)),
    (STRICT, (3600, 0), (3960, 0), None),
    (STRICT, (3600, 0), (3600, 0), (3600, 0)),
    (STRICT, (3600, 0), (600, 9000), (600, 9000)),
    (STRICT, (3600, 5000), (600, 9000), None),
    (STRICT, (3600, 5000), (3600, 4000), (3600, 4000)),
    (STRICT, (3600, 5000), (3600, 0), (3600, 5000)),
    (EXACT, (3600, 0), (3600, 0), (3600, 0)),
    (EXACT, (3600, 0), (3601, 0), None),
    (EXACT, (3600, 0), (3599, 0), None),
    (EXACT, (3600, 0), (3600, 9000), (3600, 9000)),
    (EXACT, (3600, 5000), (3600, 5000), (3600, 5000)),
    (EXACT, (3600, 5000), (3600, 4000), None),
    (EXACT, (3600, 5000), (3600, 0), None),
]
# The length of our key, the one that is offered, and whether it is taken
KEYS = [
    (OBEY, 256, 128, True),
    (OBEY, 128, 256, True),
    (OBEY, 128, 129, False),
    (CLAIM, 256, 128, False),
    (CLAIM, 128, 256, True),
    (STRICT, 256, 192, False),
    (STRICT, 192, 192, True),
    (STRICT, 128, 192, True),
    (STRICT, 128, 384, False),
    (EXACT, 128, 128, True),
    (EXACT, 128, 256, False),
    (EXACT, 256, 128, False),
]


def terms(life: tuple[int, int], **rest: Any) -> dict[str, Any]:
    seconds, kilobytes = life
    return {"lifetime": seconds, "lifetime_kilobytes": kilobytes, "lifetime_set": True, **rest}


@pytest.mark.parametrize(("check", "own", "offered", "agreed"), LIVES)
def test_lifetimes_of_phase_1(
    check: ProposalCheck, own: tuple[int, int], offered: tuple[int, int], agreed: tuple[int, int] | None
) -> None:
    ours = policy(**terms(own, check=check))
    offer = phase1_proposal.offer((policy(**terms(offered)),))
    if agreed is None:
        with pytest.raises(Refusal) as refused:
            phase1_proposal.choose((ours,), offer)
        assert f"proposal_check = {check}" in refused.value.text
        return
    chosen, answer = phase1_proposal.choose((ours,), offer)
    assert chosen == Chosen(ours.suite, *agreed, agreed != offered)
    assert answer == offer


@pytest.mark.parametrize(("check", "own", "offered", "agreed"), LIVES)
def test_lifetimes_of_phase_2(
    check: ProposalCheck, own: tuple[int, int], offered: tuple[int, int], agreed: tuple[int, int] | None
) -> None:
    ours = tunnel(**terms(own, check=check))
    offer = phase2_proposal.offer(tunnel(**terms(offered)), 4096, MODE)
    if agreed is None:
        with pytest.raises(Refusal) as refused:
            phase2_proposal.choose(ours, offer, MODE)
        assert f"proposal_check = {check}" in refused.value.text
        return
    found, choice = phase2_proposal.choose(ours, offer, MODE)
    assert (found.life, found.shortened) == (agreed, agreed != offered)
    assert phase2_proposal.chosen_sa(offer, choice, 4096, 0) == offer


@pytest.mark.parametrize(
    ("check", "own", "offered", "names"),
    [
        (STRICT, (3600, 0), (3960, 0), ("3600 s", "proposal_check = strict", "3960 s")),
        (EXACT, (3600, 5000), (3600, 0), ("5000 kB", "proposal_check = exact")),
    ],
)
def test_a_refusal_says_which_lifetime_is_wanted(
    check: ProposalCheck, own: tuple[int, int], offered: tuple[int, int], names: tuple[str, ...]
) -> None:
    with pytest.raises(Refusal) as refused:
        phase1_proposal.choose((policy(**terms(own, check=check)),), phase1_proposal.offer((policy(**terms(offered)),)))
    for name in ("policy 1", *names):
        assert name in refused.value.text


@pytest.mark.parametrize("check", [CLAIM, STRICT, EXACT])
@pytest.mark.parametrize("offered", [Life(600, 0), Life(3960, 0), Life(200_000, 7000)])
def test_a_lifetime_that_nobody_set_is_no_reason_to_refuse(check: ProposalCheck, offered: Life) -> None:
    chosen, _ = phase1_proposal.choose((policy(check=check),), phase1_proposal.offer((policy(**terms(offered)),)))
    assert (chosen.lifetime, chosen.lifetime_kilobytes) == (min(offered.seconds, 86_400), offered.kilobytes)
    found, _ = phase2_proposal.choose(
        tunnel(check=check), phase2_proposal.offer(tunnel(**terms(offered)), 4096, MODE), MODE
    )
    assert found.life == (min(offered.seconds, 3600), offered.kilobytes)


def test_who_obeys_does_so_without_an_opinion_too() -> None:
    chosen, _ = phase1_proposal.choose((policy(check=OBEY),), phase1_proposal.offer((policy(lifetime=200_000),)))
    assert chosen.lifetime == 200_000


@pytest.mark.parametrize(("check", "own", "offered", "taken"), KEYS)
def test_key_lengths(check: ProposalCheck, own: int, offered: int, taken: bool) -> None:
    ours = policy(f"aes{own}-sha256-ecp256", check=check)
    theirs = Policy(1, replace(ours.suite, key_length=offered))
    ike = phase1_proposal.offer((theirs,))
    net = tunnel(proposals=(esp(f"aes{own}-sha1"),), check=check)
    suite = replace(net.proposals[0].suite, key_length=offered)
    offer = phase2_proposal.offer(tunnel(proposals=(IpsecProposal(suite),)), 4096, MODE)
    if not taken:
        with pytest.raises(Refusal) as refused:
            phase1_proposal.choose((ours,), ike)
        assert f"aes{own}" in refused.value.text
        with pytest.raises(Refusal) as refused:
            phase2_proposal.choose(net, offer, MODE)
        assert f"aes{own}-sha1" in refused.value.text
        return
    chosen, answer = phase1_proposal.choose((ours,), ike)
    assert (chosen.suite, answer) == (theirs.suite, ike)
    assert phase1_proposal.allows_suite(ours, chosen.suite)
    agreed, choice = phase2_proposal.choose(net, offer, MODE)
    assert (agreed.suite, phase2_proposal.chosen_sa(offer, choice, 4096, 0)) == (suite, offer)


def test_a_cipher_with_one_length_of_key_is_no_other_cipher() -> None:
    with pytest.raises(Refusal) as refused:
        phase1_proposal.choose(
            (policy("3des-sha1-modp1024", check=OBEY),), phase1_proposal.offer((policy("aes256-sha1-modp1024"),))
        )
    assert "3des" in refused.value.text
    assert "aes256" in refused.value.text


def test_our_own_length_is_taken_before_a_longer_one() -> None:
    offered = [policy("aes256-sha256-ecp256"), policy("aes128-sha256-ecp256")]
    chosen, _ = phase1_proposal.choose((policy("aes128-sha256-ecp256"),), phase1_proposal.offer(offered))
    assert chosen.suite.key_length == 128
    both = tunnel(proposals=(esp("aes256-sha1"), esp("aes128-sha1")))
    agreed, _ = phase2_proposal.choose(
        tunnel(proposals=(esp("aes128-sha1"),)), phase2_proposal.offer(both, 4096, MODE), MODE
    )
    assert agreed.suite.key_length == 128


@pytest.mark.parametrize(
    ("check", "own", "offered", "taken"),
    [
        *((check, own, own, True) for check in ProposalCheck for own in (0, 19)),
        (OBEY, 19, 0, True),
        (OBEY, 19, 14, True),
        (OBEY, 0, 99, False),
        (CLAIM, 19, 0, False),
        (STRICT, 19, 0, False),
        (STRICT, 19, 14, False),
        (STRICT, 0, 14, True),
        (STRICT, 0, 99, False),
        (EXACT, 0, 14, False),
        (EXACT, 19, 0, False),
    ],
)
def test_perfect_forward_secrecy(check: ProposalCheck, own: int, offered: int, taken: bool) -> None:
    suite = esp().suite
    ours = tunnel(proposals=(IpsecProposal(suite, own),), check=check)
    offer = phase2_proposal.offer(tunnel(proposals=(IpsecProposal(suite, offered),)), 4096, MODE)
    if taken:
        agreed, _ = phase2_proposal.choose(ours, offer, MODE)
        assert agreed.group == offered
    else:
        with pytest.raises(Refusal) as refused:
            phase2_proposal.choose(ours, offer, MODE)
        assert refused.value.code is Code.NO_PROPOSAL_CHOSEN


def test_longer_keys_and_a_group_that_we_did_not_ask_for_carry_traffic(network: Network) -> None:
    strong = (policy("aes256-sha256-ecp256"),)
    of_alice = connection(ALICE, BOB, tunnel(proposals=(esp("aes256-sha256-ecp256"),)), policies=strong)
    alice = network.peer("alice", ALICE, settings(of_alice))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True))))
    alice.calls()
    network.settle()
    assert alice.failures == bob.failures == []
    assert alice.carries.outbound == bob.carries.inbound
    assert len(bob.carries.inbound.encryption_key) == 32
    assert bob.child.group == 19
    assert bob.sa.chosen is not None
    assert bob.sa.chosen.suite.key_length == 256


@pytest.mark.parametrize("allowed", [True, False])
def test_a_responder_replaces_a_pair_by_one_like_it_as_long_as_it_may(network: Network, allowed: bool) -> None:
    strong = tunnel(proposals=(esp("aes256-sha256-ecp256"),), check=EXACT)
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, strong)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True))))
    establish(network, alice)
    if not allowed:
        bob.is_given(settings(connection(BOB, ALICE, tunnel(mirrored=True, check=EXACT))))
    bob.does(lambda engine: engine.rekey_child(bob.child.unique_id, network.now))
    network.run(6)
    assert len(bob.saw(ChildUp)) == allowed
    assert alice.failures == ([] if allowed else [Code.NO_PROPOSAL_CHOSEN])


def test_the_connection_of_an_identity_may_want_a_shorter_key(network: Network) -> None:
    of_alice = connection(
        ALICE, BOB, tunnel(), policies=(policy("aes256-sha256-ecp256"),), local_id="alice", remote_id="bob"
    )
    alice = network.peer("alice", ALICE, settings(of_alice))
    carol, answering = (
        connection(BOB, ALICE, tunnel(mirrored=True), name=name, local_id="bob", remote_id=name)
        for name in ("carol", "alice")
    )
    bob = network.peer("bob", BOB, settings(carol, answering))
    alice.calls()
    network.settle()
    assert bob.failures == []
    assert bob.sa.connection == "alice"
