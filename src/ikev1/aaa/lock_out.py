"""Delays after failed logins, which slow down password guessing without locking the user out.

Failed attempts are counted in three tables. Each allows some attempts without delay; then the delay doubles each time:

- per user and address: few free attempts and long delays, because the attempts are not the user's, or the user has
  forgotten the password;
- per address, for all users that have never logged in from it: against one password that is tried with many names;
- per user, for all addresses from which the user has never logged in: against guessing from many addresses. The delays
  are short, because the user may be at a new address as well.

So an attacker elsewhere cannot lock a user out of an address that the user has logged in from, and can only delay the
user at a new address. Nor can one behind the same NAT, except by the user's own name. An attempt during a delay is
refused without a check, and does not prolong the delay.

An attempt counts as failed until it has succeeded; otherwise simultaneous attempts would be free.
Memory is bounded: the least recently used entries are forgotten first.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Hashable
from ipaddress import IPv6Address, ip_address
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)

_MOST = 10_000  # entries in each table
_KNOWN_FOR = 30 * 86_400.0  # seconds after the last login from an address


class Allowance(NamedTuple):
    """The number of attempts without delay, the first and the longest delay in seconds, and the number of seconds
    without an attempt after which the entry is forgotten.
    """

    free: int
    first: float
    longest: float
    forget: float = 3600.0


OF_USER_AT_ADDRESS = Allowance(3, 2.0, 900.0)
OF_ADDRESS = Allowance(20, 2.0, 900.0)
OF_USER_ELSEWHERE = Allowance(20, 1.0, 60.0)


class _Entry(NamedTuple):
    failures: int
    until: float
    last: float


class _Table(Generic[Key]):
    """Failed attempts by key."""

    def __init__(self, allowance: Allowance, most: int) -> None:
        self._allowance = allowance
        self._most = most
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def wait(self, key: Key, now: float) -> float:
        """The seconds until the next attempt is allowed."""
        entry = self._entries.get(key)
        return 0.0 if entry is None else max(0.0, entry.until - now)

    def charge(self, key: Key, now: float) -> None:
        """Count an attempt as failed."""
        allowance, entry = self._allowance, self._entries.pop(key, None)
        fresh = entry is None or now - max(entry.last, entry.until) > allowance.forget
        failures = 1 if entry is None or fresh else entry.failures + 1
        over = failures - allowance.free
        wait = min(allowance.first * 2.0 ** min(over - 1, 60), allowance.longest) if over > 0 else 0.0
        self._entries[key] = _Entry(failures, now + wait, now)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def refund(self, key: Key) -> None:
        """Undo one `charge`: the attempt did not fail."""
        entry = self._entries.get(key)
        if entry is None:
            return
        if entry.failures <= 1:
            del self._entries[key]
        else:
            self._entries[key] = _Entry(entry.failures - 1, 0.0, entry.last)

    def clear(self, key: Key) -> None:
        self._entries.pop(key, None)


class LockOut:
    """Counts attempts; ``clock`` gives monotonic seconds. Each table has at most ``most`` entries."""

    def __init__(self, clock: Callable[[], float], most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._pairs: _Table[tuple[bytes, str]] = _Table(OF_USER_AT_ADDRESS, most)
        self._addresses: _Table[str] = _Table(OF_ADDRESS, most)
        self._elsewhere: _Table[bytes] = _Table(OF_USER_ELSEWHERE, most)
        self._known: OrderedDict[tuple[bytes, str], float] = OrderedDict()

    def begin(self, user: str, address: str) -> float:
        """Begin an attempt, which counts as failed for now. Return 0 if it may be checked, else the seconds to wait."""
        now, name, network = self._clock(), user_key(user), network_of(address)
        pair = name, network
        is_known = self._is_known(pair, now)
        waits = [self._pairs.wait(pair, now)]
        if not is_known:
            waits += self._addresses.wait(network, now), self._elsewhere.wait(name, now)
        if (longest := max(waits)) > 0:
            return longest
        self._pairs.charge(pair, now)
        if not is_known:
            self._addresses.charge(network, now)
            self._elsewhere.charge(name, now)
        return 0.0

    def succeeded(self, user: str, address: str) -> None:
        """The attempt was accepted: the address is now known as the user's."""
        self.not_counted(user, address)
        now, pair = self._clock(), (user_key(user), network_of(address))
        self._pairs.clear(pair)
        self._known[pair] = now
        self._known.move_to_end(pair)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def not_counted(self, user: str, address: str) -> None:
        """The attempt was not checked, or continues with a challenge: it does not count as failed."""
        now, name, network = self._clock(), user_key(user), network_of(address)
        pair = name, network
        self._pairs.refund(pair)
        if not self._is_known(pair, now):
            self._addresses.refund(network)
            self._elsewhere.refund(name)

    def __len__(self) -> int:
        """The number of entries in all tables."""
        return len(self._pairs) + len(self._addresses) + len(self._elsewhere) + len(self._known)

    def _is_known(self, pair: tuple[bytes, str], now: float) -> bool:
        at = self._known.get(pair)
        return at is not None and now - at < _KNOWN_FOR


def network_of(address: str) -> str:
    """The key of an address: an IPv4 address itself; the /64 of an IPv6 address, which one host may use as a whole."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return parsed.packed[:8].hex()
    return str(parsed)


def user_key(user: str) -> bytes:
    """A key of constant size. The name itself is not kept: users sometimes enter their password instead.

    Directories accept several spellings of the name of one user (RFC 4518 §2): they have one key, whatever the backend.
    """
    name = " ".join(unicodedata.normalize("NFKC", user).casefold().split())
    return hashlib.blake2s(name.encode(errors="surrogatepass"), digest_size=16).digest()
