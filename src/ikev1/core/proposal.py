"""Phase 1 proposals: what an initiator offers, what a responder takes of it (RFC 2409 §5, Appendix A)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ikev1.core.events import Code
from ikev1.core.life import PHASE_1, Life, life_attributes, number_of, offered_life
from ikev1.core.model import Chosen, Phase1Suite
from ikev1.core.private_use import PRIVATE_IN_PHASE_1, private_use
from ikev1.core.proposal_check import agreed_life, allows_key, life_differences
from ikev1.core.refusal import Refusal
from ikev1.core.settings import Policy
from ikev1.crypto.algorithms import ike_cipher, registered_name
from ikev1.crypto.suites import ike_name
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Proposal, SecurityAssociation, Transform
from ikev1.wire.registry import (
    DOI,
    AuthenticationMethod,
    Encryption,
    NotifyType,
    Phase1Attribute,
    ProtocolId,
    Situation,
    TransformId,
)

__all__ = ["accept", "allows_suite", "check_situation", "choose", "offer", "same_transform"]

# RFC 3602 §5.3 (AES) and RFC 4312 §3 (Camellia): 128 bits where no key length is given
_VARIABLE_KEY = frozenset({Encryption.AES_CBC, Encryption.CAMELLIA_CBC})

_KNOWN = frozenset(
    {
        Phase1Attribute.ENCRYPTION_ALGORITHM,
        Phase1Attribute.HASH_ALGORITHM,
        Phase1Attribute.AUTHENTICATION_METHOD,
        Phase1Attribute.GROUP_DESCRIPTION,
        Phase1Attribute.LIFE_TYPE,
        Phase1Attribute.LIFE_DURATION,
        Phase1Attribute.KEY_LENGTH,
    }
)


class _Offered(NamedTuple):
    transform: Transform
    suite: Phase1Suite
    life: Life


def offer(policies: Iterable[Policy]) -> SecurityAssociation:
    """The SA payload that offers ``policies``, the first as the preferred one.

    "They MUST take the form of multiple Transform Payloads for a single Proposal Payload in a single SA payload"
    (RFC 2409 §5).
    """
    transforms = tuple(
        Transform(number, TransformId.KEY_IKE, _attributes(policy)) for number, policy in enumerate(policies, 1)
    )
    return SecurityAssociation(DOI.IPSEC, Situation.IDENTITY_ONLY, (Proposal(1, ProtocolId.ISAKMP, b"", transforms),))


def _attributes(policy: Policy) -> tuple[Attribute, ...]:
    suite = policy.suite
    attributes = [
        Attribute(Phase1Attribute.ENCRYPTION_ALGORITHM, suite.encryption),
        Attribute(Phase1Attribute.HASH_ALGORITHM, suite.hash),
        Attribute(Phase1Attribute.GROUP_DESCRIPTION, suite.group),
        Attribute(Phase1Attribute.AUTHENTICATION_METHOD, suite.authentication),
    ]
    if suite.key_length:
        attributes.insert(1, Attribute(Phase1Attribute.KEY_LENGTH, suite.key_length))
    return *attributes, *life_attributes(PHASE_1, Life(policy.lifetime, policy.lifetime_kilobytes))


def check_situation(payload: SecurityAssociation) -> None:
    """Checks DOI and situation of an SA payload (RFC 2407 §4.2).

    Raises:
        Refusal: another DOI than IPsec's, or a situation with secrecy or integrity labels.
    """
    if payload.doi != DOI.IPSEC:
        raise Refusal(Code.NO_PROPOSAL_CHOSEN, f"DOI {payload.doi} is not IPsec's", notify=NotifyType.DOI_NOT_SUPPORTED)
    if payload.situation != Situation.IDENTITY_ONLY:
        raise Refusal(
            Code.NO_PROPOSAL_CHOSEN,
            f"situation {payload.situation} is not SIT_IDENTITY_ONLY",
            notify=NotifyType.SITUATION_NOT_SUPPORTED,
        )


def choose(policies: Iterable[Policy], offered: SecurityAssociation) -> tuple[Chosen, SecurityAssociation]:
    """The first of our ``policies`` that the offer meets, and the SA payload that answers it as it was offered.

    Where several transforms meet it, the one with just our suite is taken before those with longer keys.

    Raises:
        Refusal: it meets none; the text names what was missing of the nearest miss.
    """
    check_situation(offered)
    if len(offered.proposals) != 1:
        # RFC 2409 §5: "there MUST NOT be multiple Proposal Payloads for a single SA payload"
        raise Refusal(
            Code.MALFORMED,
            f"a phase 1 SA payload must hold one proposal, this one holds {len(offered.proposals)}",
            notify=NotifyType.BAD_PROPOSAL_SYNTAX,
        )
    (proposal,) = offered.proposals
    found = [_decode(transform) for transform in proposal.transforms]
    misses: list[tuple[int, str]] = []
    for policy in policies:
        fitting = []
        for offer in found:
            differences = _differences(policy, offer)
            if not differences:
                fitting.append(offer)
            else:
                misses.append((len(differences), f"policy {policy.priority} wants " + " and ".join(differences)))
        if fitting:
            taken = next((offer for offer in fitting if offer.suite == policy.suite), fitting[0])
            answer = proposal._replace(transforms=(taken.transform,))
            return _chosen(policy, taken), offered._replace(proposals=(answer,))
    nearest = min(misses, key=lambda miss: miss[0])[1] if misses else "no policy is configured"
    names = ", ".join(ike_name(suite.encryption, suite.key_length, suite.hash, suite.group) for _, suite, _ in found)
    raise Refusal(
        Code.NO_PROPOSAL_CHOSEN,
        f"no policy fits the offer ({names}); nearest miss: {nearest}",
        notify=NotifyType.NO_PROPOSAL_CHOSEN,
    )


def _decode(transform: Transform) -> _Offered:
    return _Offered(transform, _suite(transform), offered_life(transform.attributes, PHASE_1))


def _chosen(policy: Policy, offer: _Offered) -> Chosen:
    life = agreed_life(policy, offer.life)
    return Chosen(offer.suite, *life, life != offer.life, private_use(offer.transform.attributes, PRIVATE_IN_PHASE_1))


def _suite(transform: Transform) -> Phase1Suite:
    values = {attribute.type: number_of(attribute) for attribute in transform.attributes}
    encryption = values.get(Phase1Attribute.ENCRYPTION_ALGORITHM, 0)
    key_length = values.get(Phase1Attribute.KEY_LENGTH, 128) if encryption in _VARIABLE_KEY else 0
    return Phase1Suite(
        encryption,
        key_length,
        values.get(Phase1Attribute.HASH_ALGORITHM, 0),
        values.get(Phase1Attribute.GROUP_DESCRIPTION, 0),
        values.get(Phase1Attribute.AUTHENTICATION_METHOD, 0),
    )


def allows_suite(policy: Policy, suite: Phase1Suite) -> bool:
    """Whether ``policy`` is met by ``suite``, which may have another length of key where the policy lets it."""
    return not _suite_differences(policy, suite)


def _suite_differences(policy: Policy, found: Phase1Suite) -> list[str]:
    wanted = policy.suite
    if wanted == found:
        return []
    differences = []
    cipher = ike_cipher(found.encryption, found.key_length)
    if wanted.encryption != found.encryption or not allows_key(policy.check, wanted.key_length, cipher):
        differences.append(f"encryption {_word(wanted, 0)}, offered was {_word(found, 0)}")
    if wanted.hash != found.hash:
        differences.append(f"hash {_word(wanted, 1)}, offered was {_word(found, 1)}")
    if wanted.group != found.group:
        differences.append(f"group {_word(wanted, 2)}, offered was {_word(found, 2)}")
    if wanted.authentication != found.authentication:
        named = [registered_name(AuthenticationMethod, suite.authentication) for suite in (wanted, found)]
        differences.append(f"authentication {named[0]}, offered was {named[1]}")
    return differences


def _differences(policy: Policy, offer: _Offered) -> list[str]:
    unknown = [
        f"no attribute {Phase1Attribute(attribute.type).name}, which transform {offer.transform.number} has"
        for attribute in offer.transform.attributes
        if attribute.type not in _KNOWN and attribute.type < PRIVATE_IN_PHASE_1
    ]
    return _suite_differences(policy, offer.suite) + life_differences(policy, offer.life) + unknown


def accept(offered: SecurityAssociation, answer: SecurityAssociation) -> Chosen:
    """What the responder's ``answer`` chose of what we ``offered``.

    "If the initiator of an exchange notices that attribute values have changed or attributes have been added or deleted
    from an offer made, that response MUST be rejected" (RFC 2409 §5).

    Raises:
        Refusal: it is not one of the transforms that we offered.
    """
    check_situation(answer)
    transforms = [transform for proposal in answer.proposals for transform in proposal.transforms]
    if len(transforms) != 1:
        raise Refusal(
            Code.MALFORMED,
            f"the answer must hold one transform, it holds {len(transforms)}",
            notify=NotifyType.BAD_PROPOSAL_SYNTAX,
        )
    for ours in offered.proposals[0].transforms:
        if same_transform(ours, transforms[0]):
            return Chosen(_suite(ours), *offered_life(ours.attributes, PHASE_1))
    raise Refusal(
        Code.NO_PROPOSAL_CHOSEN,
        "the peer answered with a transform that was not offered",
        notify=NotifyType.BAD_PROPOSAL_SYNTAX,
    )


def same_transform(ours: Transform, theirs: Transform) -> bool:
    """Whether ``theirs`` is ``ours``, "attribute encoding excepted" (RFC 2409 §5)."""
    return ours.id == theirs.id and sorted((a.type, a.number) for a in ours.attributes) == sorted(
        (a.type, a.number) for a in theirs.attributes
    )


def _word(suite: Phase1Suite, part: int) -> str:
    """One part of a suite's name: 0 encryption, 1 hash, 2 group."""
    return ike_name(suite.encryption, suite.key_length, suite.hash, suite.group).split("-")[part]
