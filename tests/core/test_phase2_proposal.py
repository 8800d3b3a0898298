"""Phase 2 proposals, without a conversation around them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configured import esp, tunnel
from ikev1.core.negotiation import phase2_proposal
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Agreed
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import ProposalCheck, Tunnel
from ikev1.crypto.algorithms import ESP_CIPHERS
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Proposal, SecurityAssociation
from ikev1.wire.registry import EncapsulationMode, NotifyType, ProtocolId
from ikev1.wire.registry import Phase2Attribute as A

MODE = EncapsulationMode.TUNNEL
CLAIM = ProposalCheck.CLAIM
OURS, THEIRS = 0x1000, 0x2000
OUR_CPI, THEIR_CPI = 0x1234, 0x5678


def net(*proposals: str, **rest: Any) -> Tunnel:
    return tunnel(proposals=tuple(esp(text) for text in proposals), **rest)


def choose(ours: Tunnel, offered: SecurityAssociation) -> tuple[Agreed, SecurityAssociation]:
    agreed, taken = phase2_proposal.choose(ours, offered, MODE)
    return agreed, phase2_proposal.chosen_sa(offered, taken, OURS, OUR_CPI if agreed.compression else 0)


def offer(theirs: Tunnel) -> SecurityAssociation:
    return phase2_proposal.offer(theirs, THEIRS, MODE, THEIR_CPI if theirs.compress else 0)


def with_attribute(offered: SecurityAssociation, kind: A, value: int | bytes | None) -> SecurityAssociation:
    """The offer of one transform with an attribute changed, added, or (None) taken away."""
    (only,) = offered.proposals
    (transform,) = only.transforms
    attributes = [each for each in transform.attributes if each.type != kind]
    if value is not None:
        attributes.append(Attribute(kind, value))
    changed = transform._replace(attributes=tuple(attributes))
    return offered._replace(proposals=(only._replace(transforms=(changed,)),))


def test_each_proposal_is_offered_under_our_spi() -> None:
    offered = offer(net("aes256gcm16", "aes128-sha1"))
    assert [(each.number, each.protocol, each.spi) for each in offered.proposals] == [
        (1, ProtocolId.ESP, THEIRS.to_bytes(4)),
        (2, ProtocolId.ESP, THEIRS.to_bytes(4)),
    ]
    gcm, cbc = ({each.type: each.number for each in p.transforms[0].attributes} for p in offered.proposals)
    assert gcm == {1: 1, 2: 3600, 4: 1, 6: 256}
    assert cbc == {1: 1, 2: 3600, 4: 1, 6: 128, 5: 2}


@pytest.mark.parametrize(("preferred", "groups"), [(14, [14]), (20, [19, 19]), (0, [0])])
def test_only_proposals_of_one_group_are_offered(preferred: int, groups: list[int]) -> None:
    several = net("aes128-sha1-ecp256", "aes128-sha256", "aes256-sha1-ecp256", "aes256-sha1-modp2048")
    assert [each.group for each in phase2_proposal.of_one_group(several, preferred).proposals] == groups


def test_the_order_of_the_responder_decides() -> None:
    agreed, answer = choose(net("aes256-sha1", "aes128-sha1"), offer(net("aes128-sha1", "3des-md5", "aes256-sha1")))
    assert agreed.suite == esp("aes256-sha1").suite
    assert agreed.spi == THEIRS
    (only,) = answer.proposals
    assert (only.number, only.spi) == (3, OURS.to_bytes(4))


@pytest.mark.parametrize("text", [word if cipher.aead else f"{word}-sha256" for word, cipher in ESP_CIPHERS.items()])
def test_every_cipher_is_agreed_upon_as_it_is_offered(text: str) -> None:
    offered = offer(net(text))
    agreed, answer = choose(net(text), offered)
    assert agreed.suite == esp(text).suite
    accepted = phase2_proposal.accept(net(text), offered, answer)
    assert accepted == agreed._replace(spi=OURS)


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [
        ({}, {}, (3600, 0)),
        ({"lifetime": 600}, {}, (600, 0)),
        ({}, {"lifetime": 600}, (600, 0)),
        ({"lifetime_kilobytes": 10}, {}, (3600, 10)),
        ({"lifetime_kilobytes": 20, "check": CLAIM}, {"lifetime_kilobytes": 100_000}, (3600, 20)),
        ({}, {"lifetime_kilobytes": 100_000}, (3600, 100_000)),
    ],
)
def test_the_shorter_lifetime_holds(ours: dict[str, Any], theirs: dict[str, Any], agreed: tuple[int, int]) -> None:
    found, _ = choose(net("aes128-sha1", **ours), offer(net("aes128-sha1", **theirs)))
    assert found.life == agreed


@pytest.mark.parametrize(
    ("ours", "offered", "names"),
    [
        ("aes128-sha1", offer(net("aes128-sha256")), ("aes128-sha1", "aes128-sha256")),
        ("aes256-sha1", offer(net("aes192-sha1")), ("aes256-sha1", "aes192-sha1")),
        ("aes128-sha1-ecp256", offer(net("aes128-sha1")), ("19",)),
        (
            "aes128-sha1",
            phase2_proposal.offer(net("aes128-sha1"), THEIRS, EncapsulationMode.UDP_TUNNEL),
            (" TUNNEL", " UDP_TUNNEL"),
        ),
        (
            "aes128-sha1",
            SecurityAssociation(1, 1, ()),
            (),
        ),
        (
            "aes128-sha1",
            with_attribute(offer(net("aes128-sha1")), A.ENCAPSULATION_MODE, bytes([255]) * 2500),
            (" TUNNEL", "4294967295"),
        ),
    ],
)
def test_a_refusal_names_what_was_missing_of_the_nearest_miss(
    ours: str, offered: SecurityAssociation, names: tuple[str, ...]
) -> None:
    with pytest.raises(Refusal) as refused:
        choose(net(ours), offered)
    assert refused.value.code is Code.NO_PROPOSAL_CHOSEN
    assert refused.value.notify is NotifyType.NO_PROPOSAL_CHOSEN
    for name in names:
        assert name in refused.value.text


def test_proposals_of_one_number_ask_for_all_of_them_and_are_refused() -> None:
    offered = offer(net("aes128-sha1"))
    (only,) = offered.proposals
    both = offered._replace(proposals=(only, only._replace(protocol=ProtocolId.AH)))
    with pytest.raises(Refusal) as refused:
        choose(net("aes128-sha1"), both)
    assert refused.value.code is Code.NO_PROPOSAL_CHOSEN
    choose(net("aes128-sha1"), both._replace(proposals=(only, only._replace(number=2, protocol=ProtocolId.AH))))


@given(st.sampled_from(sorted(A)), st.one_of(st.binary(max_size=3000), st.integers(0, 65_535)))
def test_no_number_is_too_large_to_speak_of(kind: A, value: int | bytes) -> None:
    text = ""
    try:
        agreed, _ = choose(net("aes128-sha1"), with_attribute(offer(net("aes128-sha1")), kind, value))
    except Refusal as refusal:
        text = str(refusal)
    else:
        assert 0 < agreed.life.seconds <= 3600
        assert agreed.life.kilobytes < 2**32
    assert len(text) < 500


def answers() -> list[SecurityAssociation]:
    _, answer = choose(net("aes128-sha1"), offer(net("aes128-sha1")))
    (only,) = answer.proposals

    def proposed(*proposals: Proposal) -> SecurityAssociation:
        return answer._replace(proposals=proposals)

    return [
        with_attribute(answer, A.AUTHENTICATION_ALGORITHM, 5),
        with_attribute(answer, A.GROUP_DESCRIPTION, 2),
        with_attribute(answer, A.KEY_LENGTH, None),
        proposed(),
        proposed(only, only),
        proposed(only._replace(transforms=())),
        proposed(only._replace(transforms=only.transforms * 2)),
        proposed(only._replace(protocol=ProtocolId.AH)),
        proposed(only._replace(spi=(255).to_bytes(4))),
        answer._replace(situation=2),
    ]


@pytest.mark.parametrize(("seconds", "used"), [(60, 60), (3600, 3600), (86_400, 3600)])
def test_of_two_lifetimes_in_offer_and_answer_the_shorter_one_is_used(seconds: int, used: int) -> None:
    offered = offer(net("aes128-sha1"))
    _, answer = choose(net("aes128-sha1"), offered)
    changed = with_attribute(answer, A.SA_LIFE_DURATION, seconds)
    assert phase2_proposal.accept(net("aes128-sha1"), offered, changed).life == (used, 0)


@pytest.mark.parametrize("answer", answers())
def test_an_initiator_takes_no_altered_answer(answer: SecurityAssociation) -> None:
    with pytest.raises(Refusal):
        phase2_proposal.accept(net("aes128-sha1"), offer(net("aes128-sha1")), answer)


def test_of_an_offer_without_end_the_beginning_counts() -> None:
    """A peer that is who it says may still not have us compare for as long as it likes."""
    ours = net("aes256-sha256", lifetime=600, lifetime_set=True, check=ProposalCheck.STRICT)
    (only,) = offer(net("aes256-sha256", lifetime=3600)).proposals
    (fitting,) = offer(ours).proposals
    many = only._replace(transforms=tuple(only.transforms[0]._replace(number=number) for number in range(255)))
    offered = offer(ours)._replace(proposals=(many, fitting._replace(number=2)))
    assert choose(ours, offered)[0].suite == esp("aes256-sha256").suite
    endless = offered._replace(proposals=(many, *(many._replace(number=number) for number in range(2, 20)), fitting))
    with pytest.raises(Refusal) as refused:
        choose(ours, endless)
    assert refused.value.code is Code.NO_PROPOSAL_CHOSEN
    assert len(refused.value.text) < 500
