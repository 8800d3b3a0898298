"""What callers may cost who have shown nothing yet, not even that they receive what is sent to their address.

Main Mode answers at most `ANSWER_RATIO` octets for each octet that came. Aggressive Mode cannot: its message 2 carries
a proof, often certificates, and takes a Diffie-Hellman exchange and a signature before anybody proved anything. So its
answers have a budget that all strangers share. First messages of Main Mode have one, too, where they were never seen
before: what was answered or refused before is found by its octets and costs a look-up.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2s
from typing import NamedTuple

from ikev1.core.records.events import Code

ANSWER_RATIO = 1.2  # octets out per octet in, at most
FIRST_MESSAGES = 500  # of Main Mode, never seen before, that are thought about in a second
AGGRESSIVE_ANSWERS = 100  # first messages of Aggressive Mode that are thought about in a second
AGGRESSIVE_OCTETS = 262_144  # of answers to them in a second, repetitions included

_REMEMBERED = 4096  # refusals
_LONGEST_TEXT = 500  # characters of what is kept of a refusal
_SAID = 1.0  # seconds between two reports that a budget is spent


def is_proportionate(reply: int, received: int) -> bool:
    """Whether a reply of so many octets may go to somebody who has shown nothing but a message of ``received``."""
    return reply <= ANSWER_RATIO * received


class Budget:
    """So much in a second, and no more than a second's worth at once."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._left = float(per_second)
        self._at = 0.0

    def is_open(self, now: float) -> bool:
        """Whether something is left; what is spent then may exceed it, and is owed."""
        self._left = min(self.per_second, self._left + max(0.0, now - self._at) * self.per_second)
        self._at = now
        return self._left >= 1.0

    def spend(self, amount: float) -> None:
        """Takes ``amount`` out of what is left."""
        self._left -= amount

    def dump(self) -> tuple[float, float]:
        """What is left, and when that was."""
        return self._left, self._at

    def restore(self, dumped: tuple[float, float]) -> None:
        """Goes on from what `dump` gave."""
        self._left, self._at = dumped


class AdmissionControl:
    """The budgets that all callers share who have shown nothing yet."""

    def __init__(self) -> None:
        self._first_messages = Budget(FIRST_MESSAGES)
        self._aggressive = Budget(AGGRESSIVE_ANSWERS)
        self._aggressive_octets = Budget(AGGRESSIVE_OCTETS)
        self._turned_away = 0
        self._said_at = 0.0

    def may_call(self, now: float) -> bool:
        """Whether time is left for a first message of Main Mode that was never seen before."""
        return self._first_messages.is_open(now)

    def called(self) -> None:
        """One was thought about."""
        self._first_messages.spend(1)

    def may_call_aggressively(self, now: float) -> bool:
        """Whether time and octets are left for a first message of Aggressive Mode."""
        return self._aggressive.is_open(now) and self._aggressive_octets.is_open(now)

    def called_aggressively(self) -> None:
        """One was thought about; what it got for an answer is told by `sent`."""
        self._aggressive.spend(1)

    def may_ask_again(self, now: float) -> bool:
        """Whether octets are left to repeat an answer of Aggressive Mode."""
        return self._aggressive_octets.is_open(now)

    def sent(self, octets: int) -> None:
        """So much went to strangers in Aggressive Mode."""
        self._aggressive_octets.spend(octets)

    def turn_away(self, now: float) -> int:
        """Counts a message that no budget was left for; how many there were, where it is time to say so, else 0."""
        self._turned_away += 1
        if abs(now - self._said_at) < _SAID:
            return 0
        self._said_at = now
        count, self._turned_away = self._turned_away, 0
        return count

    def dump(self) -> tuple[tuple[float, float], ...]:
        """What is left of each budget."""
        return tuple(budget.dump() for budget in self._budgets())

    def restore(self, dumped: tuple[tuple[float, float], ...]) -> None:
        """Goes on from what `dump` gave."""
        for budget, left in zip(self._budgets(), dumped, strict=True):
            budget.restore(left)

    def _budgets(self) -> tuple[Budget, Budget, Budget]:
        return self._first_messages, self._aggressive, self._aggressive_octets


class RefusedFirstMessage(NamedTuple):
    """Why a first message was refused, and the notify that says so, if any."""

    code: Code
    text: str
    notify: int | None


class RefusalCache:
    """First messages that were refused, by a digest of their octets: the same again is refused by a look-up.

    The digest is keyed, so that nobody can prepare two messages of which one is refused for the other's sake.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._kept: OrderedDict[bytes, RefusedFirstMessage] = OrderedDict()

    def mark(self, generation: int, names: tuple[str, ...], octets: bytes) -> bytes:
        """What a first message is remembered by: the settings' generation, the connections in question, its octets."""
        digest = blake2s(repr((generation, names)).encode(), digest_size=16, key=self._secret)
        digest.update(octets)
        return digest.digest()

    def recall(self, mark: bytes) -> RefusedFirstMessage | None:
        """Why it was refused, if it is remembered."""
        return self._kept.get(mark)

    def keep(self, mark: bytes, refused: RefusedFirstMessage) -> None:
        """Remembers a refusal, in place of the oldest when there is no room."""
        if len(self._kept) >= _REMEMBERED:
            self._kept.popitem(last=False)
        self._kept[mark] = refused._replace(text=refused.text[:_LONGEST_TEXT])

    def __len__(self) -> int:
        return len(self._kept)
