"""Likely causes of failures in phase 1 and Quick Mode: error notifications are brief, their cause is often known."""

from __future__ import annotations

from ikev1.core.negotiation import ipsec_suite, phase1_proposal
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import QuickMode, Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.methods import ENCRYPTING, SHARED
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.settings import Connection
from ikev1.wire.registry import NotifyType

# Sent by peers that cannot decrypt our message or verify our HASH with their keys
_UNREADABLE_BY_PEER = frozenset(
    {
        NotifyType.PAYLOAD_MALFORMED,
        NotifyType.INVALID_PAYLOAD_TYPE,
        NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
        NotifyType.INVALID_HASH_INFORMATION,
        NotifyType.AUTHENTICATION_FAILED,
    }
)

_REFUSED: dict[int, str] = {
    NotifyType.NO_PROPOSAL_CHOSEN: "compare the algorithms, the group of perfect forward secrecy and the mode with the "
    "peer's configuration for these networks",
    NotifyType.INVALID_ID_INFORMATION: "compare the networks with the peer's configuration; local here is remote there",
}


def of_unreadable(sa: IkeSa, connection: Connection) -> tuple[Code, str]:
    """Diagnose an encrypted message of phase 1 that cannot be decrypted to payloads."""
    if _encrypts(sa):
        return of_wrong_keys(sa, f"{_awaited(sa)} that cannot be decrypted")
    if _signs(sa):
        return (
            Code.MALFORMED,
            f"{sa.path.remote_host} sent {_awaited(sa)} that cannot be decrypted: it was modified in transit, or the "
            "peers computed different keys",
        )
    return (
        Code.PSK_MISMATCH,
        f"{sa.path.remote_host} sent {_awaited(sa)} that cannot be decrypted: the pre-shared keys differ. "
        f"{_compare(connection)}",
    )


def of_changed(sa: IkeSa) -> tuple[Code, str]:
    """Diagnose an encrypted message of phase 1 that begins with a valid payload header, but is malformed after it."""
    return (
        Code.MALFORMED,
        f"{sa.path.remote_host} sent {_awaited(sa)} that is malformed after decryption: it was modified in transit, or "
        "the peer has a bug",
    )


def of_sealed_elsewhere(sa: IkeSa, connection: Connection) -> tuple[Code, str] | None:
    """Diagnose an encrypted Informational that cannot be decrypted while phase 1 waits for a response.

    A peer that cannot verify our authentication reports this under its own keys. Anyone can send such a message, so
    this diagnosis is reported only if phase 1 fails without a better one.
    """
    if not is_proved(sa):
        return None
    if _encrypts(sa) or _signs(sa):
        return of_unreadable(sa, connection)
    return (
        Code.PSK_MISMATCH,
        f"{sa.path.remote_host} responded to our authentication with an error that cannot be decrypted. Unless "
        f"somebody else sent it, the pre-shared keys differ. {_compare(connection)}",
    )


def is_proved(sa: IkeSa) -> bool:
    """Whether we sent something derived from our secret, so that an error of the peer may refer to it."""
    return sa.phase1 is not None and sa.phase1.step >= (2 if sa.phase1.is_aggressive else 5)


def of_refused_quick_mode(quick: QuickMode, connection: Connection, kind: NotifyType) -> str:
    """Describe an error notification received while Quick Mode ``quick``, which we initiated, waits for a response."""
    return (
        f"phase 1 is established, but the peer rejected tunnel {quick.tunnel!r}: {kind.name}. "
        f"{_requested(quick, connection)}; {_REFUSED.get(kind, 'see its log')}"
    )


def of_deleted_instead(quick: QuickMode, connection: Connection, received: ModeConfig | None) -> str:
    """Describe a Delete for the ISAKMP SA received while Quick Mode ``quick``, which we initiated, is unanswered.

    ``received`` is the configuration from the peer, which may name the networks that it accepts.
    """
    named = received.split_include if received is not None and quick.remote.has_all_addresses else ()
    instead = f". The peer has named the networks {', '.join(named)}: request each of them for itself" if named else ""
    return (
        "phase 1 was established, but the peer deleted the ISAKMP SA instead of responding to tunnel "
        f"{quick.tunnel!r}. {_requested(quick, connection)}; it may have rejected that, or was taken down: see its log"
        f"{instead}"
    )


