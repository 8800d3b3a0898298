"""Aggressive Mode, as initiator or responder."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.of_configuration.secrets import strength
from ikev1.audit.of_configuration.subject import Subject, key_of, shares_secret
from ikev1.audit.strength import MANY_GUESSES
from ikev1.audit.topics import topic
from ikev1.core.records.settings import Aggressive, Mode


def guessable(subject: Subject) -> Iterator[Finding]:
    """Connections whose pre-shared key can be guessed offline."""
    for connection in subject.settings.connections:
        if not shares_secret(connection):
            continue
        key = key_of(connection)
        withstands = strength(connection).guesses_log10 >= MANY_GUESSES
        severity = Severity.MEDIUM if withstands else Severity.HIGH
        verdict = "; this key is strong enough" if withstands else ""
        if connection.mode is Mode.AGGRESSIVE:
            yield topic("aggressive-psk").finding(
                severity,
                f"connection {connection.name} initiates Aggressive Mode: the response contains a hash of the "
                f"pre-shared key in the clear{verdict}",
                subject.evidence(f"{key}.mode", connection.mode.value),
            )
        if connection.aggressive is Aggressive.ACCEPT_PSK:
            yield topic("aggressive-psk").finding(
                severity,
                f"connection {connection.name} accepts Aggressive Mode, and sends a hash of the pre-shared key to "
                f"initiators that are not yet authenticated{verdict}",
                subject.evidence(f"{key}.aggressive", connection.aggressive.value),
            )


def exposed_identities(subject: Subject) -> Iterator[Finding]:
    """Connections that send their identity in the clear."""
    for connection in subject.settings.connections:
        if connection.mode is Mode.AGGRESSIVE:
            who = connection.local_id or "its address"
            yield topic("identities-exposed").finding(
                Severity.MEDIUM if connection.local_id else Severity.INFO,
                f"connection {connection.name} initiates Aggressive Mode and sends its identity, {who}, in the clear",
                subject.evidence(f"{key_of(connection)}.mode", connection.mode.value),
            )
