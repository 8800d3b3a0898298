"""How strong secrets are."""

from __future__ import annotations

import secrets

import pytest

from ikev1.audit.strength import FEW_GUESSES, MANY_GUESSES, strength_of


@pytest.mark.parametrize("secret", [b"secret", b"Summer2024!", b"cisco123", b"qwertyuiop", b"\x01\x02\x03"])
def test_what_falls_in_a_day(secret: bytes) -> None:
    assert strength_of(secret).guesses_log10 < FEW_GUESSES


@pytest.mark.parametrize("octets", [20, 24, 32, 54, 200])
def test_random_text_withstands(octets: int) -> None:
    strength = strength_of(secrets.token_urlsafe(octets).encode())
    assert strength.guesses_log10 > MANY_GUESSES
    assert (strength.score, strength.time) == (4, "centuries")


def test_random_octets_withstand() -> None:
    secret = b"\xff" + secrets.token_bytes(15)
    assert strength_of(secret).guesses_log10 == pytest.approx(16 * 2.408 - 0.3, abs=0.1)


def test_what_an_attacker_knows_helps() -> None:
    assert strength_of(b"zurichfiliale", ["zurichfiliale"]).guesses_log10 < strength_of(b"zurichfiliale").guesses_log10
