"""Phase 1 proposals: what an initiator offers and which transform a responder selects (RFC 2409 §5, Appendix A)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter, ne
from typing import NamedTuple

from ikev1.core.negotiation.attribute_faults import contradictions
from ikev1.core.negotiation.lifetime_attributes import (
    PHASE_1,
    life_attributes,
    number_of,
    offered_life,
    shorter,
    stated_life,
    without_life,
)
from ikev1.core.negotiation.private_attributes import PRIVATE_IN_PHASE_1, private_use
from ikev1.core.negotiation.proposal_check import agreed_life, allows_key, allows_life, life_differences
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Life
from ikev1.core.records.ike_sa import Chosen, Phase1Suite
from ikev1.core.records.methods import kind_of
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Policy
from ikev1.crypto.algorithms import IKE_SIZED, ike_cipher, registered_name
from ikev1.crypto.suites import ike_name
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Proposal, SecurityAssociation, Transform
from ikev1.wire.registry import (
    DOI,
    AuthenticationMethod,
    NotifyType,
    Phase1Attribute,
    ProtocolId,
    Situation,
    TransformId,
)

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


LEAST_STATED = 60  # seconds: the minimum lifetime of an SA if message 2 states a shorter one than offered
_NAMED = 8  # transforms that the text of a refusal lists
_ALIKE = 16  # transforms considered with the same algorithms: peers offer several key lengths
_COMPARED = 16  # combinations of algorithms that the search for the closest match compares

_Algorithms = tuple[int, int, int, int]  # encryption, hash, group, kind of key: must equal those of the policy


class _Offered(NamedTuple):
    """One decoded transform; ``values`` maps attribute types to values, the last one of each type."""

    transform: Transform
    algorithms: _Algorithms
    values: dict[int, int | bytes]

    @property
    def suite(self) -> Phase1Suite:
        encryption, hash, group, _ = self.algorithms
        key_length = _number(self.values, _KEY_LENGTH) if encryption in IKE_SIZED else 0
        key_length = key_length or ike_cipher(encryption, 0).key_length
        return Phase1Suite(encryption, key_length, hash, group, _number(self.values, _AUTHENTICATION))

    @property
    def life(self) -> Life:
        return offered_life(self.transform.attributes, PHASE_1)

    @property
    def faults(self) -> list[str]:
        """Why no policy allows the transform: attributes that are neither supported nor for private use, that
        contradict one another, or that ask for a key of no length.
        """
        kinds = self.values.keys() - _KNOWN
        found = [f"no attribute {Phase1Attribute(kind).name}" for kind in kinds if kind < PRIVATE_IN_PHASE_1]
        if len(self.values) < len(self.transform.attributes):
            twice = contradictions(self.transform.attributes, PHASE_1, PRIVATE_IN_PHASE_1)
            found += [f"one value of attribute {Phase1Attribute(kind).name}" for kind in twice]
        if self.algorithms[0] in IKE_SIZED and not _number(self.values, _KEY_LENGTH, 128):
            found.append("a KEY_LENGTH other than 0")
        return found


class _Usable(NamedTuple):
    """A transform without faults, with its suite and lifetime."""

    offer: _Offered
    suite: Phase1Suite
    life: Life


class _Offers:
    """The transforms of a proposal by their algorithms. Suite and lifetime are decoded only if a policy matches."""

    def __init__(self, transforms: tuple[Transform, ...]) -> None:
        self.all = [*map(_decode, transforms)]
        self._with: dict[_Algorithms, list[_Offered]] = {}
        for each in self.all:
            self._with.setdefault(each.algorithms, []).append(each)
        self._usable: dict[_Algorithms, list[_Usable]] = {}
        self._unfit: set[Policy] = set()

    def best(self, policy: Policy) -> _Usable | None:
        """The transform to select for ``policy``: one with exactly its suite is preferred to one with a longer key."""
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
            usable = [_Usable(each, each.suite, each.life) for each in found if not each.faults]
            self._usable[algorithms] = usable
        return usable

    def nearest(self, policies: Sequence[Policy]) -> tuple[Policy, _Offered]:
        """A policy and the transform that differs from it in the fewest algorithms; neither list is empty."""
        different = {each.algorithms: each for each in reversed(self.all)}
        misses = [
            (sum(map(ne, wanted, algorithms)), policy, different[algorithms])
            for policy, wanted in ((policy, _algorithms(policy.suite)) for policy in policies)
            for algorithms in [*reversed(different)][:_COMPARED]
        ]
        return min(misses, key=itemgetter(0))[1:]


def offer(policies: Iterable[Policy]) -> SecurityAssociation:
    """Return the SA payload that offers ``policies``, the preferred one first.

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
    """Check DOI and situation of an SA payload (RFC 2407 §4.2).

    Raises:
        Refusal: the DOI is not that of IPsec, or the situation has secrecy or integrity labels.
    """
    if payload.doi != DOI.IPSEC:
        raise Refusal(
            Code.NO_PROPOSAL_CHOSEN, f"DOI {payload.doi} is not supported", notify=NotifyType.DOI_NOT_SUPPORTED
        )
    if payload.situation != Situation.IDENTITY_ONLY:
        raise Refusal(
            Code.NO_PROPOSAL_CHOSEN,
            f"situation {payload.situation} is not supported",
            notify=NotifyType.SITUATION_NOT_SUPPORTED,
        )


def choose(policies: Sequence[Policy], offered: SecurityAssociation) -> tuple[Chosen, SecurityAssociation]:
    """Return the first of ``policies`` that a transform matches, and the SA payload that repeats that transform.

    If several transforms match, one with exactly the policy's suite is preferred to one with a longer key.

    Raises:
        Refusal: no transform matches; the text describes the closest match.
    """
    _, chosen, answer = choose_among((policies,), offered)
    return chosen, answer


