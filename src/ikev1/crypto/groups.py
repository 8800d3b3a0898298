"""Diffie-Hellman groups by their number (phase 1 attribute 4, phase 2 attribute 3), all behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Protocol

from ikev1.crypto import ecp, modp, montgomery
from ikev1.crypto.algorithms import Supported
from ikev1.crypto.errors import InvalidPublicValue as InvalidPublicValue
from ikev1.wire.registry import Group

_MAKERS: Supported[Callable[[int], DhGroup]] = Supported(
    Group,
    {
        **dict.fromkeys(modp.NUMBERS, modp.ModpGroup),
        **dict.fromkeys(ecp.NUMBERS, ecp.EcpGroup),
        **dict.fromkeys(montgomery.NUMBERS, montgomery.MontgomeryGroup),
    },
)

NUMBERS = frozenset(_MAKERS)
"""The groups that `group` knows."""


class DhGroup(Protocol):
    """One group. Private values, public values and shared secrets are octets, so that they can be stored and sent."""

    @property
    def number(self) -> int:
        """The Group Description."""

    @property
    def name(self) -> str:
        """The group in strongSwan's notation, such as ``modp2048``."""

    @property
    def public_length(self) -> int:
        """The length of a public value in octets: that of the data of a KE payload."""

    def generate(self, random: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        """A new pair of a private and a public value; ``random(n)`` gives n unpredictable octets."""

    def public(self, private: bytes) -> bytes:
        """The public value to a private one.

        Raises:
            ValueError: the private value is none of this group.
        """

    def shared(self, private: bytes, peer_public: bytes) -> bytes:
        """g^xy, at its full length.

        Raises:
            InvalidPublicValue: the peer's value has the wrong length or is no usable element of the group.
        """

    def respond(self, random: Callable[[int], bytes], peer_public: bytes) -> tuple[bytes, bytes]:
        """A new public value and g^xy, for a responder: it has the peer's value at hand, and keeps no private one.

        Raises:
            InvalidPublicValue: as `shared` does.
        """


@cache
def group(number: int) -> DhGroup:
    """The group of this number, made when it is first asked for.

    Raises:
        UnsupportedAlgorithm: the number names no group known here.
    """
    return _MAKERS[number](number)
