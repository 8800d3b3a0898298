"""The audit of a capture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ikev1.audit.collect import collected
from ikev1.audit.finding import Audit, Finding, Severity
from ikev1.audit.of_capture import (
    aggressive_mode,
    algorithms,
    certificates,
    group_secrets,
    lifetimes,
    peers,
    randomness,
)
from ikev1.audit.reading import Reading, read
from ikev1.audit.topics import topic
from ikev1.capture.records.report import Report

_RULES: tuple[Callable[[Iterable[Reading]], Iterator[Finding]], ...] = (
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
    """All findings about the conversations of ``report``, with those and the notes that somebody else has on it."""
    readings = read(report)
    found = [finding for rule in _RULES for finding in rule(readings)]
    historic = [_historic(len(readings))] if readings else []
    return Audit(
        source=report.source,
        kind="capture",
        examined=f"{_count(len(readings), 'conversation')} in {_count(report.frames, 'frame')}",
        findings=collected((*more, *found, *historic)),
        notes=(*report.notes, *notes, *_notes(readings)),
    )


def _historic(conversations: int) -> Finding:
    return topic("ikev1").finding(
        Severity.INFO, f"{_count(conversations, 'conversation')} in this capture, all by IKEv1"
    )


def _notes(readings: tuple[Reading, ...]) -> Iterator[str]:
    if not readings:
        yield "there is no ISAKMP conversation in this capture"
        return
    sealed = [reading for reading in readings if _is_sealed(reading)]
    if sealed:
        yield (
            f"in {_count(len(sealed), 'conversation')} of {len(readings)} Quick Mode is encrypted: what protects the "
            "traffic, for how long, and whether with perfect forward secrecy, cannot be known without keys"
        )


def _is_sealed(reading: Reading) -> bool:
    quick = [message for message in reading.conversation.messages if message.exchange == "Quick Mode"]
    return bool(quick) and not any(message.decrypted for message in quick)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s'[: number != 1]}"
