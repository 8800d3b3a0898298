"""What each message of the demo is for, in plain words."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LESSONS", "Lesson"]


class Lesson(NamedTuple):
    """One message: what it does, and who could read it."""

    does: str
    secret: str


_CLEAR = "in the clear: anybody on the way can read it"
_PROTECTED = "encrypted with a key that only the two of them can compute"

LESSONS: dict[str, Lesson] = {
    "MM1": Lesson(
        "I can do this: the initiator offers its policies, and a cookie by which to find this conversation", _CLEAR
    ),
    "MM2": Lesson("Let us do that: the responder picks one policy and adds its own cookie", _CLEAR),
    "MM3": Lesson(
        "My half of the key: a Diffie-Hellman public value and a nonce, and hashes of the addresses to find a NAT",
        "in the clear, and harmless: the public values do not give away the key",
    ),
    "MM4": Lesson(
        "My half: now both compute the same secret, mix in the pre-shared key, and derive SKEYID and its three keys",
        "in the clear, and harmless",
    ),
    "MM5": Lesson(
        "This is who I am: the identity, and a hash that only somebody with the pre-shared key can make", _PROTECTED
    ),
    "MM6": Lesson("And this is me: the responder's identity and hash. The ISAKMP SA is established", _PROTECTED),
    "QM1": Lesson(
        "Let us carry traffic: these networks, these ESP algorithms, this SPI, a fresh nonce and a fresh public value",
        _PROTECTED,
    ),
    "QM2": Lesson(
        "Agreed: one proposal, the responder's SPI, nonce and public value. It can receive from here on", _PROTECTED
    ),
    "QM3": Lesson("I saw your answer: a last hash proves that nobody replayed it. ESP may flow", _PROTECTED),
}
