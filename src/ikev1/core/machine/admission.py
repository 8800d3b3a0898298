"""Limits on the work and traffic spent on unauthenticated peers, whose source address may be forged.

Main Mode sends at most `ANSWER_RATIO` octets for each octet received. Aggressive Mode cannot: message 2 carries a proof
and often certificates, and requires a Diffie-Hellman exchange and a signature before the peer has proved anything. All
unauthenticated peers therefore share one budget for Aggressive Mode answers. New first messages of Main Mode have a
shared budget as well; a first message that was answered or refused before is recognized by its octets and costs one
look-up.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2s
from typing import NamedTuple

from ikev1.core.records.events import Code

ANSWER_RATIO = 1.2  # maximum octets sent per octet received
FIRST_MESSAGES = 500  # new first messages of Main Mode processed per second
AGGRESSIVE_ANSWERS = 100  # first messages of Aggressive Mode processed per second
AGGRESSIVE_OCTETS = 262_144  # octets of Aggressive Mode answers per second, including retransmissions

_REMEMBERED = 4096  # refusals in the cache
_LONGEST_TEXT = 500  # characters stored of the text of a refusal
_SAID = 1.0  # seconds between two reports of an exhausted budget


def is_proportionate(reply: int, received: int) -> bool:
    """Return whether a reply of ``reply`` octets to an unauthenticated message of ``received`` octets is allowed."""
    return reply <= ANSWER_RATIO * received


class Budget:
    """A token bucket: ``per_second`` tokens are added each second, and the bucket holds one second's worth."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._left = float(per_second)
        self._at = 0.0

    def is_open(self, now: float) -> bool:
        """Return whether a token is left. The next `spend` may exceed what is left; the deficit is carried over."""
        self._left = min(self.per_second, self._left + max(0.0, now - self._at) * self.per_second)
        self._at = now
        return self._left >= 1.0

    def spend(self, amount: float) -> None:
        """Subtract ``amount`` from the remaining budget."""
        self._left -= amount

    def dump(self) -> tuple[float, float]:
        """Return the remaining budget and the time at which it was computed."""
        return self._left, self._at

    def restore(self, dumped: tuple[float, float]) -> None:
        """Restore the state that `dump` returned."""
        self._left, self._at = dumped


class AdmissionControl:
    """Budgets shared by all unauthenticated peers."""

    def __init__(self) -> None:
        self._first_messages = Budget(FIRST_MESSAGES)
        self._aggressive = Budget(AGGRESSIVE_ANSWERS)
        self._aggressive_octets = Budget(AGGRESSIVE_OCTETS)
        self._turned_away = 0
        self._said_at = 0.0

    def may_call(self, now: float) -> bool:
        """Return whether the budget allows processing of a new first message of Main Mode."""
        return self._first_messages.is_open(now)

    def called(self) -> None:
        """Count one processed first message of Main Mode."""
        self._first_messages.spend(1)

    def may_call_aggressively(self, now: float) -> bool:
        """Return whether the message and octet budgets allow processing of a first message of Aggressive Mode."""
        return self._aggressive.is_open(now) and self._aggressive_octets.is_open(now)

    def called_aggressively(self) -> None:
        """Count one processed first message of Aggressive Mode; `sent` counts the octets of its answer."""
        self._aggressive.spend(1)

    def may_ask_again(self, now: float) -> bool:
        """Return whether the octet budget allows retransmission of an Aggressive Mode answer."""
        return self._aggressive_octets.is_open(now)

    def sent(self, octets: int) -> None:
        """Count octets sent to unauthenticated peers in Aggressive Mode."""
        self._aggressive_octets.spend(octets)

    def turn_away(self, now: float) -> int:
        """Count a message dropped because its budget is exhausted.

        Returns:
            The number of messages dropped since the last report if a new report is due, else 0.
        """
        self._turned_away += 1
        if abs(now - self._said_at) < _SAID:
            return 0
        self._said_at = now
        count, self._turned_away = self._turned_away, 0
        return count

    def dump(self) -> tuple[tuple[float, float], ...]:
        """Return the state of each budget."""
        return tuple(budget.dump() for budget in self._budgets())

    def restore(self, dumped: tuple[tuple[float, float], ...]) -> None:
        """Restore the state that `dump` returned."""
        for budget, left in zip(self._budgets(), dumped, strict=True):
            budget.restore(left)

    def _budgets(self) -> tuple[Budget, Budget, Budget]:
        return self._first_messages, self._aggressive, self._aggressive_octets


class RefusedFirstMessage(NamedTuple):
    """The reason why a first message was refused, and the type of the notify to send, if any."""

    code: Code
    text: str
    notify: int | None


class RefusalCache:
    """Cache of refused first messages, keyed by a digest of their octets; a repeated message costs one look-up.

    The digest uses a secret key, so that an attacker cannot construct two messages with the same digest to have one
    refused because of the other.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._kept: OrderedDict[bytes, RefusedFirstMessage] = OrderedDict()

    def mark(self, generation: int, names: tuple[str, ...], octets: bytes) -> bytes:
        """Return the cache key of a first message: a digest of the settings generation, candidate names and octets."""
        digest = blake2s(repr((generation, names)).encode(), digest_size=16, key=self._secret)
        digest.update(octets)
        return digest.digest()

    def recall(self, mark: bytes) -> RefusedFirstMessage | None:
        """Return the cached refusal, or None."""
        return self._kept.get(mark)

    def keep(self, mark: bytes, refused: RefusedFirstMessage) -> None:
        """Store a refusal; evict the oldest entry if the cache is full."""
        if len(self._kept) >= _REMEMBERED:
            self._kept.popitem(last=False)
        self._kept[mark] = refused._replace(text=refused.text[:_LONGEST_TEXT])

    def __len__(self) -> int:
        return len(self._kept)
