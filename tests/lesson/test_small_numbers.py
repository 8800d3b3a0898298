"""The toy, checked with numbers that a head can hold."""

from __future__ import annotations

import pytest

from ikev1.crypto.groups import group
from ikev1.lesson.diffie_hellman import Agreement
from ikev1.lesson.small_numbers import G, P, X, Y, toy


def agreed(number: int) -> Agreement:
    x, g_xi = group(number).generate(lambda octets: bytes(octets - 1) + b"\x07")
    y, g_xr = group(number).generate(lambda octets: bytes(octets - 1) + b"\x09")
    return Agreement(number, x, y, g_xi, g_xr, group(number).shared(x, g_xr))


def test_the_small_numbers_are_right() -> None:
    lines = [line.small for line in toy(agreed(19)).lines]
    assert (P, G) == (5, 3)
    for line in lines:
        for claim in line.partition(":")[0].split(", "):
            power, _, result = claim.partition(" mod 5 = ")
            if result:
                base, _, exponent = power.partition("^")
                assert int(base) ** int(exponent) % 5 == int(result)
    assert pow(G, X * Y, P) == pow(pow(G, X, P), Y, P) == pow(pow(G, Y, P), X, P)


def test_secrets_are_marked() -> None:
    secret = {line.step for line in toy(agreed(19)).lines if line.secret}
    assert secret == {
        "the initiator draws x",
        "the responder draws y",
        "the initiator computes (g^y)^x",
        "the responder computes (g^x)^y",
    }


@pytest.mark.parametrize(
    ("number", "values"),
    [
        (14, ["2048", "ffffffffffffffffc90fdaa22168c234...", "g = 2"]),
        (24, ["2048", "87a8e61db4b6663cffbbd19c65195999...", "3fb32c9b73134d0b2e77506660edbd48..."]),
        (19, ["curve"]),
    ],
)
def test_the_parameters_of_the_real_group(number: int, values: list[str]) -> None:
    parameters = toy(agreed(number)).lines[0].real
    assert [value for value in values if value not in parameters] == []
