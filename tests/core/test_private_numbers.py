"""Numbers for private use, as those of Serpent and Twofish are, which strongSwan takes only with its vendor ID."""

from __future__ import annotations

import pytest

from configured import ALICE, BOB, connection, tunnel
from ikev1.core.peer.vendor_ids import STRONGSWAN, announced, answer_to
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection
from ikev1.wire.registry import Encryption, EspTransform
from ikev1.wire.vendors import maker_of

PLAIN = connection(ALICE, BOB, tunnel())


def with_cipher(number: int) -> Connection:
    """A connection whose last policy has a cipher of phase 1."""
    (policy,) = PLAIN.policies
    other = replace(policy, priority=2, suite=replace(policy.suite, encryption=number))
    return replace(PLAIN, policies=(policy, other))


def with_transform(number: int) -> Connection:
    """A connection whose last tunnel has a cipher of phase 2."""
    (net,) = PLAIN.tunnels
    (first, *_) = net.proposals
    other = replace(first, suite=replace(first.suite, encryption=number))
    return replace(PLAIN, tunnels=(net, replace(net, name="other", proposals=(first, other))))


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        (PLAIN, False),
        (with_cipher(Encryption.CAMELLIA_CBC), False),
        (with_cipher(Encryption.SERPENT_CBC), True),
        (with_cipher(Encryption.TWOFISH_CBC), True),
        (with_transform(EspTransform.CAMELLIA), False),
        (with_transform(EspTransform.SERPENT), True),
        (with_transform(EspTransform.TWOFISH), True),
    ],
)
def test_both_roles_send_the_vendor_id_for_numbers_of_private_use(configured: Connection, expected: bool) -> None:
    for sent in (announced(configured), answer_to((), configured), answer_to((STRONGSWAN,), configured)):
        assert (STRONGSWAN in [each.data for each in sent]) is expected


def test_it_is_that_of_strongswan() -> None:
    assert maker_of((STRONGSWAN,)) == "strongSwan"
