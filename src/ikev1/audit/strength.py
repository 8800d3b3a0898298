"""The number of guesses a secret withstands: estimated by zxcvbn for text, computed for binary secrets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from zxcvbn import zxcvbn
from zxcvbn.time_estimates import estimate_attack_times, guesses_to_score

FEW_GUESSES = 15.0  # powers of ten: one day on one machine
MANY_GUESSES = 20.0  # three hundred years on one machine, days for a nation-state

_LONGEST = 48  # characters: zxcvbn is slow on longer ones, and `MANY_GUESSES` requires fewer
_FAST = "offline_fast_hashing_1e10_per_second"  # HMAC of a known text is such a fast hash
_COMMON_HINTS = ("ipsec", "ike", "ikev1", "vpn", "psk", "secret", "tunnel", "gateway", "cisco", "branch")


class Strength(NamedTuple):
    """The strength of a secret: the zxcvbn score (0 to 4), the guesses as a power of ten, and the time at 10^10 guesses
    per second in words. It does not reveal the secret.
    """

    score: int
    guesses_log10: float
    time: str


def strength_of(secret: bytes, hints: Iterable[str] = ()) -> Strength:
    """The strength of ``secret`` against an attacker who knows ``hints``: names, addresses, identities."""
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        guesses = Decimal(256) ** len(secret) / 2
    else:
        guesses = zxcvbn(text[:_LONGEST], user_inputs=[*_COMMON_HINTS, *hints])["guesses"]
    times = estimate_attack_times(guesses)
    return Strength(guesses_to_score(guesses), math.log10(guesses), times["crack_times_display"][_FAST])
