"""Why phase 1 failed, in plain words: what peers say when they fail is brief, and what they mean is often known."""

from __future__ import annotations

from ikev1.core.events import Code
from ikev1.core.methods import ENCRYPTING
from ikev1.core.model import IkeSa, Role
from ikev1.core.settings import Connection
from ikev1.wire.registry import AuthenticationMethod, NotifyType

__all__ = ["of_clear_notify", "of_sealed_notify", "of_unreadable", "of_wrong_hash", "of_wrong_keys"]

_PROVED = {"MM": 5, "AM": 2}  # the step from which on the peer has seen what our secret makes

# What peers send whose key does not open our message, or does not give our HASH
_UNREADABLE_TO_THEM = frozenset(
    {
        NotifyType.PAYLOAD_MALFORMED,
        NotifyType.INVALID_PAYLOAD_TYPE,
        NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
        NotifyType.INVALID_HASH_INFORMATION,
        NotifyType.AUTHENTICATION_FAILED,
    }
)


def of_unreadable(sa: IkeSa, connection: Connection) -> tuple[Code, str]:
    """What it means that an encrypted message of phase 1 does not open to payloads."""
    if _encrypts(sa):
        return of_wrong_keys(sa, f"{_awaited(sa)}, but it does not decrypt")
    if _signs(sa):
        return (
            Code.MALFORMED,
            f"{sa.path.remote_host} sent {_awaited(sa)}, but it does not decrypt: it was changed on its way, or one "
            "end computes other keys",
        )
    return (
        Code.PSK_MISMATCH,
        f"{sa.path.remote_host} sent {_awaited(sa)}, but it does not decrypt: the pre-shared keys differ. Here the "
        f"secret of connection {connection.name!r} was used, {_why(connection)}; compare it with the peer's",
    )


def _signs(sa: IkeSa) -> bool:
    return sa.chosen is not None and sa.chosen.suite.authentication != AuthenticationMethod.PRE_SHARED_KEY


def _encrypts(sa: IkeSa) -> bool:
    return sa.chosen is not None and sa.chosen.suite.authentication in ENCRYPTING


def _awaited(sa: IkeSa) -> str:
    if sa.role is Role.INITIATOR:
        return "an answer to our identity"
    in_the_clear = sa.phase1 is not None and sa.phase1.script == "AM"
    return "an answer to our proof" if in_the_clear else "its identity"


def of_wrong_hash(sa: IkeSa, connection: Connection, claimed: str) -> tuple[Code, str]:
    """What it means that the HASH of Aggressive Mode is wrong, which nothing but the secret protects."""
    return (
        Code.PSK_MISMATCH,
        f"{claimed} at {sa.path.remote_host} sent a HASH that our secret does not give: the pre-shared keys differ. "
        f"Here the secret of connection {connection.name!r} was used, {_why(connection)}; compare it with the peer's",
    )


def of_wrong_keys(sa: IkeSa, sent: str) -> tuple[Code, str]:
    """What it means that the peer ``sent`` what our nonces do not give, although each of them was encrypted."""
    return (
        Code.AUTHENTICATION_FAILED,
        f"{sa.path.remote_host} sent {sent}: most often one end encrypts for another key than the other has. Compare "
        "the private key of each end with peer_public_key or peer_certificate of the other",
    )


def of_sealed_notify(sa: IkeSa, kind: NotifyType) -> tuple[Code, str]:
    """What an error means that the peer sealed with the keys of this phase 1: the secrets are the same."""
    if _signs(sa) and not _encrypts(sa):
        return _signature_refused(sa, kind)
    return (
        Code.REFUSED_BY_PEER,
        f"{sa.path.remote_host} refused phase 1: {kind.name}. The keys agree, so it is not the secret: does the peer "
        "know our identity, and allow it here?",
    )


def _signature_refused(sa: IkeSa, kind: NotifyType) -> tuple[Code, str]:
    return (
        Code.REFUSED_BY_PEER,
        f"{sa.path.remote_host} did not accept our signature or our certificate ({kind.name}): its log says why. Most "
        "often it does not trust the CA of our certificate, or who we say we are is not in it or not expected",
    )


def _why(connection: Connection) -> str:
    if connection.remote_address == "%any":
        return "which serves any peer address"
    return f"whose remote address is {connection.remote_address}"


def of_clear_notify(sa: IkeSa, kind: NotifyType, connection: Connection) -> tuple[Code, str]:
    """What an error means that a peer sent while phase 1 was under way, and that nothing proves to be the peer's."""
    peer = sa.path.remote_host
    proved = sa.phase1 is not None and sa.phase1.step >= _PROVED[sa.phase1.script]
    if proved and _encrypts(sa):
        return of_wrong_keys(sa, f"{kind.name}, so it could not read or check our proof")
    if proved and _signs(sa):
        return _signature_refused(sa, kind)
    if proved and kind in _UNREADABLE_TO_THEM:
        return (
            Code.PSK_MISMATCH,
            f"{peer} could not read or check our proof ({kind.name}): the pre-shared keys differ. Here the secret of "
            f"connection {connection.name!r} was used, {_why(connection)}; compare it with the peer's",
        )
    if kind == NotifyType.NO_PROPOSAL_CHOSEN:
        offered = ", ".join(f"policy {policy.priority}" for policy in connection.policies)
        return (
            Code.NO_PROPOSAL_CHOSEN,
            f"{peer} accepts none of our proposals ({offered}): compare encryption, hash, group and authentication",
        )
    return Code.REFUSED_BY_PEER, f"{peer} refused phase 1: {kind.name}"
