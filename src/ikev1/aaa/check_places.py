"""The places of a backend: how many users it checks at a time, of them how many from one address and of one name.

Otherwise one peer could take all places, by slow checks or by challenges that it never answers.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ikev1.aaa.lock_out import network_of, user_key
from ikev1.core.records.remote_access import XauthAttempt

_LEAST_OF_ADDRESS, _LEAST_OF_USER = 4, 2


class Place(NamedTuple):
    """A place that is taken, by the network of the peer's address and the user."""

    network: str
    user: bytes


class CheckPlaces:
    """``most`` places: at most a quarter for one address (for IPv6, one /64 network), and an eighth for one user."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of_address = min(most, max(_LEAST_OF_ADDRESS, most // 4))
        self._of_user = min(most, max(_LEAST_OF_USER, most // 8))
        self._networks: Counter[str] = Counter()
        self._users: Counter[bytes] = Counter()

    def take(self, attempt: XauthAttempt) -> Place | str:
        """A place for ``attempt``, which must be given back; if there is none, the reason."""
        place = Place(network_of(attempt.address), user_key(attempt.login))
        if len(self) >= self._most:
            return f"{self._most} users are being checked already"
        if self._networks[place.network] >= self._of_address:
            return f"{self._of_address} users from {attempt.address} are being checked already"
        if self._users[place.user] >= self._of_user:
            return f"the user is being checked {self._of_user} times already"
        self._networks[place.network] += 1
        self._users[place.user] += 1
        return place

    def give_back(self, place: Place) -> None:
        """Free a place."""
        self._networks[place.network] -= 1
        self._users[place.user] -= 1
        self._networks += Counter()  # without those that have no place
        self._users += Counter()

    def __len__(self) -> int:
        """The number of places that are taken."""
        return self._networks.total()
