"""Phase 1 proposals: what an initiator offers, what a responder takes of it (RFC 2409 §5, Appendix A)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter, ne
from typing import NamedTuple

from ikev1.core.negotiation.lifetime_attributes import PHASE_1, life_attributes, number_of, offered_life
from ikev1.core.negotiation.private_attributes import PRIVATE_IN_PHASE_1, private_use
from ikev1.core.negotiation.proposal_check import agreed_life, allows_key, allows_life, life_differences
from ikev1.core.records.events import Code
from ikev1.core.records.model import Chosen, Life, Phase1Suite
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Policy
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

# RFC 3602 §5.3 (AES) and RFC 4312 §3 (Camellia): 128 bits where no key length is given
_VARIABLE_KEY = frozenset({Encryption.AES_CBC, Encryption.CAMELLIA_CBC})

_ENCRYPTION = Phase1Attribute.ENCRYPTION_ALGORITHM.value
_HASH = Phase1Attribute.HASH_ALGORITHM.value
_GROUP = Phase1Attribute.GROUP_DESCRIPTION.value
_AUTHENTICATION = Phase1Attribute.AUTHENTICATION_METHOD.value
_KEY_LENGTH = Phase1Attribute.KEY_LENGTH.value

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


_NAMED = 8  # transforms that a refusal names
_ALIKE = 16  # transforms with the same algorithms that are considered: peers vary the length of the key
_COMPARED = 16  # different algorithms among which a refusal looks for the nearest miss

_Algorithms = tuple[int, int, int, int]  # encryption, hash, group, authentication: what a policy has to find as it is


class _Offered(NamedTuple):
    """One transform; ``values`` are those of its attributes, the last of each type."""

    transform: Transform
    algorithms: _Algorithms
    values: dict[int, int | bytes]

    @property
    def suite(self) -> Phase1Suite:
        encryption, hash, group, authentication = self.algorithms
        key_length = _number(self.values, _KEY_LENGTH, 128) if encryption in _VARIABLE_KEY else 0
        return Phase1Suite(encryption, key_length, hash, group, authentication)

    @property
    def life(self) -> Life:
        return offered_life(self.transform.attributes, PHASE_1)

    @property
    def unknown(self) -> list[int]:
        """The types of attributes that we do not support, and that are not for private use."""
        kinds = self.values.keys() - _KNOWN
        return [kind for kind in kinds if kind < PRIVATE_IN_PHASE_1] if kinds else []


class _Usable(NamedTuple):
    """A transform without unknown attributes, and what it says beside its algorithms."""

    offer: _Offered
    suite: Phase1Suite
    life: Life


class _Offers:
    """The transforms of a proposal by their algorithms. What else those say that nobody asks for is not looked at."""

    def __init__(self, transforms: tuple[Transform, ...]) -> None:
        self.all = [*map(_decode, transforms)]
        self._with: dict[_Algorithms, list[_Offered]] = {}
        for each in self.all:
            self._with.setdefault(each.algorithms, []).append(each)
        self._usable: dict[_Algorithms, list[_Usable]] = {}
        self._unfit: set[Policy] = set()

    def best(self, policy: Policy) -> _Usable | None:
        """What is taken for ``policy``: a transform with just its suite before those with longer keys."""
        algorithms = _algorithms(policy.suite)
        if algorithms not in self._with or policy in self._unfit:
            return None
        fitting = None
        for each in self._usable_with(algorithms):
            exact = each.suite == policy.suite
            if (exact or fitting is None) and allows_life(policy, each.life) and allows_suite(policy, each.suite):
                if exact:
                    return each
                fitting = each
        if fitting is None:
            self._unfit.add(policy)
        return fitting

    def _usable_with(self, algorithms: _Algorithms) -> list[_Usable]:
        usable = self._usable.get(algorithms)
        if usable is None:
            found = self._with[algorithms][:_ALIKE]
            usable = [_Usable(each, each.suite, each.life) for each in found if not each.unknown]
            self._usable[algorithms] = usable
        return usable

    def nearest(self, policies: Sequence[Policy]) -> tuple[Policy, _Offered]:
        """One of ``policies`` and the transform that differs from it in the fewest algorithms; there are some."""
        different = {each.algorithms: each for each in reversed(self.all)}
        misses = [
            (sum(map(ne, wanted, algorithms)), policy, different[algorithms])
            for policy, wanted in ((policy, _algorithms(policy.suite)) for policy in policies)
            for algorithms in [*reversed(different)][:_COMPARED]
        ]
        return min(misses, key=itemgetter(0))[1:]


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


def choose(policies: Sequence[Policy], offered: SecurityAssociation) -> tuple[Chosen, SecurityAssociation]:
    """The first of our ``policies`` that the offer meets, and the SA payload that answers it as it was offered.

    Where several transforms meet it, the one with just our suite is taken before those with longer keys.

    Raises:
        Refusal: it meets none; the text names what was missing of the nearest miss.
    """
    _, chosen, answer = choose_among((policies,), offered)
    return chosen, answer


def choose_among(
    alternatives: Sequence[Sequence[Policy]], offered: SecurityAssociation
) -> tuple[int, Chosen, SecurityAssociation]:
    """The place of the first of ``alternatives`` of which the offer meets a policy, and what `choose` returns for it.

    Who offers has proved nothing: each transform is decoded once, and each policy looks only at those with its
    algorithms. What was missing is put into words for the nearest miss alone.

    Raises:
        Refusal: it meets none; the text speaks of the policies of the first.
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
    offers = _Offers(proposal.transforms)
    for place, policies in enumerate(alternatives):
        for policy in policies:
            taken = offers.best(policy)
            if taken is not None:
                answer = proposal._replace(transforms=(taken.offer.transform,))
                return place, _chosen(policy, taken), offered._replace(proposals=(answer,))
    raise Refusal(
        Code.NO_PROPOSAL_CHOSEN,
        _why_nothing_fits(alternatives[0] if alternatives else (), offers),
        notify=NotifyType.NO_PROPOSAL_CHOSEN,
    )


