"""The secrets of a Diffie-Hellman exchange, found again among what was drawn."""

from __future__ import annotations

import os

import pytest

from ikev1.crypto.groups import group
from ikev1.lesson.diffie_hellman import NoAgreement, agreement


def drawn(number: int) -> tuple[tuple[bytes, ...], bytes, bytes]:
    """What an end drew, with other things before and after, its private value, and its public one."""
    draws = [os.urandom(8), os.urandom(32)]

    def draw(octets: int) -> bytes:
        draws.append(os.urandom(octets))
        return draws[-1]

    private, public = group(number).generate(draw)
    return (*draws, os.urandom(32)), private, public


@pytest.mark.parametrize("number", [2, 14, 19, 20, 22, 24, 31])
def test_both_secrets_are_found(number: int) -> None:
    of_initiator, x, g_xi = drawn(number)
    of_responder, y, g_xr = drawn(number)
    found = agreement(number, g_xi, g_xr, of_initiator, of_responder)
    assert (found.x, found.y) == (x, y)
    assert found.g_xy == group(number).shared(x, g_xr) == group(number).shared(y, g_xi)


def test_g_xy_is_a_power_of_a_power() -> None:
    of_initiator, _, g_xi = drawn(14)
    of_responder, _, g_xr = drawn(14)
    found = agreement(14, g_xi, g_xr, of_initiator, of_responder)
    p = int.from_bytes(bytes.fromhex(GROUP_14))
    x, y = int.from_bytes(found.x), int.from_bytes(found.y)
    assert pow(2, x * y, p).to_bytes(256) == found.g_xy


def test_a_public_value_of_somebody_else() -> None:
    of_initiator, _, g_xi = drawn(19)
    _, _, g_xr = drawn(19)
    of_responder, _, _ = drawn(19)
    with pytest.raises(NoAgreement):
        agreement(19, g_xi, g_xr, of_initiator, of_responder)


def test_the_formula_shows_both_ways() -> None:
    of_initiator, _, g_xi = drawn(19)
    of_responder, _, g_xr = drawn(19)
    formula = agreement(19, g_xi, g_xr, of_initiator, of_responder).formula("g^xy", "RFC 2409 §5")
    inputs = {name.partition(",")[0]: bytes.fromhex(octets) for name, octets in formula.inputs}
    assert group(19).shared(inputs["y"], inputs["g^xi"]).hex() == formula.result


# RFC 3526 §3
GROUP_14 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF"
)
