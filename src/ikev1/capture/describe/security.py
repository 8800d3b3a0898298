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


def security_of(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    """A sentence or two for people."""
    if seen.repeats is not None:
        return "says nothing new: the octets are those of the message that it repeats"
    if seen.encrypted and not seen.decrypted:
        return f"{_ENCRYPTED.get(seen.label, _SOMETHING)}; without a key only its length can be seen"
    if seen.message is None:
        return "malformed: a peer that follows the standard refuses it"
    return _WORDS.get(seen.label, _unknown)(dialogue, seen)


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


def _unknown(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    return "encrypted under SKEYID_e" if seen.encrypted else "in the clear, and nothing vouches for it"


# --- phase 1


def _offer(seen: MessageRecord) -> str:
    assert seen.message is not None
    payload = seen.message.first(SecurityAssociation)
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


def _mm1(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    return f"proposes {_offer(seen)}; nothing secret is in this message"


def _mm2(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    return (
        f"takes {_offer(seen)}; nothing secret is in this message. What proves the peers later covers the offer of "
        "message 1, but not this choice"
    )


def _share(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    group = dialogue.phase1.suite
    named = f" of {group_name(group.group)}" if group is not None and group.group else ""
    small = group is not None and group.group in BROKEN_GROUPS
    text = f"brings the {seen.sender}'s public value{named} and nonce in the clear: " + (
        "this group is so small that who has the means can compute g^xy from public values"
        if small
        else "who only listens cannot compute g^xy from public values"
    )
    if dialogue.phase1.hides_bodies:
        text = f"brings the {seen.sender}'s public value; identity and nonce are encrypted with the peer's public key"
    assert seen.message is not None
    if seen.message.first(CertificateRequest) is not None:
        text += ". The names of the CAs that it asks for can be read by anybody"
    if seen.label == "MM4":
        text += ". From here on both can compute SKEYID and what follows from it; all that comes is encrypted"
    return text


def _who(seen: MessageRecord) -> str:
    assert seen.message is not None
    payload = seen.message.first(Identification)
    return identity.text_of(payload) if payload is not None else "its sender"


def _mm5(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    if dialogue.phase1.hides_bodies:
        return f"proves the initiator {_proof(dialogue)}"
    text = (
        f"says that the initiator is {_who(seen)} and proves it {_proof(dialogue)}. Encrypted: nobody who only listens "
    )
    if dialogue.phase1.method in PSK_METHODS:
        return (
            f"{text}learns the identity. One who poses as the responder has g^xy, and can try out secrets on this "
            "message until it opens"
        )
    return f"{text}learns the identity, but one who poses as the responder does"


def _mm6(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    if dialogue.phase1.hides_bodies:
        return f"proves the responder {_proof(dialogue)}. The ISAKMP SA stands"
    return (
        f"says that the responder is {_who(seen)} and proves it {_proof(dialogue)}; encrypted, and sent only to an "
        "initiator that has proved itself. The ISAKMP SA stands"
    )


def _proof(dialogue: TrackedConversation) -> str:
    method = dialogue.phase1.method
    if method in PSK_METHODS:
        return "by knowing the pre-shared key, which SKEYID is made of"
    return "by having decrypted the nonce" if method in ENCRYPTING else "by a signature"


def _am1(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    text = f"proposes {_offer(seen)}, and brings public value, nonce and identity all at once"
    return text if dialogue.phase1.hides_bodies else f"{text}. Anybody can read who calls: {_who(seen)}"


def _am2(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    text = f"takes {_offer(seen)}"
    if not dialogue.phase1.hides_bodies:
        text += f". Anybody can read who answers: {_who(seen)}"
    if dialogue.phase1.method in PSK_METHODS and seen.has(PayloadType.HASH):
        text += (
            ". HASH_R is in the clear and depends on nothing secret but the pre-shared key: whoever has this message "
            "and the first can try out secrets, without sending anything"
        )
    return text


def _am3(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    where = "encrypted" if seen.encrypted else "in the clear"
    return f"proves the initiator {_proof(dialogue)}, {where}. The ISAKMP SA stands"


# --- what comes after


def _qm1(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    assert seen.message is not None
    return f"proposes {_offer(seen)} for IPsec, encrypted, {_BY_HASH_1}. {_pfs(seen)}"


def _qm2(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    return f"takes {_offer(seen)}; HASH(2) covers the nonce of message 1, so it is no replay. {_pfs(seen)}"


def _pfs(seen: MessageRecord) -> str:
    assert seen.message is not None
    if seen.message.first(KeyExchange) is not None:
        return "A public value of its own: perfect forward secrecy, the keys of phase 1 do not lead to those of ESP"
    return "No public value: the ESP keys follow from SKEYID_d, so there is no perfect forward secrecy"


def _qm3(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    return "HASH(3) covers both nonces: the initiator is alive, and message 1 was no replay. The IPsec SAs stand"


_BY_HASH_1 = "with HASH(1), which only the two ends of this SA can make"

_NEWS: dict[int, str] = {
    NotifyType.INITIAL_CONTACT: "says that this is its only SA with the other side, which is to forget older ones",
    NotifyType.R_U_THERE: "asks whether the other side is alive (RFC 3706)",
    NotifyType.R_U_THERE_ACK: "says that it is alive (RFC 3706)",
}


def _info(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    assert seen.message is not None
    told = [_NEWS.get(each.type, f"says {NotifyType(each.type).name}") for each in seen.message.all(Notification)]
    told += [f"says that it has deleted {ProtocolId(each.protocol).name} SAs" for each in seen.message.all(Delete)]
    what = " and ".join(dict.fromkeys(told)) or "says nothing that is known here"
    if not seen.encrypted:
        return f"{what}; in the clear, so that anybody on the way could have sent it: nothing vouches for it"
    return f"{what}; encrypted, {_BY_HASH_1}"


_XAUTH = range(ConfigAttribute.XAUTH_TYPE, ConfigAttribute.XAUTH_ANSWER + 1)  # draft-beaulieu-ike-xauth-02 §4


def _attributes(seen: MessageRecord) -> list[Attribute]:
    assert seen.message is not None
    return [each for payload in seen.message.all(ConfigAttributes) for each in payload.attributes]


def _cfg(dialogue: TrackedConversation, seen: MessageRecord) -> str:
    if any(each.type in SECRET_ATTRIBUTES and each.value for each in _attributes(seen)):
        return "a user's password or passcode, protected by SKEYID_e alone: who has the keys of phase 1 can read it"
    what = "XAUTH" if any(each.type in _XAUTH for each in _attributes(seen)) else "mode config"
    return f"{what}, encrypted, {_BY_HASH_1}"


def _ngm(dialogue: TrackedConversation, seen: MessageRecord) -> str:
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
