"""The timers that records name: an SA, an exchange, a pair of IPsec SAs and a probe each say when and which."""

from __future__ import annotations

from enum import StrEnum


class TimerKind(StrEnum):
    """What an SA, an exchange or a probe waits for; `ikev1.core.machine.timers` has a handler for each."""

    RETRANSMIT = "retransmit"  # our last message of an exchange goes out again, or a complaint is reported
    GIVE_UP = "give-up"  # an exchange is abandoned, or no longer worth remembering
    EXPIRE_CHILD = "expire-child"
    REKEY_CHILD = "rekey-child"
    PROBE = "probe"
    GIVE_UP_PEER = "give-up-peer"  # it did not answer that it is alive
    CHECK_PEER = "check-peer"  # whether it is alive
    EXPIRE_IKE = "expire-ike"
    REKEY_IKE = "rekey-ike"


Timers = tuple[tuple[float, TimerKind], ...]
"""The timers of one record: when each is due, in seconds since the epoch (0.0: never), and which it is."""
