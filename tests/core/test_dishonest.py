"""A peer that knows the keys and does not keep to the rules."""

from __future__ import annotations

from typing import Any

import pytest

from dishonest import Change, add, drop, put, resealed
from ikev1.core.records.events import Code
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import (
    CertificateRequest,
    Hash,
    Identification,
    KeyExchange,
    Nonce,
    Notification,
    Payload,
    SecurityAssociation,
    VendorId,
)
from playbook import Network, Peer


def reversed_ids(payloads: list[Payload]) -> list[Payload]:
    """The client identities in the wrong order."""
    ids = [payload for payload in payloads if isinstance(payload, Identification)]
    return [ids.pop() if isinstance(payload, Identification) else payload for payload in payloads]


def other_transform(*attributes: Attribute, **changes: Any) -> Change:
    """An SA payload whose first transform is another."""

    def change(payloads: list[Payload]) -> list[Payload]:
        (sa,) = (payload for payload in payloads if isinstance(payload, SecurityAssociation))
        first = sa.proposals[0]
        transform = first.transforms[0]
        if attributes:
            transform = transform._replace(attributes=attributes)
        proposal = first._replace(transforms=(transform,))._replace(**changes)
        return [sa._replace(proposals=(proposal,)) if payload is sa else payload for payload in payloads]

    return change


def twice_proposed(payloads: list[Payload]) -> list[Payload]:
    """An SA payload that answers with two proposals."""
    return [
        payload._replace(proposals=payload.proposals * 2) if isinstance(payload, SecurityAssociation) else payload
        for payload in payloads
    ]


