"""The timers of ISAKMP SAs, exchanges, pairs of IPsec SAs and probes: each record returns the times of its timers."""

from __future__ import annotations

from enum import StrEnum


class TimerKind(StrEnum):
    """The kinds of timers; `ikev1.core.machine.timers` has a handler for each."""

    RETRANSMIT = "retransmit"  # retransmit the last message of an exchange, or report a complaint
    GIVE_UP = "give-up"  # abandon an exchange, or delete one that is complete
    EXPIRE_CHILD = "expire-child"
    REKEY_CHILD = "rekey-child"
    PROBE = "probe"
    GIVE_UP_PEER = "give-up-peer"  # it did not answer that it is alive
    CHECK_PEER = "check-peer"  # whether it is alive
    EXPIRE_IKE = "expire-ike"
    REKEY_IKE = "rekey-ike"
    RETIRE_CHILD = "retire-child"  # a pair that has an heir has received for long enough
    RETIRE_IKE = "retire-ike"
    CONFIG = "config"  # mode config is not complete
    END_SESSION = "end-session"  # the time of the user is over
    RESUME = "resume"  # the pairs that ended with an earlier process are negotiated again
    PROCEED = "proceed"  # an exchange that was held back goes on


Timers = tuple[tuple[float, TimerKind], ...]
"""The timers of a record: the time of each, in seconds by the clock of the caller (0.0: never), and its kind."""
