"""How many guesses a secret withstands: zxcvbn's estimate for text, arithmetic for octets that are none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from zxcvbn import zxcvbn
from zxcvbn.time_estimates import estimate_attack_times, guesses_to_score

FEW_GUESSES = 15.0  # powers of ten: a day for one machine
MANY_GUESSES = 20.0  # three hundred years for one machine, days for a state

_LONGEST = 48  # characters: zxcvbn takes seconds for many more, and `MANY_GUESSES` need fewer
_FAST = "offline_fast_hashing_1e10_per_second"  # HMAC of a known text is such a fast hash
_COMMON_HINTS = ("ipsec", "ike", "ikev1", "vpn", "psk", "secret", "tunnel", "gateway", "cisco", "branch")


class Strength(NamedTuple):
    """How strong a secret is: the score of zxcvbn (0 to 4), the guesses as a power of ten, and how long ten thousand
    million guesses a second take to find it. Nothing in it tells what the secret is.
    """

    score: int
    guesses_log10: float
    time: str


def strength_of(secret: bytes, hints: Iterable[str] = ()) -> Strength:
    """The strength of ``secret`` against somebody who knows the words ``hints``: names, addresses, identities."""
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        guesses = Decimal(256) ** len(secret) / 2
    else:
        guesses = zxcvbn(text[:_LONGEST], user_inputs=[*_COMMON_HINTS, *hints])["guesses"]
    times = estimate_attack_times(guesses)
    return Strength(guesses_to_score(guesses), math.log10(guesses), times["crack_times_display"][_FAST])
