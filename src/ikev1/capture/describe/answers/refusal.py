"""Why phase 1 or a tunnel was refused: what was said, what was offered, and what else the refusing side wants."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ikev1.capture.decrypt.phase1_values import PSK_METHODS
from ikev1.capture.decrypt.suites import group_name, life_words, phase1_suite, transform_name
from ikev1.capture.describe.outcome import encrypted_refusal, errors
from ikev1.capture.records.endpoints import other
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.model import Phase1Suite, Role
from ikev1.crypto.algorithms import ike_cipher, ike_hash, registered_name
from ikev1.wire.payloads import Notification, SecurityAssociation, Transform
from ikev1.wire.registry import AuthenticationMethod, NotifyType, ProtocolId

SeenProposals = Mapping[str, Collection[Transform]]
"""By address: the phase 1 transforms that it offered or took somewhere in a capture."""

_MOST_PROPOSALS = 256  # transforms of one address
_TITLE = "Why was it refused?"

_MEANING: dict[int, str] = {
    NotifyType.NO_PROPOSAL_CHOSEN: "none of the proposals is one that it allows",
    NotifyType.AUTHENTICATION_FAILED: "the proof of identity did not convince it",
    NotifyType.INVALID_HASH_INFORMATION: "the HASH is wrong, mostly for another pre-shared key",
    NotifyType.INVALID_ID_INFORMATION: "the identity, or the networks asked for, are not what it is configured for",
    NotifyType.INVALID_KEY_INFORMATION: "the public value is not of the group that it wants",
    NotifyType.INVALID_CERTIFICATE: "it does not take the certificate",
    NotifyType.INVALID_SIGNATURE: "the signature is wrong",
    NotifyType.INVALID_EXCHANGE_TYPE: "it does not do this exchange with this peer",
    NotifyType.UNSUPPORTED_EXCHANGE_TYPE: "it does not do this exchange with this peer",
    NotifyType.PAYLOAD_MALFORMED: "it could not read the message, which after encryption mostly means another key",
    NotifyType.INVALID_COOKIE: "it does not know this SA (any more)",
    NotifyType.INVALID_SPI: "it does not know this SA (any more)",
    NotifyType.INVALID_MAJOR_VERSION: "it speaks another version of IKE only",
}


def seen_proposals(conversations: Iterable[TrackedConversation]) -> SeenProposals:
    """What everybody wants, by all that they say."""
    proposals: dict[str, dict[Transform, None]] = {}
    for conversation in conversations:
        phase1 = conversation.phase1
        taken = (phase1.chosen,) if phase1.response is not None and phase1.chosen is not None else ()
        for role, transforms in ((Role.INITIATOR, phase1.offered), (Role.RESPONDER, taken)):
            known = proposals.setdefault(conversation.endpoints.host(role), {})
            for transform in transforms:
                if len(known) < _MOST_PROPOSALS:
                    known.setdefault(transform)
    return proposals


def why_refused(conversation: TrackedConversation, proposals: SeenProposals) -> Answer | None:
    """By the error notifications, what they answer, and the ``wishes`` of the refusing side."""
    found = errors(conversation)
    parts = [_words(conversation, record, payload) for record, payload in found]
    frames = [record.frame for record, _ in found]
    for record, payload in found:
        if payload.type == NotifyType.NO_PROPOSAL_CHOSEN:
            parts += _offers(conversation, record, frames)
            parts += _difference(conversation, record, proposals)
    parts += _strange_answer(conversation, frames)
    parts += _encrypted_refusal(conversation, frames)
    if not parts:
        return None
    text = " ".join(dict.fromkeys(parts))
    return Answer(question="refusal", title=_TITLE, text=text, frames=tuple(dict.fromkeys(frames)))


def _words(conversation: TrackedConversation, record: MessageRecord, payload: Notification) -> str:
    name, meaning = NotifyType(payload.type).name, _MEANING.get(payload.type)
    if payload.type == NotifyType.AUTHENTICATION_FAILED and not _has_proof_before(conversation, record):
        meaning = "nothing was proved yet, so it has no use for a peer of this address or identity, or for this mode"
    sure = "" if record.encrypted else " It is in the clear, so anybody on the way could have sent it."
    return f"The {record.sender} says {name}{f': {meaning}' if meaning else ''}.{sure}"


def _has_proof_before(conversation: TrackedConversation, refusal: MessageRecord) -> bool:
    """Whether the refusing side could have judged a proof: strongSwan says AUTHENTICATION_FAILED of first messages,
    too, for which it has no connection.
    """
    proofs = ("AM2", "MM6") if refusal.sender is Role.INITIATOR else ("AM3", "MM5")
    return any(record.label in proofs for record in conversation.messages[: refusal.index])


def _offers(conversation: TrackedConversation, refusal: MessageRecord, frames: list[int]) -> list[str]:
    """What was offered and not answered, in phase 1 or in a Quick Mode that could be decrypted."""
    offers = [] if conversation.phase1.response is not None else [(conversation.phase1.offer, "phase 1")]
    offers += [
        (quick.messages.get("QM1"), f"Quick Mode {quick.message_id:08x}")
        for quick in conversation.quick_modes.values()
        if quick.response is None and quick.initiator is other(refusal.sender)
    ]
    parts = []
    for record, where in offers:
        payload = None if record is None or record.message is None else record.message.first(SecurityAssociation)
        if record is not None and payload is not None:
            frames.append(record.frame)
            parts.append(f"Offered in {where} was: {_proposals(payload)}.")
    return parts


def _proposals(payload: SecurityAssociation) -> str:
    return "; ".join(
        f"{transform_name(proposal.protocol, each)} for {life_words(proposal.protocol, each)}"
        for proposal in payload.proposals
        for each in proposal.transforms
    )


# --- what the other side wants


def _difference(conversation: TrackedConversation, refusal: MessageRecord, proposals: SeenProposals) -> list[str]:
    """The nearest miss between what was offered here and what the refusing address offered or took in another place."""
    if conversation.phase1.response is not None or refusal.sender is Role.INITIATOR:
        return []
    host = conversation.endpoints.host(refusal.sender)
    wanted = proposals.get(host, ())
    pairs = [(_differences(offered, known), known) for offered in conversation.phase1.offered for known in wanted]
    if not pairs:
        return []
    nearest, known = min(pairs, key=lambda pair: len(pair[0]))
    name = f"{transform_name(ProtocolId.ISAKMP, known)} for {life_words(ProtocolId.ISAKMP, known)}"
    if not nearest:
        return [f"Elsewhere in this capture {host} offers or takes {name}, as offered here: that is not the reason."]
    differences = ", ".join(nearest)
    return [f"Elsewhere in this capture {host} offers or takes {name}; what was offered here differs in {differences}."]


def _differences(offered: Transform, known: Transform) -> list[str]:
    pairs = zip(_parts(phase1_suite(offered)), _parts(phase1_suite(known)), strict=True)
    found = [f"{name}: {here} against {there}" for (name, here), (_, there) in pairs if here != there]
    lives = [life_words(ProtocolId.ISAKMP, each) for each in (offered, known)]
    return found + ([f"lifetime: {lives[0]} against {lives[1]}"] if lives[0] != lives[1] else [])


def _parts(suite: Phase1Suite) -> tuple[tuple[str, str], ...]:
    return (
        ("encryption", ike_cipher(suite.encryption, suite.key_length).word),
        ("hash", ike_hash(suite.hash).word),
        ("group", group_name(suite.group)),
        ("authentication", registered_name(AuthenticationMethod, suite.authentication)),
    )


def _strange_answer(conversation: TrackedConversation, frames: list[int]) -> list[str]:
    """An answer that is not one of the transforms offered: it "MUST be rejected" (RFC 2409 §5)."""
    phase1 = conversation.phase1
    if phase1.response is None or phase1.chosen is None or not phase1.offered:
        return []
    if any(phase1_suite(each) == phase1_suite(phase1.chosen) for each in phase1.offered):
        return []
    frames.append(phase1.response.frame)
    return [f"The answer, {phase1.suite_name}, is none of the proposals that were offered."]


def _encrypted_refusal(conversation: TrackedConversation, frames: list[int]) -> list[str]:
    """What a responder does that has another pre-shared key and encrypts its refusal with what it made of that."""
    refusal = encrypted_refusal(conversation)
    if refusal is None:
        return []
    frames.append(refusal.frame)
    text = "The responder answers message 5 by an informational message that is encrypted, and no message 6: a refusal."
    if conversation.phase1.method in PSK_METHODS:
        text += " With a pre-shared key that mostly means that the two sides have different ones."
    return [text]
