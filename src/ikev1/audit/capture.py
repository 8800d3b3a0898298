"""The audit of a capture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ikev1.audit.finding import Audit, Finding, Severity, collected
from ikev1.audit.of_capture import (
    aggressive_mode,
    algorithms,
    certificates,
    group_secrets,
    lifetimes,
    peers,
    randomness,
)
from ikev1.audit.parsed import ParsedConversation, parse_report
from ikev1.audit.topics import topic
from ikev1.capture.records.report import Report

_RULES: tuple[Callable[[Iterable[ParsedConversation]], Iterator[Finding]], ...] = (
    aggressive_mode.guessable,
    aggressive_mode.exposed_identities,
    group_secrets.with_xauth,
    group_secrets.seen_from_several,
    algorithms.chosen_in_phase1,
    algorithms.chosen_in_phase2,
    algorithms.offered_in_phase1,
    lifetimes.phase1_lifetimes,
    lifetimes.phase2_lifetimes,
    lifetimes.forward_secrecy,
    certificates.certificates,
    randomness.repeated,
    peers.dead_peer_detection,
    peers.makers,
)


def audit_capture(report: Report, more: Iterable[Finding] = (), notes: Iterable[str] = ()) -> Audit:
    """Audit the conversations of ``report``. ``more`` findings and ``notes`` of other checks are included."""
    conversations = parse_report(report)
    found = [finding for rule in _RULES for finding in rule(conversations)]
    historic = [_historic(len(conversations))] if conversations else []
    return Audit(
        source=report.source,
        kind="capture",
        examined=f"{_count(len(conversations), 'conversation')} in {_count(report.frames, 'frame')}",
        findings=collected((*more, *found, *historic)),
        notes=(*report.notes, *notes, *_notes(conversations)),
    )


def _historic(conversations: int) -> Finding:
    return topic("ikev1").finding(Severity.INFO, f"the capture contains {_count(conversations, 'IKEv1 conversation')}")


def _notes(conversations: tuple[ParsedConversation, ...]) -> Iterator[str]:
    if not conversations:
        yield "the capture contains no ISAKMP conversation"
        return
    encrypted = [conversation for conversation in conversations if _is_encrypted(conversation)]
    if encrypted:
        yield (
            f"Quick Mode is encrypted in {_count(len(encrypted), 'conversation')} of {len(conversations)}: without "
            "keys, the ESP algorithms, the lifetimes and the use of perfect forward secrecy are unknown"
        )


def _is_encrypted(conversation: ParsedConversation) -> bool:
    quick = [message for message in conversation.report.messages if message.exchange == "Quick Mode"]
    return bool(quick) and not any(message.decrypted for message in quick)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s'[: number != 1]}"
