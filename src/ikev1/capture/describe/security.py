"""What each message adds to the security of its conversation, and who can read it."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.capture.decrypt.phase1_values import PSK_METHODS
from ikev1.capture.decrypt.suites import group_name, life_words, transform_name
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.peer import identity
from ikev1.core.records.methods import ENCRYPTING
from ikev1.crypto.weaknesses import BROKEN_GROUPS
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import (
    CertificateRequest,
    ConfigAttributes,
    Delete,
    Identification,
    KeyExchange,
    Notification,
    SecurityAssociation,
)
from ikev1.wire.registry import SECRET_ATTRIBUTES, ConfigAttribute, NotifyType, PayloadType, ProtocolId


def security_of(conversation: TrackedConversation, record: MessageRecord) -> str:
    """One or more sentences: what the message proves or reveals, and who can read it."""
    if record.repeats is not None:
        return "A retransmission: the same octets as the message it repeats."
    if record.encrypted and not record.decrypted:
        return f"{_ENCRYPTED.get(record.label, _SOMETHING)}. Without the key only its length is visible."
    if record.message is None:
        return "Malformed: a conforming peer rejects it."
    return _WORDS.get(record.label, _unknown)(conversation, record)


_SOMETHING = "Encrypted with SKEYID_e"
_ENCRYPTED = {
    "MM5": "The initiator's identity and authentication, encrypted with SKEYID_e",
    "MM6": "The responder's identity and authentication, encrypted with SKEYID_e",
    "AM3": "The initiator's authentication, encrypted with SKEYID_e",
    "QM1": "Proposals for IPsec SAs, encrypted with SKEYID_e",
    "QM2": "The selected IPsec proposal, encrypted with SKEYID_e",
    "QM3": "The proof that the initiator is live, encrypted with SKEYID_e",
    "CFG": "Mode config or XAUTH, encrypted with SKEYID_e",
}


def _unknown(conversation: TrackedConversation, record: MessageRecord) -> str:
    return "Encrypted with SKEYID_e." if record.encrypted else "In the clear and unauthenticated."


# --- phase 1


def _offer(record: MessageRecord) -> str:
    assert record.message is not None
    payload = record.message.first(SecurityAssociation)
    if payload is None:
        return "nothing"
    names = [
        f"{transform_name(proposal.protocol, each)}, {life_words(proposal.protocol, each)}"
        for proposal in payload.proposals
        for each in proposal.transforms
    ]
    if len(names) < 3:
        return " or ".join(names) or "nothing"
    return f"{len(names)} suites, preferring {names[0]}"


def _mm1(conversation: TrackedConversation, record: MessageRecord) -> str:
    return f"Proposes {_offer(record)}. The message contains no secrets."


def _mm2(conversation: TrackedConversation, record: MessageRecord) -> str:
    return (
        f"Selects {_offer(record)}. The message contains no secrets. HASH_I and HASH_R later authenticate the offer in "
        "message 1, but not this selection."
    )


def _share(conversation: TrackedConversation, record: MessageRecord) -> str:
    group = conversation.phase1.suite
    named = f" of {group_name(group.group)}" if group is not None and group.group else ""
    small = group is not None and group.group in BROKEN_GROUPS
    text = f"Carries the {record.sender}'s public value{named} and nonce in the clear. " + (
        "The group is so small that a well-funded attacker can compute g^xy from the public values."
        if small
        else "An eavesdropper cannot compute g^xy from the public values."
    )
    if conversation.phase1.hides_bodies:
        text = (
            f"Carries the {record.sender}'s public value. The identity and the nonce are encrypted with the peer's "
            "public key."
        )
    assert record.message is not None
    if record.message.first(CertificateRequest) is not None:
        text += " The names of the requested CAs are visible to anyone."
    if record.label == "MM4":
        text += " Both peers can now compute SKEYID and the keys derived from it. All later messages are encrypted."
    return text


def _who(record: MessageRecord) -> str:
    assert record.message is not None
    payload = record.message.first(Identification)
    return identity.text_of(payload) if payload is not None else "an unknown identity"


def _mm5(conversation: TrackedConversation, record: MessageRecord) -> str:
    if conversation.phase1.hides_bodies:
        return f"Authenticates the initiator {_proof(conversation)}."
    text = (
        f"Identifies the initiator as {_who(record)} and authenticates it {_proof(conversation)}. The message is "
        "encrypted, so an eavesdropper does not learn the identity. "
    )
    if conversation.phase1.method in PSK_METHODS:
        return (
            f"{text}An attacker who impersonates the responder knows g^xy and can test guesses at the pre-shared key "
            "by decrypting this message."
        )
    return f"{text}An attacker who impersonates the responder does."


def _mm6(conversation: TrackedConversation, record: MessageRecord) -> str:
    if conversation.phase1.hides_bodies:
        return f"Authenticates the responder {_proof(conversation)}. The ISAKMP SA is established."
    return (
        f"Identifies the responder as {_who(record)} and authenticates it {_proof(conversation)}. The message is "
        "encrypted, and sent only to an authenticated initiator. The ISAKMP SA is established."
    )


def _proof(conversation: TrackedConversation) -> str:
    method = conversation.phase1.method
    if method in PSK_METHODS:
        return "with the pre-shared key, from which SKEYID is computed"
    return "by its ability to decrypt the nonce" if method in ENCRYPTING else "with a signature"


def _am1(conversation: TrackedConversation, record: MessageRecord) -> str:
    text = f"Proposes {_offer(record)}, and carries the public value, the nonce and the identity."
    if conversation.phase1.hides_bodies:
        return text
    return f"{text} The initiator's identity is visible to anyone: {_who(record)}."


def _am2(conversation: TrackedConversation, record: MessageRecord) -> str:
    text = f"Selects {_offer(record)}."
    if not conversation.phase1.hides_bodies:
        text += f" The responder's identity is visible to anyone: {_who(record)}."
    if conversation.phase1.method in PSK_METHODS and record.has(PayloadType.HASH):
        text += (
            " HASH_R is in the clear, and the pre-shared key is its only secret input: anyone who has this message and "
            "the first can test guesses at the key offline."
        )
    return text


def _am3(conversation: TrackedConversation, record: MessageRecord) -> str:
    where = "encrypted" if record.encrypted else "in the clear"
    return f"Authenticates the initiator {_proof(conversation)}, {where}. The ISAKMP SA is established."


# --- what comes after


def _qm1(conversation: TrackedConversation, record: MessageRecord) -> str:
    assert record.message is not None
    return f"Proposes {_offer(record)} for IPsec. Encrypted, and {_BY_HASH_1}. {_pfs(record)}"


def _qm2(conversation: TrackedConversation, record: MessageRecord) -> str:
    text = f"Selects {_offer(record)}. HASH(2) covers the nonce of message 1, so the message is not a replay."
    return f"{text} {_pfs(record)}"


def _pfs(record: MessageRecord) -> str:
    assert record.message is not None
    if record.message.first(KeyExchange) is not None:
        return "A KE payload provides perfect forward secrecy: the phase 1 keys do not reveal the ESP keys."
    return "No KE payload, so no perfect forward secrecy: the ESP keys are derived from SKEYID_d alone."


def _qm3(conversation: TrackedConversation, record: MessageRecord) -> str:
    return (
        "HASH(3) covers both nonces: the initiator is live, and message 1 was not a replay. The IPsec SAs are "
        "established."
    )


_BY_HASH_1 = "authenticated with HASH(1), which only the peers of this SA can compute"

_NOTIFICATIONS: dict[int, str] = {
    NotifyType.INITIAL_CONTACT: "INITIAL-CONTACT: the sender has no older SA, so the peer should delete its own",
    NotifyType.R_U_THERE: "R-U-THERE: the sender asks whether the peer is alive (RFC 3706)",
    NotifyType.R_U_THERE_ACK: "R-U-THERE-ACK: the sender is alive (RFC 3706)",
}


def _info(conversation: TrackedConversation, record: MessageRecord) -> str:
    assert record.message is not None
    contents = [
        _NOTIFICATIONS.get(each.type, f"Notification {NotifyType(each.type).name}")
        for each in record.message.all(Notification)
    ]
    contents += [
        f"DELETE: the sender has deleted {ProtocolId(each.protocol).name} SAs" for each in record.message.all(Delete)
    ]
    what = ". ".join(dict.fromkeys(contents)) or "No known payload"
    if not record.encrypted:
        return f"{what}. In the clear and unauthenticated: anyone on the path could have sent it."
    return f"{what}. Encrypted, and {_BY_HASH_1}."


_XAUTH = range(ConfigAttribute.XAUTH_TYPE, ConfigAttribute.XAUTH_ANSWER + 1)  # draft-beaulieu-ike-xauth-02 §4


def _attributes(record: MessageRecord) -> list[Attribute]:
    assert record.message is not None
    return [each for payload in record.message.all(ConfigAttributes) for each in payload.attributes]


def _cfg(conversation: TrackedConversation, record: MessageRecord) -> str:
    if any(each.type in SECRET_ATTRIBUTES and each.value for each in _attributes(record)):
        return "A user's password or passcode, protected by SKEYID_e alone: anyone with the phase 1 keys can read it."
    what = "XAUTH" if any(each.type in _XAUTH for each in _attributes(record)) else "Mode config"
    return f"{what}. Encrypted, and {_BY_HASH_1}."


def _ngm(conversation: TrackedConversation, record: MessageRecord) -> str:
    return f"Negotiates the parameters of a Diffie-Hellman group. Encrypted, and {_BY_HASH_1}."


_WORDS: dict[str, Callable[[TrackedConversation, MessageRecord], str]] = {
    "MM1": _mm1,
    "MM2": _mm2,
    "MM3": _share,
    "MM4": _share,
    "MM5": _mm5,
    "MM6": _mm6,
    "AM1": _am1,
    "AM2": _am2,
    "AM3": _am3,
    "QM1": _qm1,
    "QM2": _qm2,
    "QM3": _qm3,
    "INFO": _info,
    "CFG": _cfg,
    "NGM1": _ngm,
    "NGM2": _ngm,
}
