"""Phase 1 proposals, without a conversation around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configured import policy
from ikev1.core.negotiation import phase1_proposal
from ikev1.core.negotiation.lifetime_attributes import PHASE_1, offered_life
from ikev1.core.records.events import Code
from ikev1.core.records.ike_sa import Chosen
from ikev1.core.records.refusal import Refusal
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Proposal, SecurityAssociation, Transform, build_body, parse_body
from ikev1.wire.registry import DOI, NotifyType, PayloadType, ProtocolId, Situation
from ikev1.wire.registry import Phase1Attribute as A

AES_128 = policy("aes128-sha256-modp2048", 10)
TRIPLE_DES = policy("3des-md5-modp1024", 20)

Values = dict[A, int | bytes]

OFFERED: Values = {A.ENCRYPTION_ALGORITHM: 7, A.KEY_LENGTH: 128, A.HASH_ALGORITHM: 4, A.GROUP_DESCRIPTION: 14}
REST: Values = {A.AUTHENTICATION_METHOD: 1, A.LIFE_TYPE: 1, A.LIFE_DURATION: 28_800}


def transform(values: Values, number: int = 1) -> Transform:
    return Transform(number, 1, tuple(Attribute(kind, value) for kind, value in values.items()))


def offer_of(*transforms: Transform, doi: int = 1, situation: int = 1) -> SecurityAssociation:
    return SecurityAssociation(doi, situation, (Proposal(1, ProtocolId.ISAKMP, b"", transforms),))


def refusal_of(offered: SecurityAssociation) -> Refusal:
    with pytest.raises(Refusal) as refused:
        phase1_proposal.choose((AES_128, TRIPLE_DES), offered)
    return refused.value


def test_an_offer_is_one_proposal_with_a_transform_for_each_policy() -> None:
    offered = phase1_proposal.offer((AES_128, TRIPLE_DES))
    assert (offered.doi, offered.situation) == (DOI.IPSEC, Situation.IDENTITY_ONLY)
    (only,) = offered.proposals
    assert (only.number, only.protocol) == (1, ProtocolId.ISAKMP)
    assert [each.number for each in only.transforms] == [1, 2]
    first, second = ({each.type: each.number for each in transform.attributes} for transform in only.transforms)
    assert first == {1: 7, 14: 128, 2: 4, 4: 14, 3: 1, 11: 1, 12: 86_400}
    assert second == {1: 5, 2: 1, 4: 2, 3: 1, 11: 1, 12: 86_400}, "3DES has no key length"


def test_a_limit_in_kilobytes_is_offered_beside_the_seconds() -> None:
    (only,) = phase1_proposal.offer((policy(lifetime=3600, lifetime_kilobytes=100_000),)).proposals
    lifetimes = [(each.type, each.number) for each in only.transforms[0].attributes if each.type in (11, 12)]
    assert lifetimes == [(11, 1), (12, 3600), (11, 2), (12, 100_000)]


def test_the_answer_is_the_transform_as_offered() -> None:
    unusual = transform(OFFERED | REST | {A.LIFE_DURATION: b"\x00\x00\x70\x80", A(16_390): b"private"}, number=77)
    offered = offer_of(transform(OFFERED | REST | {A.HASH_ALGORITHM: 2}), unusual)
    chosen, answer = phase1_proposal.choose((TRIPLE_DES, AES_128), offered)
    assert chosen == Chosen(AES_128.suite, 28_800, ignored=(16_390,))
    assert answer == offer_of(unusual)
    assert phase1_proposal.accept(offered, answer) == Chosen(AES_128.suite, 28_800)


@given(st.permutations([(1, 7), (14, 128), (2, 4), (4, 14), (3, 1)]), st.sets(st.integers(1, 14)), st.integers(0, 6))
def test_order_and_encoding_of_attributes_do_not_matter(
    order: list[tuple[int, int]], long: set[int], zeros: int
) -> None:
    values: Values = {A(kind): bytes(zeros) + value.to_bytes(2) if kind in long else value for kind, value in order}
    chosen, _ = phase1_proposal.choose((AES_128,), offer_of(transform(values)))
    assert chosen.suite == AES_128.suite


def test_aes_without_a_key_length_means_128_bits() -> None:
    values: Values = dict(OFFERED | REST)
    del values[A.KEY_LENGTH]
    assert phase1_proposal.choose((AES_128,), offer_of(transform(values)))[0].suite == AES_128.suite


@pytest.mark.parametrize("values", [OFFERED | {A.AUTHENTICATION_METHOD: 1}, OFFERED | REST | {A.LIFE_DURATION: 0}])
def test_a_lifetime_that_is_not_given_is_eight_hours(values: Values) -> None:
    assert phase1_proposal.choose((AES_128,), offer_of(transform(values)))[0].lifetime == 28_800


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({A.KEY_LENGTH: 64}, ("aes128", "AES_CBC_64")),
        ({A.ENCRYPTION_ALGORITHM: 5}, ("aes128", "3des")),
        ({A.HASH_ALGORITHM: 2}, ("sha256", "sha1")),
        ({A.GROUP_DESCRIPTION: 5}, ("modp2048", "modp1536")),
        ({A.AUTHENTICATION_METHOD: 3}, ("PRE_SHARED_KEY", "RSA_SIGNATURES")),
        ({A.FIELD_SIZE: 3}, ("FIELD_SIZE",)),
        ({A.GROUP_DESCRIPTION: 5, A.HASH_ALGORITHM: 2}, ("sha256", "sha1", "modp2048", "modp1536")),
    ],
)
def test_a_refusal_names_what_was_missing_of_the_nearest_miss(changes: Values, names: tuple[str, ...]) -> None:
    refusal = refusal_of(offer_of(transform(OFFERED | REST | changes)))
    assert refusal.code is Code.NO_PROPOSAL_CHOSEN
    assert refusal.notify is NotifyType.NO_PROPOSAL_CHOSEN
    for name in ("policy 10", *names):
        assert name in refusal.text


def test_offers_of_an_old_group_alone_are_refused_by_the_name_of_the_group() -> None:
    """What a telephone offers to a gateway that has this group no more."""
    offers = [
        transform(
            REST
            | {A.ENCRYPTION_ALGORITHM: cipher, A.HASH_ALGORITHM: hash, A.GROUP_DESCRIPTION: 2}
            | ({A.KEY_LENGTH: length} if length else {}),
            number,
        )
        for number, (cipher, length, hash) in enumerate(
            [(7, 256, 4), (7, 256, 2), (7, 256, 1), (7, 128, 4), (7, 128, 2), (7, 128, 1), (5, 0, 4), (5, 0, 2)], 1
        )
    ]
    refusal = refusal_of(offer_of(*offers))
    assert refusal.code is Code.NO_PROPOSAL_CHOSEN
    nearest = refusal.text.rpartition(";")[2]  # behind the list of what was offered
    assert "modp2048" in nearest
    assert "modp1024" in nearest
    assert not [name for name in ("sha1", "aes256", "3des") if name in nearest]


def test_without_policies_nothing_fits() -> None:
    with pytest.raises(Refusal) as refused:
        phase1_proposal.choose((), phase1_proposal.offer((AES_128,)))
    assert refused.value.code is Code.NO_PROPOSAL_CHOSEN


@pytest.mark.parametrize(
    ("offered", "notify"),
    [
        (offer_of(transform(OFFERED | REST), doi=DOI.ISAKMP), NotifyType.DOI_NOT_SUPPORTED),
        (offer_of(transform(OFFERED | REST), situation=0), NotifyType.SITUATION_NOT_SUPPORTED),
        (SecurityAssociation(1, 1, ()), NotifyType.BAD_PROPOSAL_SYNTAX),
        (SecurityAssociation(1, 1, offer_of().proposals * 2), NotifyType.BAD_PROPOSAL_SYNTAX),
        (offer_of(transform(OFFERED | {A.AUTHENTICATION_METHOD: 1, A.LIFE_DURATION: 60})), NotifyType(13)),
    ],
)
def test_what_is_refused_whatever_the_policies(offered: SecurityAssociation, notify: NotifyType) -> None:
    assert refusal_of(offered).notify == notify


@given(st.sampled_from(sorted(OFFERED | REST)), st.binary(min_size=3, max_size=3000))
def test_no_number_is_too_large_to_speak_of(kind: A, value: bytes) -> None:
    text = ""
    try:
        chosen, _ = phase1_proposal.choose((AES_128,), offer_of(transform(OFFERED | REST | {kind: value})))
    except Refusal as refusal:
        text = str(refusal)
    else:
        assert chosen.lifetime <= 86_400
        assert chosen.lifetime_kilobytes < 2**32
    assert len(text) < 500


@pytest.mark.parametrize(("seconds", "used"), [(3600, 3600), (28_800, 28_800), (86_400, 28_800), (0, 28_800)])
def test_of_two_lifetimes_in_offer_and_answer_the_shorter_one_is_used(seconds: int, used: int) -> None:
    offered = offer_of(transform(OFFERED | REST | {A.LIFE_DURATION: 28_800}))
    answer = offer_of(transform(OFFERED | REST | {A.LIFE_DURATION: seconds}))
    assert phase1_proposal.accept(offered, answer).lifetime == used


@pytest.mark.parametrize(
    "answer",
    [
        offer_of(transform(OFFERED | REST | {A.KEY_LENGTH: 256})),
        offer_of(transform(OFFERED | REST | {A.PRF: 1})),
        offer_of(transform(OFFERED)),
        offer_of(transform(OFFERED | REST)._replace(id=2)),
        offer_of(),
        offer_of(transform(OFFERED | REST), transform(OFFERED | REST)),
        SecurityAssociation(1, 1, ()),
        offer_of(transform(OFFERED | REST), situation=2),
    ],
)
def test_an_initiator_takes_no_altered_answer(answer: SecurityAssociation) -> None:
    with pytest.raises(Refusal):
        phase1_proposal.accept(offer_of(transform(OFFERED | REST)), answer)


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_lifetimes_survive_the_wire(seconds: int, kilobytes: int) -> None:
    offered = phase1_proposal.offer((policy(lifetime=seconds, lifetime_kilobytes=kilobytes),))
    arrived = parse_body(PayloadType.SECURITY_ASSOCIATION, build_body(offered))
    assert isinstance(arrived, SecurityAssociation)
    found = offered_life(arrived.proposals[0].transforms[0].attributes, PHASE_1)
    assert found == (seconds, kilobytes)
