"""Octets that look random and are the same in every run."""

from __future__ import annotations

from hashlib import shake_256


class Randomness:
    """``randomness(n)`` gives n octets that follow from the seed and from the number of octets drawn before.

    For tests only: whoever knows the seed knows every key made of these octets.

    Attributes:
        drawn: how many octets were drawn.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self.drawn = 0

    def __call__(self, octets: int) -> bytes:
        self.drawn += octets
        return shake_256(f"{self._seed} {self.drawn}".encode()).digest(octets)