def _requested(quick: QuickMode, connection: Connection) -> str:
    tunnel = connection.tunnel(quick.tunnel)
    proposals = () if tunnel is None else tunnel.proposals
    offered = ", ".join(ipsec_suite.name(proposal.suite, proposal.group) for proposal in proposals)
    return f"Requested: local {quick.local}, remote {quick.remote}, {offered}"


def _signs(sa: IkeSa) -> bool:
    return sa.chosen is not None and sa.chosen.suite.authentication not in SHARED


def _encrypts(sa: IkeSa) -> bool:
    return sa.chosen is not None and sa.chosen.suite.authentication in ENCRYPTING


def _awaited(sa: IkeSa) -> str:
    if sa.role is Role.INITIATOR:
        return "a response to our identity"
    in_the_clear = sa.phase1 is not None and sa.phase1.is_aggressive
    return "a response to our authentication" if in_the_clear else "its identity in a message"


def of_wrong_hash(sa: IkeSa, connection: Connection, claimed: str) -> tuple[Code, str]:
    """Diagnose a wrong HASH in Aggressive Mode with a pre-shared key, which depends on the secret alone."""
    return (
        Code.PSK_MISMATCH,
        f"{claimed} at {sa.path.remote_host} sent a wrong HASH: the pre-shared keys differ. {_compare(connection)}",
    )


def of_wrong_keys(sa: IkeSa, sent: str) -> tuple[Code, str]:
    """Diagnose a message ``sent`` by the peer that does not match the nonces, which public key encryption protected."""
    return (
        Code.AUTHENTICATION_FAILED,
        f"{sa.path.remote_host} sent {sent}: a peer probably encrypts for another key than the one that the other peer "
        "has. Compare the private key of each peer with peer_public_key or peer_certificate of the other",
    )


def of_sealed_notify(sa: IkeSa, kind: NotifyType) -> tuple[Code, str]:
    """Diagnose an error that the peer encrypted with the keys of this phase 1: the secrets match."""
    if _signs(sa) and not _encrypts(sa):
        return _signature_refused(sa, kind)
    return (
        Code.REFUSED_BY_PEER,
        f"{sa.path.remote_host} rejected phase 1: {kind.name}. The keys match, so the secret is not the reason: check "
        "that the peer accepts our identity from this address",
    )


def _signature_refused(sa: IkeSa, kind: NotifyType) -> tuple[Code, str]:
    return (
        Code.REFUSED_BY_PEER,
        f"{sa.path.remote_host} rejected our signature or certificate ({kind.name}): see its log. It probably does not "
        "trust the CA of our certificate, or our identity is not in the certificate or not expected",
    )


def _compare(connection: Connection) -> str:
    """Which secret to compare with the peer's, and why this one was used."""
    anybody = "%any" in connection.remotes
    why = "which accepts any address" if anybody else f"whose remote_address is {', '.join(connection.remotes)}"
    return f"This host used the secret of connection {connection.name!r}, {why}; compare it with the peer's secret"


def of_clear_notify(sa: IkeSa, kind: NotifyType, connection: Connection) -> tuple[Code, str]:
    """Diagnose an unauthenticated error notification received during phase 1."""
    peer = sa.path.remote_host
    proved = is_proved(sa)
    if proved and _encrypts(sa):
        return of_wrong_keys(sa, f"{kind.name}, because it could not decrypt or verify our authentication")
    if proved and _signs(sa):
        return _signature_refused(sa, kind)
    if proved and kind in _UNREADABLE_BY_PEER:
        return (
            Code.PSK_MISMATCH,
            f"{peer} could not decrypt or verify our authentication ({kind.name}): the pre-shared keys differ. "
            f"{_compare(connection)}",
        )
    if kind == NotifyType.NO_PROPOSAL_CHOSEN:
        # those with XAUTH and without have the same name
        offered = ", ".join(dict.fromkeys(phase1_proposal.name(policy.suite) for policy in connection.policies))
        return (
            Code.NO_PROPOSAL_CHOSEN,
            f"{peer} rejected all our proposals ({offered}): compare encryption, hash, Diffie-Hellman group and "
            "authentication method",
        )
    return Code.REFUSED_BY_PEER, f"{peer} rejected phase 1: {kind.name}"
