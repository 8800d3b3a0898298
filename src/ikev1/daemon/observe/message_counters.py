"""Counters of messages and events with the names of strongSwan's get-counters.

| strongSwan      | in IKEv1                                                              |
|-----------------|-----------------------------------------------------------------------|
| ``ike-init``    | messages 1 and 2 of Main Mode and Aggressive Mode                     |
| ``ike-auth``    | the other messages of these, XAUTH and mode config (Transaction)      |
| ``create-child``| Quick Mode                                                            |
| ``info``        | Informational, which has no responses                                 |
| ``invalid``     | messages that are malformed or of another version                     |
| ``invalid-spi`` | messages whose cookies belong to no SA                                |
| ``ike-rekey``   | ISAKMP SAs that replaced another one                                  |

Messages with odd numbers are requests. Repeated messages are not counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from ikev1.core.records.events import Code, Event, Failure, IkeUp, Note
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa

_KINDS = ("ike-init", "ike-auth", "create-child", "info")
_EXCHANGES = {"CFG": "ike-auth", "QM": "create-child", "NG": "create-child", "INFO": "info"}
_INVALID = {Code.MALFORMED: "invalid", Code.WRONG_VERSION: "invalid", Code.UNKNOWN_SA: "invalid-spi"}

# In the order of charon; ``child-rekey`` is one of `EventCounters`
NAMES = (
    *("ike-rekey-init", "ike-rekey-resp", "child-rekey", "invalid", "invalid-spi"),
    *(f"{kind}-{way}-{role}" for kind in _KINDS for way in ("in", "out") for role in ("req", "resp")),
)


class MessageCounters:
    """Counts since the daemon started, or since a reset."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()
        self.by_connection: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def message(self, sa: IkeSa | None, label: str, sent: bool) -> None:
        """Count a message of ``sa``; None stands for message 1 of a peer without an SA, and our response to it."""
        if sa is None:
            self.total["ike-init-in-req"] += 1
            self.total["ike-init-out-resp"] += 1
        elif sa.unique_id:  # without a number, it only tries what to respond
            self._count(_name(label, sent), sa)

    def observe(self, event: Event) -> None:
        """Count ``event``, if it has one of the names."""
        if isinstance(event, (Failure, Note)):
            if event.code in _INVALID:
                self._count(_INVALID[event.code], event.sa)
        elif isinstance(event, IkeUp) and event.sa.replaces:
            self._count("ike-rekey-init" if event.sa.role is Role.INITIATOR else "ike-rekey-resp", event.sa)

    def _count(self, name: str, sa: IkeSa | None) -> None:
        self.total[name] += 1
        if sa is not None and sa.connection:
            self.by_connection[sa.connection][name] += 1

    def reset(self, connection: str | None = None) -> None:
        """Reset the counters of one connection or, without a name, all counters."""
        if connection is None:
            self.total.clear()
            self.by_connection.clear()
        else:
            self.by_connection.pop(connection, None)


def _name(label: str, sent: bool) -> str:
    exchange = label.rstrip("0123456789")
    number = int(label[len(exchange) :] or 1)
    kind = _EXCHANGES.get(exchange) or ("ike-init" if number <= 2 else "ike-auth")
    return f"{kind}-{'out' if sent else 'in'}-{'req' if number % 2 else 'resp'}"