def _why_nothing_fits(policies: Sequence[Policy], offers: _Offers) -> str:
    names = [_name(each.suite) for each in offers.all[:_NAMED]]
    if len(offers.all) > _NAMED:
        names.append(f"and {len(offers.all) - _NAMED} more")
    nearest = "no transform is offered" if policies else "no policy is configured"
    if policies and offers.all:
        policy, offer = offers.nearest(policies)
        nearest = f"policy {policy.priority} wants {' and '.join(_differences(policy, offer))}"
    return f"no policy fits the offer ({', '.join(names)}); nearest miss: {nearest}"


def _algorithms(suite: Phase1Suite) -> _Algorithms:
    return suite.encryption, suite.hash, suite.group, suite.authentication


def _decode(transform: Transform) -> _Offered:
    values: dict[int, int | bytes] = dict(transform.attributes)
    algorithms = (
        _number(values, _ENCRYPTION),
        _number(values, _HASH),
        _number(values, _GROUP),
        _number(values, _AUTHENTICATION),
    )
    return _Offered(transform, algorithms, values)


def _number(values: dict[int, int | bytes], kind: int, default: int = 0) -> int:
    value = values.get(kind, default)
    return value if isinstance(value, int) else number_of(Attribute(kind, value))


def _chosen(policy: Policy, taken: _Usable) -> Chosen:
    life = agreed_life(policy, taken.life)
    ignored = private_use(taken.offer.transform.attributes, PRIVATE_IN_PHASE_1)
    return Chosen(taken.suite, *life, life != taken.life, ignored)


def allows_suite(policy: Policy, suite: Phase1Suite) -> bool:
    """Whether ``policy`` is met by ``suite``, which may have another length of key where the policy lets it."""
    wanted = policy.suite
    if wanted == suite:
        return True
    same = _algorithms(wanted) == _algorithms(suite)
    return same and allows_key(policy.check, wanted.key_length, ike_cipher(suite.encryption, suite.key_length))


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
        f"no attribute {Phase1Attribute(kind).name}, which transform {offer.transform.number} has"
        for kind in offer.unknown[:1]
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
            offer = _decode(ours)
            return Chosen(offer.suite, *offer.life)
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


def _name(suite: Phase1Suite) -> str:
    return ike_name(suite.encryption, suite.key_length, suite.hash, suite.group)


def _word(suite: Phase1Suite, part: int) -> str:
    """One part of a suite's name: 0 encryption, 1 hash, 2 group."""
    return _name(suite).split("-")[part]