def choose_among(
    alternatives: Sequence[Sequence[Policy]], offered: SecurityAssociation
) -> tuple[int, Chosen, SecurityAssociation]:
    """Return the index of the first of ``alternatives`` with a matching policy, and the result of `choose` for it.

    The peer is not authenticated yet, so the work is bounded: each transform is decoded once, each policy is compared
    only with transforms that have its algorithms, and only the closest match is described.

    Raises:
        Refusal: no policy matches; the text refers to the policies of the first alternative.
    """
    check_situation(offered)
    if len(offered.proposals) != 1:
        # RFC 2409 §5: "there MUST NOT be multiple Proposal Payloads for a single SA payload"
        raise Refusal(
            Code.MALFORMED,
            f"the SA payload must contain one proposal, received {len(offered.proposals)}",
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
    names = [name(each.suite) for each in offers.all[:_NAMED]]
    if len(offers.all) > _NAMED:
        names.append(f"and {len(offers.all) - _NAMED} more")
    if not policies:
        return "no policy is configured"
    if not offers.all:
        return "the proposal contains no transform"
    policy, offer = offers.nearest(policies)
    closest = f"policy {policy.priority} requires {' and '.join(_differences(policy, offer))}"
    return f"no policy matches the proposal ({', '.join(names)}); closest match: {closest}"


def _algorithms(suite: Phase1Suite) -> _Algorithms:
    return suite.encryption, suite.hash, suite.group, kind_of(suite.authentication)


def _decode(transform: Transform) -> _Offered:
    values: dict[int, int | bytes] = dict(transform.attributes)
    algorithms = (
        _number(values, _ENCRYPTION),
        _number(values, _HASH),
        _number(values, _GROUP),
        kind_of(_number(values, _AUTHENTICATION)),
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
    """Whether ``suite`` matches ``policy``, which may allow another key length (`allows_key`)."""
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
        differences.append(f"encryption {_word(wanted, 0)} (offered: {_word(found, 0)})")
    if wanted.hash != found.hash:
        differences.append(f"hash {_word(wanted, 1)} (offered: {_word(found, 1)})")
    if wanted.group != found.group:
        differences.append(f"group {_word(wanted, 2)} (offered: {_word(found, 2)})")
    if kind_of(wanted.authentication) != kind_of(found.authentication):
        named = [registered_name(AuthenticationMethod, suite.authentication) for suite in (wanted, found)]
        differences.append(f"authentication {named[0]} (offered: {named[1]})")
    return differences


def _differences(policy: Policy, offer: _Offered) -> list[str]:
    faults = [f"{fault} (in transform {offer.transform.number})" for fault in offer.faults[:1]]
    return _suite_differences(policy, offer.suite) + life_differences(policy, offer.life) + faults


def accept(offered: SecurityAssociation, answer: SecurityAssociation) -> Chosen:
    """Return what the responder's ``answer`` selected from the transforms ``offered``.

    "If the initiator of an exchange notices that attribute values have changed or attributes have been added or deleted
    from an offer made, that response MUST be rejected" (RFC 2409 §5). The lifetime is an exception, since some
    responders write their own one into the transform: the shorter one is used (`LEAST_STATED`).

    Raises:
        Refusal: the selected transform was not offered.
    """
    check_situation(answer)
    transforms = [transform for proposal in answer.proposals for transform in proposal.transforms]
    if len(transforms) != 1:
        raise Refusal(
            Code.MALFORMED,
            f"the response must contain one transform, received {len(transforms)}",
            notify=NotifyType.BAD_PROPOSAL_SYNTAX,
        )
    (theirs,) = transforms
    for ours in offered.proposals[0].transforms:
        if same_transform(ours, theirs):
            offer = _decode(ours)
            return Chosen(offer.suite, *offer.life)
    for ours in offered.proposals[0].transforms:
        if same_transform(without_life(ours, PHASE_1), without_life(theirs, PHASE_1)):
            offer = _decode(ours)
            return Chosen(offer.suite, *_shortened(offer.life, stated_life(theirs.attributes, PHASE_1)))
    raise Refusal(
        Code.NO_PROPOSAL_CHOSEN,
        f"the peer selected a transform that was not offered: {name(_decode(theirs).suite)} (offered: "
        f"{', '.join(name(_decode(ours).suite) for ours in offered.proposals[0].transforms[:_NAMED])})",
        notify=NotifyType.BAD_PROPOSAL_SYNTAX,
    )


def _shortened(offered: Life, stated: Life) -> Life:
    """The lifetime of an SA that was ``offered``, if message 2 says ``stated``. No HASH covers that message,
    so it cannot make the SA live less than `LEAST_STATED` seconds, unless a shorter lifetime was offered.
    """
    seconds, kilobytes = shorter(offered, stated)
    least = min(offered.seconds, LEAST_STATED) if offered.seconds else LEAST_STATED
    return Life(max(seconds, least) if seconds else 0, kilobytes)


def same_transform(ours: Transform, theirs: Transform) -> bool:
    """Whether ``theirs`` is ``ours``, "attribute encoding excepted" (RFC 2409 §5)."""
    return ours.id == theirs.id and sorted((a.type, a.number) for a in ours.attributes) == sorted(
        (a.type, a.number) for a in theirs.attributes
    )


def name(suite: Phase1Suite) -> str:
    """The algorithms of ``suite`` in the notation of the configuration, such as ``aes256-sha256-modp2048``."""
    return ike_name(suite.encryption, suite.key_length, suite.hash, suite.group)


def _word(suite: Phase1Suite, part: int) -> str:
    """One part of the name of ``suite``: 0 encryption, 1 hash, 2 group."""
    return name(suite).split("-")[part]
