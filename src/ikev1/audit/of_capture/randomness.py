"""Random values that were repeated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.reading import Reading, Seen
from ikev1.audit.topics import topic
from ikev1.wire.payloads import KeyExchange, Nonce

_VALUES = (("nonce", Severity.HIGH), ("public Diffie-Hellman value", Severity.MEDIUM))


def repeated(readings: Iterable[Reading]) -> Iterator[Finding]:
    """Nonces and public values that appear in more than one exchange."""
    first: dict[bytes, tuple[Reading, Seen]] = {}
    for reading in readings:
        for seen in reading.messages:
            values = (seen.first(Nonce), seen.first(KeyExchange))
            for payload, (name, severity) in zip(values, _VALUES, strict=True):
                if payload is None:
                    continue
                earlier, before = first.setdefault(payload.data, (reading, seen))
                if _is_one_message(earlier, before, reading, seen):
                    continue
                yield topic("repeated-randomness").finding(
                    severity,
                    f"{seen.reported.source.rpartition('[')[0]} sent a {name} for the second time",
                    before.evidence(f"{name}, first use"),
                    seen.evidence(f"{name}, second use", payload),
                    conversation=reading.conversation.number,
                )


def _is_one_message(earlier: Reading, before: Seen, reading: Reading, seen: Seen) -> bool:
    """Whether both are the same first message, which is part of a conversation for each of its responses."""
    return (earlier.conversation.initiator_cookie, before.reported.label, before.reported.message_id) == (
        reading.conversation.initiator_cookie,
        seen.reported.label,
        seen.reported.message_id,
    )