MM2_CHANGES = [
    (twice_proposed, Code.MALFORMED, "BAD_PROPOSAL_SYNTAX"),
    (other_transform(Attribute(1, 7)), Code.NO_PROPOSAL_CHOSEN, "BAD_PROPOSAL_SYNTAX"),
    (put(SecurityAssociation, situation=8), Code.NO_PROPOSAL_CHOSEN, "SITUATION_NOT_SUPPORTED"),
]
KE_CHANGES = [
    (put(Nonce, data=bytes(7)), Code.MALFORMED, "PAYLOAD_MALFORMED"),
    (put(Nonce, data=bytes(257)), Code.MALFORMED, "PAYLOAD_MALFORMED"),
    (put(KeyExchange, data=bytes(64)), Code.MALFORMED, "INVALID_KEY_INFORMATION"),
    (put(KeyExchange, data=bytes(63)), Code.MALFORMED, "INVALID_KEY_INFORMATION"),
    (drop(KeyExchange), Code.MALFORMED, "PAYLOAD_MALFORMED"),
    (drop(Nonce), Code.MALFORMED, "PAYLOAD_MALFORMED"),
]
QUICK_CHANGES = [
    (put(Nonce, data=bytes(7)), Code.MALFORMED, "PAYLOAD_MALFORMED"),
    (put(Nonce, data=bytes(257)), Code.MALFORMED, "PAYLOAD_MALFORMED"),
    (drop(Nonce), Code.MALFORMED, "PAYLOAD_MALFORMED"),
    (add(KeyExchange(bytes(64))), Code.MALFORMED, "INVALID_KEY_INFORMATION"),
    (add(Hash(bytes(32))), Code.MALFORMED, "PAYLOAD_MALFORMED"),
]
QM1_CHANGES = [
    (drop(Identification, keep=1), Code.MALFORMED, "INVALID_ID_INFORMATION"),
    (reversed_ids, Code.SELECTORS_UNACCEPTABLE, "INVALID_ID_INFORMATION"),
    (put(Identification, id_type=2), Code.SELECTORS_UNACCEPTABLE, "INVALID_ID_INFORMATION"),
    (other_transform(protocol=2), Code.NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN"),
    (other_transform(spi=bytes(4)), Code.NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN"),
    (other_transform(Attribute(4, 1)), Code.NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN"),
]
QM2_CHANGES = [
    (reversed_ids, Code.SELECTORS_UNACCEPTABLE, "INVALID_ID_INFORMATION"),
    (twice_proposed, Code.NO_PROPOSAL_CHOSEN, "BAD_PROPOSAL_SYNTAX"),
    (other_transform(Attribute(4, 1)), Code.NO_PROPOSAL_CHOSEN, "BAD_PROPOSAL_SYNTAX"),
    (other_transform(spi=bytes(4)), Code.NO_PROPOSAL_CHOSEN, "BAD_PROPOSAL_SYNTAX"),
]
AUTH_CHANGES = [
    (put(Identification, port=53), Code.ID_MISMATCH, "INVALID_ID_INFORMATION"),
    (put(Identification, protocol=6), Code.ID_MISMATCH, "INVALID_ID_INFORMATION"),
    (put(Identification, data=bytes(4)), Code.AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED"),
    (put(Hash, data=bytes(32)), Code.AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED"),
    (put(Hash, data=b""), Code.AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED"),
]
CHANGES = [
    *(("MM2", *case) for case in MM2_CHANGES),
    *(("MM3", *case) for case in KE_CHANGES),
    *(("MM4", *case) for case in KE_CHANGES),
    *(("MM5", *case) for case in AUTH_CHANGES),
    *(("MM6", *case) for case in AUTH_CHANGES),
    *(("QM1", *case) for case in (*QUICK_CHANGES, *QM1_CHANGES)),
    *(("QM2", *case) for case in (*QUICK_CHANGES, *QM2_CHANGES)),
]


@pytest.mark.parametrize(("label", "change", "code", "notify"), CHANGES)
def test_what_breaks_the_rules_is_refused_by_name(
    network: Network, alice: Peer, bob: Peer, label: str, change: Change, code: Code, notify: str
) -> None:
    alice.calls()
    while network.flying[0].label != label:
        network.deliver(network.flying.popleft())
    due = network.flying.popleft()
    receiver = network.receiver(due)
    assert receiver is not None
    network.deliver(resealed(receiver, due, change))
    (told,) = network.flying
    assert notify in told.label
    network.flying.clear()
    network.run(3)  # a caller hopes a little longer for a proper answer, and then says what was wrong
    assert receiver.failures == [code]
    assert receiver.children == []
    assert receiver.inbound == {}


@pytest.mark.parametrize(
    ("label", "change"),
    [("MM3", KE_CHANGES[0][0]), ("MM4", KE_CHANGES[2][0]), ("QM1", QM1_CHANGES[0][0]), ("QM2", QUICK_CHANGES[0][0])],
)
def test_who_comes_to_reason_is_welcome(network: Network, alice: Peer, bob: Peer, label: str, change: Change) -> None:
    """A refused message leaves no trace: the right one is taken afterwards."""
    alice.calls()
    while network.flying[0].label != label:
        network.deliver(network.flying.popleft())
    due = network.flying.popleft()
    receiver = network.receiver(due)
    assert receiver is not None
    network.deliver(resealed(receiver, due, change))
    network.flying.clear()
    network.deliver(due)
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@pytest.mark.parametrize("label", ["MM3", "MM4", "QM1", "QM2"])
def test_vendor_ids_and_notifies_are_no_breach(network: Network, alice: Peer, bob: Peer, label: str) -> None:
    more = (VendorId(b"whoever"), Notification(1, 1, b"", 40_000, b"data"), CertificateRequest(4, b""))
    alice.calls()
    while network.flying[0].label != label:
        network.deliver(network.flying.popleft())
    due = network.flying.popleft()
    receiver = network.receiver(due)
    assert receiver is not None
    network.deliver(resealed(receiver, due, add(*more)))
    assert receiver.failures == []
    (answer,) = network.flying
    assert answer.label == {"MM3": "MM4", "MM4": "MM5", "QM1": "QM2", "QM2": "QM3"}[label]
