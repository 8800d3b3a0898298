"""Pre-shared keys: their strength, and how many peers share them. No finding reveals a key."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.of_configuration.subject import Subject, key_of, shares_secret
from ikev1.audit.strength import FEW_GUESSES, MANY_GUESSES, Strength, strength_of
from ikev1.audit.topics import topic
from ikev1.core.peer.connection_lookup import is_host_name
from ikev1.core.records.settings import Connection

_ANY = "%any"


def weak(subject: Subject) -> Iterator[Finding]:
    """Pre-shared keys that can be guessed."""
    for connection in _with_secret(subject):
        found = strength(connection)
        if found.guesses_log10 >= MANY_GUESSES:
            continue
        yield topic("weak-secret").finding(
            Severity.HIGH if found.guesses_log10 < FEW_GUESSES else Severity.MEDIUM,
            f"the pre-shared key of connection {connection.name} withstands about 10^{found.guesses_log10:.0f} "
            f"guesses: {found.time} at 10^10 guesses per second (zxcvbn score {found.score} of 4)",
            subject.evidence(_secret_key(subject, connection)),
        )


def reused(subject: Subject) -> Iterator[Finding]:
    """Pre-shared keys used by several connections."""
    owners: dict[bytes, list[Connection]] = {}
    for connection in _with_secret(subject):
        owners.setdefault(connection.secret, []).append(connection)
    for connections in owners.values():
        if len(connections) > 1:
            yield topic("reused-secret").finding(
                Severity.MEDIUM,
                f"the connections {', '.join(connection.name for connection in connections)} share one pre-shared key",
                *(subject.evidence(_secret_key(subject, connection)) for connection in connections),
            )


def for_many(subject: Subject) -> Iterator[Finding]:
    """Pre-shared keys for a range of addresses, whose peers share the key: Main Mode selects it by address."""
    for connection in _with_secret(subject):
        addresses = ", ".join(connection.remotes)
        if any(map(_holds_many, connection.remotes)):
            yield topic("group-secret").finding(
                Severity.MEDIUM,
                f"connection {connection.name} uses one pre-shared key for all peers at {addresses}",
                subject.evidence(f"{key_of(connection)}.remote_address", addresses),
                subject.evidence(_secret_key(subject, connection)),
            )


def _with_secret(subject: Subject) -> Iterator[Connection]:
    return (connection for connection in subject.settings.connections if shares_secret(connection))


def _holds_many(address: str) -> bool:
    return not is_host_name(address) and (address == _ANY or ip_network(address.partition("%")[0]).num_addresses > 1)


def _secret_key(subject: Subject, connection: Connection) -> str:
    written = subject.written.get("connection", {}).get(connection.name, {})
    return f"{key_of(connection)}.{'secret_file' if 'secret_file' in written else 'secret'}"


def strength(connection: Connection) -> Strength:
    """The strength of the pre-shared key against an attacker who knows the names and addresses of the connection."""
    known = (connection.name, connection.local_id, connection.remote_id, *connection.remotes)
    return strength_of(connection.secret, (word for word in known if word and word != _ANY))
