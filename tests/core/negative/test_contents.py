"""Negative catalogue: public values, key lengths, proposals, lifetimes and identities, in every message with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from configured import policy
from dishonest import Change, add, drop, put
from ikev1.core.records.events import ChildUp, Code, IkeUp
from ikev1.crypto.modp_numbers import OAKLEY_PRIMES
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Identification, KeyExchange, Payload, Proposal, SecurityAssociation, Transform, VendorId
from ikev1.wire.registry import IdType, Phase1Attribute, Phase2Attribute
from negative import Scene, answers_to, from_sender, is_up, recovers, scene

_GROUP, _SIZE = "modp1024", 128
_P = OAKLEY_PRIMES[2].prime()
_OFFERS, _ANSWERS = ("MM1", "AM1", "QM1"), ("MM2", "AM2", "QM2")


def refused(there: Scene, change: Change) -> None:
    """The message, changed so by its sender, makes nothing come up, and is answered by an error at most."""
    receiver = there.receiver
    receiver.events.clear()
    before = list(receiver.inbound)
    said = answers_to(there, from_sender(there, change))
    assert [each.label for each in said if not each.label.startswith("INFO N(")] == []
    assert len(said) <= 1
    assert not [event for event in receiver.events if isinstance(event, (IkeUp, ChildUp))]
    assert list(receiver.inbound) == before
    recovers(there)


# --- public values (RFC 2409 §5, RFC 2631 §2.1.5)

PUBLIC_VALUES: dict[str, Change] = {
    "zero": put(KeyExchange, data=bytes(_SIZE)),
    "one": put(KeyExchange, data=(1).to_bytes(_SIZE)),
    "p - 1": put(KeyExchange, data=(_P - 1).to_bytes(_SIZE)),
    "p": put(KeyExchange, data=_P.to_bytes(_SIZE)),
    "p + 1": put(KeyExchange, data=(_P + 1).to_bytes(_SIZE)),
    "all ones": put(KeyExchange, data=b"\xff" * _SIZE),
    "empty": put(KeyExchange, data=b""),
    "one octet": put(KeyExchange, data=b"\2"),
    "an octet too short": put(KeyExchange, data=(2).to_bytes(_SIZE - 1)),
    "an octet too long": put(KeyExchange, data=(2).to_bytes(_SIZE + 1)),
    "60,000 octets": put(KeyExchange, data=bytes(60_000)),
    "omitted": drop(KeyExchange),
    "twice": lambda payloads: [*payloads, *(each for each in payloads if isinstance(each, KeyExchange))],
}


@pytest.mark.parametrize("label", ["MM3", "MM4", "AM1", "AM2", "QM1", "QM2"])
@pytest.mark.parametrize("change", PUBLIC_VALUES.values(), ids=PUBLIC_VALUES)
def test_a_public_value_that_keeps_nothing_secret(label: str, change: Change) -> None:
    refused(scene(label, _GROUP), change)


# --- key lengths (RFC 2409 Appendix A, RFC 2407 §4.5)

Values = Sequence[int | bytes]


def _each_transform(change: Callable[[Transform], Transform]) -> Change:
    def of_proposal(proposal: Proposal) -> Proposal:
        return proposal._replace(transforms=tuple(change(each) for each in proposal.transforms))

    return lambda payloads: [
        payload._replace(proposals=tuple(of_proposal(each) for each in payload.proposals))
        if isinstance(payload, SecurityAssociation)
        else payload
        for payload in payloads
    ]


def _key_length(label: str, *values: int | bytes) -> Change:
    """These values for the key length, in this order, instead of the one that is there."""
    kind = Phase2Attribute.KEY_LENGTH if label.startswith("QM") else Phase1Attribute.KEY_LENGTH

    def of_transform(transform: Transform) -> Transform:
        others = tuple(each for each in transform.attributes if each.type != kind)
        return transform._replace(attributes=(*others, *(Attribute(kind, value) for value in values)))

    return _each_transform(of_transform)


KEY_LENGTHS: dict[str, Values] = {
    "0": (0,),
    "empty": (b"",),
    "two different ones": (128, 256),
    "two different ones, ours last": (256, 128),
    "not a multiple of 8": (129,),
    "1": (1,),
    "65,535": (65_535,),
    "as long as no integer": (bytes(2000),),
    "octets instead of bits": (16,),
}


@pytest.mark.parametrize("label", [*_OFFERS, *_ANSWERS])
@pytest.mark.parametrize("values", KEY_LENGTHS.values(), ids=KEY_LENGTHS)
def test_a_key_length_that_is_none(label: str, values: Values) -> None:
    refused(scene(label), _key_length(label, *values))


@pytest.mark.parametrize("label", ["MM1", "AM1"])
def test_a_key_length_in_an_offer_of_a_cipher_that_has_one_size_only(label: str) -> None:
    """ "This attribute MUST NOT be used when the specified Encryption Algorithm uses a fixed length key" (RFC 2409
    Appendix A): who uses it can mean one length only.
    """
    there = scene(label, policies=(policy("3des-sha256-ecp256"),))
    (answer,) = answers_to(there, from_sender(there, _key_length(label, 192)))
    assert answer.label in ("MM2", "AM2")
    recovers(there)


@pytest.mark.parametrize("label", ["MM2", "AM2"])
def test_a_key_length_in_an_answer_that_was_not_offered(label: str) -> None:
    refused(scene(label, policies=(policy("3des-sha256-ecp256"),)), _key_length(label, 192))


@pytest.mark.parametrize("label", _ANSWERS)
def test_an_answer_without_the_key_length_of_the_offer(label: str) -> None:
    refused(scene(label), _key_length(label))


# --- proposals and lifetimes


def _mixed(payloads: list[Payload]) -> list[Payload]:
    """Behind the transforms of the offer those of another protocol, in the same proposal."""
    return [
        each._replace(
            proposals=tuple(
                proposal._replace(transforms=(*proposal.transforms, proposal.transforms[0]._replace(id=77, number=1)))
                for proposal in each.proposals
            )
        )
        if isinstance(each, SecurityAssociation)
        else each
        for each in payloads
    ]


def _first_of_another_kind(payloads: list[Payload]) -> list[Payload]:
    return [
        each._replace(
            proposals=tuple(
                proposal._replace(transforms=(proposal.transforms[0]._replace(id=77, number=1), *proposal.transforms))
                for proposal in each.proposals
            )
        )
        if isinstance(each, SecurityAssociation)
        else each
        for each in payloads
    ]


@pytest.mark.parametrize("label", _OFFERS)
@pytest.mark.parametrize("change", [_mixed, _first_of_another_kind], ids=["behind", "before"])
def test_an_offer_that_mixes_transforms_is_read_for_what_it_has_of_ours(label: str, change: Change) -> None:
    there = scene(label)
    answers_to(there, from_sender(there, change))
    assert Code.INTERNAL_ERROR not in there.receiver.failures
    recovers(there)


@pytest.mark.parametrize("label", _ANSWERS)
def test_an_answer_that_mixes_transforms(label: str) -> None:
    refused(scene(label), _mixed)


def _lifetime(label: str, value: int | bytes) -> Change:
    quick = label.startswith("QM")
    kind = Phase2Attribute.SA_LIFE_DURATION if quick else Phase1Attribute.LIFE_DURATION

    def of_transform(transform: Transform) -> Transform:
        return transform._replace(
            attributes=tuple(Attribute(kind, value) if each.type == kind else each for each in transform.attributes)
        )

    return _each_transform(of_transform)


LIFETIMES: dict[str, int | bytes] = {
    "0": 0,
    "1": 1,
    "empty": b"",
    "2^32 - 1": b"\xff" * 4,
    "2^64 - 1": b"\xff" * 8,
    "of 300 octets": b"\xff" * 300,
    "0, of 300 octets": bytes(300),
}


@pytest.mark.parametrize("label", [*_OFFERS, *_ANSWERS])
@pytest.mark.parametrize("value", LIFETIMES.values(), ids=LIFETIMES)
def test_a_lifetime_of_any_size(label: str, value: int | bytes) -> None:
    """Whether it is taken, shortened or refused is a matter of `proposal_check`; nothing ends at once or never."""
    there = scene(label)
    answers_to(there, from_sender(there, _lifetime(label, value)))
    receiver = there.receiver
    assert Code.INTERNAL_ERROR not in receiver.failures
    now = there.network.now
    for sa in receiver.engine.sas.values():
        assert not sa.is_up or now < sa.expires_at <= now + 86_400
        for child in sa.complete_children:
            assert now < child.expires_at <= now + 86_400
    recovers(there)


# --- identities (RFC 2409 §5.5: both or none)


def _identities(*places: int) -> Change:
    """Those of the identities of Quick Mode, in this order."""

    def change(payloads: list[Payload]) -> list[Payload]:
        ids = [each for each in payloads if isinstance(each, Identification)]
        others = [each for each in payloads if not isinstance(each, Identification)]
        return [*others, *(ids[place] for place in places)]

    return change


IDENTITIES: dict[str, Change] = {
    "one": _identities(0),
    "the other one": _identities(1),
    "three": _identities(0, 1, 0),
    "four": _identities(0, 1, 0, 1),
    "the same twice": _identities(0, 0),
    "empty": put(Identification, data=b""),
    "a mask with holes": put(
        Identification, id_type=IdType.IPV4_ADDR_SUBNET, data=bytes([10, 1, 0, 0, 255, 0, 255, 0])
    ),
    "a range that ends before it begins": put(
        Identification, id_type=IdType.IPV4_ADDR_RANGE, data=bytes([10, 1, 0, 9, 10, 1, 0, 1])
    ),
    "a name": put(Identification, id_type=IdType.FQDN, data=b"a.example"),
    "65,000 octets": put(Identification, data=bytes(65_000)),
}


@pytest.mark.parametrize("label", ["QM1", "QM2"])
@pytest.mark.parametrize("change", IDENTITIES.values(), ids=IDENTITIES)
def test_identities_of_quick_mode(label: str, change: Change) -> None:
    refused(scene(label), change)


def test_identities_of_quick_mode_are_missing() -> None:
    """ "The identities [...] are implicitly assumed to be the IP addresses of the ISAKMP peers" (RFC 2409 §5.5): no
    tunnel of networks is meant.
    """
    refused(scene("QM1"), _identities())


def test_an_answer_of_quick_mode_without_identities_is_about_what_was_asked_for() -> None:
    there = scene("QM2")
    (last,) = answers_to(there, from_sender(there, _identities()))
    assert last.label == "QM3"
    asked = there.alice.engine.settings.connections[0].tunnels[0]
    assert (there.alice.child.local, there.alice.child.remote) == (asked.local, asked.remote)


@pytest.mark.parametrize("label", ["MM5", "MM6", "AM1", "AM2"])
@pytest.mark.parametrize(
    "change",
    [
        drop(Identification),
        put(Identification, data=b""),
        put(Identification, id_type=0),
        put(Identification, id_type=IdType.IPV4_ADDR, data=bytes(3)),
        put(Identification, id_type=IdType.DER_ASN1_DN, data=b"\x30\x84\xff\xff\xff\xff"),
        lambda payloads: [*payloads, *(each for each in payloads if isinstance(each, Identification))],
    ],
    ids=["missing", "empty", "of no type", "an address of 3 octets", "a broken name", "twice"],
)
def test_identities_of_phase_1(label: str, change: Change) -> None:
    refused(scene(label), change)


# --- more than anybody sends


@pytest.mark.parametrize("label", ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "AM1", "AM2", "AM3", "QM1", "QM2", "QM3"])
def test_a_message_as_large_as_udp_carries(label: str) -> None:
    there = scene(label)
    large = from_sender(there, add(VendorId(bytes(65_000))))
    assert len(large.octets) > 65_000
    assert len(answers_to(there, large)) <= (2 if label == "AM2" else 1)
    assert Code.INTERNAL_ERROR not in there.receiver.failures
    if not is_up(there):
        recovers(there)
