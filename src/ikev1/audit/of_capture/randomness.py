"""Random values that were repeated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.parsed import ParsedConversation, ParsedMessage
from ikev1.audit.topics import topic
from ikev1.wire.payloads import KeyExchange, Nonce

_VALUES = (("nonce", Severity.HIGH), ("public Diffie-Hellman value", Severity.MEDIUM))


def repeated(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """Nonces and public values that appear in more than one exchange."""
    first: dict[bytes, tuple[ParsedConversation, ParsedMessage]] = {}
    for conversation in conversations:
        for message in conversation.messages:
            values = (message.first(Nonce), message.first(KeyExchange))
            for payload, (name, severity) in zip(values, _VALUES, strict=True):
                if payload is None:
                    continue
                earlier, before = first.setdefault(payload.data, (conversation, message))
                if _is_one_message(earlier, before, conversation, message):
                    continue
                yield topic("repeated-randomness").finding(
                    severity,
                    f"{message.report.source.rpartition('[')[0]} sent a {name} for the second time",
                    before.evidence(f"{name}, first use"),
                    message.evidence(f"{name}, second use", payload),
                    conversation=conversation.report.number,
                )


def _is_one_message(
    earlier: ParsedConversation, before: ParsedMessage, conversation: ParsedConversation, message: ParsedMessage
) -> bool:
    """Whether both are the same first message, which is part of a conversation for each of its responses."""
    return (earlier.report.initiator_cookie, before.report.label, before.report.message_id) == (
        conversation.report.initiator_cookie,
        message.report.label,
        message.report.message_id,
    )
