"""What each message adds to the security of its conversation, and who can read it."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.capture.decrypt.phase1_values import PSK_METHODS
from ikev1.capture.decrypt.suites import WITHIN_REACH, group_name, life_words, transform_name
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.peer import identity
from ikev1.core.records.methods import ENCRYPTING
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
    """A sentence or two for people."""
    if record.repeats is not None:
        return "says nothing new: the octets are those of the message that it repeats"
    if record.encrypted and not record.decrypted:
        return f"{_ENCRYPTED.get(record.label, _SOMETHING)}; without a key only its length can be seen"
    if record.message is None:
        return "malformed: a peer that follows the standard refuses it"
    return _WORDS.get(record.label, _unknown)(conversation, record)


_SOMETHING = "encrypted under SKEYID_e"
_ENCRYPTED = {
    "MM5": "the initiator's identity and proof, encrypted under SKEYID_e",
    "MM6": "the responder's identity and proof, encrypted under SKEYID_e",
    "AM3": "the initiator's proof, encrypted under SKEYID_e",
    "QM1": "proposals for IPsec SAs, encrypted under SKEYID_e",
    "QM2": "the choice of an IPsec SA, encrypted under SKEYID_e",
    "QM3": "the proof that the initiator is alive, encrypted under SKEYID_e",
    "CFG": "mode config or XAUTH, encrypted under SKEYID_e",
}


def _unknown(conversation: TrackedConversation, record: MessageRecord) -> str:
    return "encrypted under SKEYID_e" if record.encrypted else "in the clear, and nothing vouches for it"


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
    return f"{len(names)} suites, the preferred one {names[0]}"


def _mm1(conversation: TrackedConversation, record: MessageRecord) -> str:
    return f"proposes {_offer(record)}; nothing secret is in this message"


def _mm2(conversation: TrackedConversation, record: MessageRecord) -> str:
    return (
        f"takes {_offer(record)}; nothing secret is in this message. What proves the peers later covers the offer of "
        "message 1, but not this choice"
    )


def _share(conversation: TrackedConversation, record: MessageRecord) -> str:
    group = conversation.phase1.suite
    named = f" of {group_name(group.group)}" if group is not None and group.group else ""
    small = group is not None and group.group in WITHIN_REACH
    text = f"brings the {record.sender}'s public value{named} and nonce in the clear: " + (
        "this group is so small that who has the means can compute g^xy from public values"
        if small
        else "who only listens cannot compute g^xy from public values"
    )
    if conversation.phase1.hides_bodies:
        text = f"brings the {record.sender}'s public value; identity and nonce are encrypted with the peer's public key"
    assert record.message is not None
    if record.message.first(CertificateRequest) is not None:
        text += ". The names of the CAs that it asks for can be read by anybody"
    if record.label == "MM4":
        text += ". From here on both can compute SKEYID and what follows from it; all that comes is encrypted"
    return text


def _who(record: MessageRecord) -> str:
    assert record.message is not None
    payload = record.message.first(Identification)
    return identity.text_of(payload) if payload is not None else "its sender"


def _mm5(conversation: TrackedConversation, record: MessageRecord) -> str:
    if conversation.phase1.hides_bodies:
        return f"proves the initiator {_proof(conversation)}"
    text = (
        f"says that the initiator is {_who(record)} and proves it {_proof(conversation)}. "
        "Encrypted: nobody who only listens "
    )
    if conversation.phase1.method in PSK_METHODS:
        return (
            f"{text}learns the identity. One who poses as the responder has g^xy, and can try out secrets on this "
            "message until it opens"
        )
    return f"{text}learns the identity, but one who poses as the responder does"


def _mm6(conversation: TrackedConversation, record: MessageRecord) -> str:
    if conversation.phase1.hides_bodies:
        return f"proves the responder {_proof(conversation)}. The ISAKMP SA stands"
    return (
        f"says that the responder is {_who(record)} and proves it {_proof(conversation)}; encrypted, and sent only to "
        "an initiator that has proved itself. The ISAKMP SA stands"
    )


def _proof(conversation: TrackedConversation) -> str:
    method = conversation.phase1.method
    if method in PSK_METHODS:
        return "by knowing the pre-shared key, which SKEYID is made of"
    return "by having decrypted the nonce" if method in ENCRYPTING else "by a signature"


def _am1(conversation: TrackedConversation, record: MessageRecord) -> str:
    text = f"proposes {_offer(record)}, and brings public value, nonce and identity all at once"
    return text if conversation.phase1.hides_bodies else f"{text}. Anybody can read who calls: {_who(record)}"


def _am2(conversation: TrackedConversation, record: MessageRecord) -> str:
    text = f"takes {_offer(record)}"
    if not conversation.phase1.hides_bodies:
        text += f". Anybody can read who answers: {_who(record)}"
    if conversation.phase1.method in PSK_METHODS and record.has(PayloadType.HASH):
        text += (
            ". HASH_R is in the clear and depends on nothing secret but the pre-shared key: whoever has this message "
            "and the first can try out secrets, without sending anything"
        )
    return text


def _am3(conversation: TrackedConversation, record: MessageRecord) -> str:
    where = "encrypted" if record.encrypted else "in the clear"
    return f"proves the initiator {_proof(conversation)}, {where}. The ISAKMP SA stands"


# --- what comes after


def _qm1(conversation: TrackedConversation, record: MessageRecord) -> str:
    assert record.message is not None
    return f"proposes {_offer(record)} for IPsec, encrypted, {_BY_HASH_1}. {_pfs(record)}"


def _qm2(conversation: TrackedConversation, record: MessageRecord) -> str:
    return f"takes {_offer(record)}; HASH(2) covers the nonce of message 1, so it is no replay. {_pfs(record)}"


def _pfs(record: MessageRecord) -> str:
    assert record.message is not None
    if record.message.first(KeyExchange) is not None:
        return "A public value of its own: perfect forward secrecy, the keys of phase 1 do not lead to those of ESP"
    return "No public value: the ESP keys follow from SKEYID_d, so there is no perfect forward secrecy"


def _qm3(conversation: TrackedConversation, record: MessageRecord) -> str:
    return "HASH(3) covers both nonces: the initiator is alive, and message 1 was no replay. The IPsec SAs stand"


_BY_HASH_1 = "with HASH(1), which only the two ends of this SA can make"

_NEWS: dict[int, str] = {
    NotifyType.INITIAL_CONTACT: "says that this is its only SA with the other side, which is to forget older ones",
    NotifyType.R_U_THERE: "asks whether the other side is alive (RFC 3706)",
    NotifyType.R_U_THERE_ACK: "says that it is alive (RFC 3706)",
}


def _info(conversation: TrackedConversation, record: MessageRecord) -> str:
    assert record.message is not None
    told = [_NEWS.get(each.type, f"says {NotifyType(each.type).name}") for each in record.message.all(Notification)]
    told += [f"says that it has deleted {ProtocolId(each.protocol).name} SAs" for each in record.message.all(Delete)]
    what = " and ".join(dict.fromkeys(told)) or "says nothing that is known here"
    if not record.encrypted:
        return f"{what}; in the clear, so that anybody on the way could have sent it: nothing vouches for it"
    return f"{what}; encrypted, {_BY_HASH_1}"


_XAUTH = range(ConfigAttribute.XAUTH_TYPE, ConfigAttribute.XAUTH_ANSWER + 1)  # draft-beaulieu-ike-xauth-02 §4


def _attributes(record: MessageRecord) -> list[Attribute]:
    assert record.message is not None
    return [each for payload in record.message.all(ConfigAttributes) for each in payload.attributes]


def _cfg(conversation: TrackedConversation, record: MessageRecord) -> str:
    if any(each.type in SECRET_ATTRIBUTES and each.value for each in _attributes(record)):
        return "a user's password or passcode, protected by SKEYID_e alone: who has the keys of phase 1 can read it"
    what = "XAUTH" if any(each.type in _XAUTH for each in _attributes(record)) else "mode config"
    return f"{what}, encrypted, {_BY_HASH_1}"


def _ngm(conversation: TrackedConversation, record: MessageRecord) -> str:
    return f"negotiates a Diffie-Hellman group by its numbers, encrypted, {_BY_HASH_1}"


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
