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
    EXPIRE_IKE = "expire-ike"
    REKEY_IKE = "rekey-ike"
    RETIRE_CHILD = "retire-child"  # a pair that has an heir has received for long enough
    RETIRE_IKE = "retire-ike"
    PROCEED = "proceed"  # an exchange that was held back goes on


Timers = tuple[tuple[float, TimerKind], ...]
"""The timers of one record: when each is due, in seconds since the epoch (0.0: never), and which it is."""
