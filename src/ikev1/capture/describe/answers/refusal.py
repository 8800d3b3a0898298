"""Question ``refusal``: why phase 1 or a Quick Mode failed: the error notifications, and the offers they reject."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ikev1.capture.decrypt.phase1_values import PSK_METHODS
from ikev1.capture.decrypt.suites import group_name, life_words, phase1_suite, transform_name
from ikev1.capture.describe.outcome import encrypted_refusal, errors
from ikev1.capture.records.endpoints import other
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.exchange import Role
from ikev1.crypto.algorithms import ike_cipher, ike_hash, registered_name
from ikev1.wire.payloads import Notification, SecurityAssociation, Transform
from ikev1.wire.registry import AuthenticationMethod, NotifyType, ProtocolId

SeenProposals = Mapping[str, Collection[Transform]]
"""For each address, the phase 1 transforms that it offered or selected anywhere in the capture."""

_MOST_PROPOSALS = 256  # transforms of one address
_TITLE = "Why did the negotiation fail?"

_MEANING: dict[int, str] = {
    NotifyType.NO_PROPOSAL_CHOSEN: "it accepts none of the proposals",
    NotifyType.AUTHENTICATION_FAILED: "the authentication of the peer failed",
    NotifyType.INVALID_HASH_INFORMATION: "the HASH is wrong, usually because the pre-shared keys differ",
    NotifyType.INVALID_ID_INFORMATION: "the identity, or the requested networks, do not match its configuration",
    NotifyType.INVALID_KEY_INFORMATION: "the public value is not an element of the expected group",
    NotifyType.INVALID_CERTIFICATE: "it does not accept the certificate",
    NotifyType.INVALID_SIGNATURE: "the signature is wrong",
    NotifyType.INVALID_EXCHANGE_TYPE: "it does not support this exchange with this peer",
    NotifyType.UNSUPPORTED_EXCHANGE_TYPE: "it does not support this exchange with this peer",
    NotifyType.PAYLOAD_MALFORMED: "it could not parse the message; if that is encrypted, the keys usually differ",
    NotifyType.INVALID_COOKIE: "it does not know this SA, or has deleted it",
    NotifyType.INVALID_SPI: "it does not know this SA, or has deleted it",
    NotifyType.INVALID_MAJOR_VERSION: "it supports only another version of IKE",
}


def seen_proposals(conversations: Iterable[TrackedConversation]) -> SeenProposals:
    """Collect the phase 1 transforms that each address offered or selected."""
    proposals: dict[str, dict[Transform, None]] = {}
    for conversation in conversations:
        phase1 = conversation.phase1
        selected = (phase1.chosen,) if phase1.response is not None and phase1.chosen is not None else ()
        for role, transforms in ((Role.INITIATOR, phase1.offered), (Role.RESPONDER, selected)):
            known = proposals.setdefault(conversation.endpoints.host(role), {})
            for transform in transforms:
                if len(known) < _MOST_PROPOSALS:
                    known.setdefault(transform)
    return proposals


def why_refused(conversation: TrackedConversation, proposals: SeenProposals) -> Answer | None:
    """Based on the error notifications, the offers they reject, and ``proposals``."""
    found = errors(conversation)
    parts = [part for record, payload in found for part in _notification(conversation, record, payload)]
    frames = [record.frame for record, _ in found]
    for record, payload in found:
        if payload.type == NotifyType.NO_PROPOSAL_CHOSEN:
            parts += _offers(conversation, record, frames)
            parts += _difference(conversation, record, proposals)
    parts += _unoffered_response(conversation, frames)
    parts += _encrypted_refusal(conversation, frames)
    if not parts:
        return None
    return Answer(
        question="refusal",
        title=_TITLE,
        text=" ".join(dict.fromkeys(text for _, text in parts)),
        frames=tuple(dict.fromkeys(frames)),
        codes=tuple(dict.fromkeys(code for code, _ in parts)),
    )


def _notification(
    conversation: TrackedConversation, record: MessageRecord, payload: Notification
) -> list[tuple[str, str]]:
    name, meaning = NotifyType(payload.type).name, _MEANING.get(payload.type)
    codes = [name]
    if payload.type == NotifyType.AUTHENTICATION_FAILED and not _has_proof_before(conversation, record):
        codes.append("before-authentication")
        meaning = "no authentication took place yet, so it has no connection for this address, identity or mode"
    sure = "" if record.encrypted else " The notification is in the clear, so anyone on the path could have sent it."
    text = f"The {record.sender} sends {name}{f': {meaning}' if meaning else ''}.{sure}"
    return [(code, text) for code in codes]


def _has_proof_before(conversation: TrackedConversation, refusal: MessageRecord) -> bool:
    """Whether the peer had sent its authentication before ``refusal``. strongSwan also sends AUTHENTICATION_FAILED in
    response to a first message, if it has no matching connection.
    """
    proofs = ("AM2", "MM6") if refusal.sender is Role.INITIATOR else ("AM3", "MM5")
    return any(record.label in proofs for record in conversation.messages[: refusal.index])


def _offers(conversation: TrackedConversation, refusal: MessageRecord, frames: list[int]) -> list[tuple[str, str]]:
    """The offers without a response, in phase 1 or in a decrypted Quick Mode."""
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
            parts.append(("offer", f"Offered in {where}: {_proposals(payload)}."))
    return parts


def _proposals(payload: SecurityAssociation) -> str:
    return "; ".join(
        f"{transform_name(proposal.protocol, each)} for {life_words(proposal.protocol, each)}"
        for proposal in payload.proposals
        for each in proposal.transforms
    )


# --- what the refusing side accepts


def _difference(
    conversation: TrackedConversation, refusal: MessageRecord, proposals: SeenProposals
) -> list[tuple[str, str]]:
    """The closest match to this offer that the refusing address offered or selected elsewhere in the capture."""
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
        text = f"Elsewhere in this capture {host} offers or selects {name}, the same as offered here."
        return [("same-proposal", f"{text} The algorithms are not the reason.")]
    text = f"Elsewhere in this capture {host} offers or selects {name}."
    text += f" The offer here differs: {', '.join(difference for _, difference in nearest)}."
    return [(f"{what}-differs", text) for what, _ in nearest]


def _differences(offered: Transform, known: Transform) -> list[tuple[str, str]]:
    """What differs between two transforms, each with a text."""
    pairs = zip(_parts(offered), _parts(known), strict=True)
    return [(what, f"{what} {here} instead of {there}") for (what, here), (_, there) in pairs if here != there]


def _parts(transform: Transform) -> tuple[tuple[str, str], ...]:
    suite = phase1_suite(transform)
    return (
        ("encryption", ike_cipher(suite.encryption, suite.key_length).word),
        ("hash", ike_hash(suite.hash).word),
        ("group", group_name(suite.group)),
        ("authentication", registered_name(AuthenticationMethod, suite.authentication)),
        ("lifetime", life_words(ProtocolId.ISAKMP, transform)),
    )


def _unoffered_response(conversation: TrackedConversation, frames: list[int]) -> list[tuple[str, str]]:
    """A response that selects none of the offered transforms: it "MUST be rejected" (RFC 2409 §5)."""
    phase1 = conversation.phase1
    if phase1.response is None or phase1.chosen is None or not phase1.offered:
        return []
    if any(phase1_suite(each) == phase1_suite(phase1.chosen) for each in phase1.offered):
        return []
    frames.append(phase1.response.frame)
    return [("not-offered", f"The responder selected {phase1.suite_name}, which was not offered.")]


def _encrypted_refusal(conversation: TrackedConversation, frames: list[int]) -> list[tuple[str, str]]:
    """The error notification of a responder whose keys differ, because its pre-shared key does."""
    refusal = encrypted_refusal(conversation)
    if refusal is None:
        return []
    frames.append(refusal.frame)
    text = "The responder sends an encrypted Informational message instead of message 6, which means a refusal."
    if conversation.phase1.method in PSK_METHODS:
        text += " The usual reason is that the pre-shared keys of the peers differ."
    return [("encrypted-refusal", text)]
