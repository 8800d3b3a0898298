"""The purpose of each message with pre-shared keys (RFC 2409 §5.4, §5.5), for the lesson and the demo."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """The texts about one message. The demo shows ``does`` and ``secret``, the lesson the others."""

    title: str
    does: str  # a sentence without full stop
    secret: str  # who can read the message, a clause
    rfc: str  # the line of the RFC
    carries: str
    why: str
    seen: str


_CLEAR = "in the clear: anyone on the path can read it"
_HARMLESS = "in the clear, but harmless: the public values do not reveal the key"
_PROTECTED = "encrypted with a key that only the two peers can compute"

_OFFER = (
    "The offer is a list of transforms in order of preference. Each transform is complete: a cipher, a hash, a "
    "Diffie-Hellman group, an authentication method and a lifetime. The responder selects one transform unchanged, or "
    "none; it cannot combine parts of several."
)
_SECOND_HALF = (
    "The nonce makes this exchange different from any other with the same secrets: a replayed message leads to "
    "different keys, with which no recorded message is valid."
)

TEXTS: dict[str, Text] = {
    "MM1": Text(
        "The initiator offers",
        "The initiator offers its policies, and a cookie that identifies this conversation",
        _CLEAR,
        "HDR, SA  -->",
        "The header with the initiator's cookie (the responder's cookie is still zero), an SA payload with the offer, "
        "and vendor IDs, which announce the extensions that the initiator supports.",
        f"{_OFFER} No key exists yet, so the message cannot be protected; it contains no secrets.",
        "Anyone on the path can read the whole message: the algorithms that this gateway allows and, from its vendor "
        "IDs, often its implementation. It does not contain the identity. An attacker on the path could remove the "
        "strong transforms from the offer, but messages 5 and 6 would reveal that, because HASH_I and HASH_R cover the "
        "offer as it was sent.",
    ),
    "MM2": Text(
        "The responder selects",
        "The responder selects one policy and adds its own cookie",
        _CLEAR,
        "<--  HDR, SA",
        "The header with both cookies, and an SA payload with exactly one transform: one of the offered transforms, "
        "unchanged.",
        "From now on, the two cookies together identify this SA. The responder's cookie also proves an address: it was "
        "sent to the source address of the first message, and the initiator has to return it before the responder "
        "performs any expensive computation. An attacker with a forged source address never receives the cookie.",
        "Anyone on the path can read the selection. The capture does not contain the prime and the generator, neither "
        "here nor later: the group number identifies both.",
    ),
    "MM3": Text(
        "The initiator's public value",
        "The initiator sends its Diffie-Hellman public value, a nonce, and hashes of the addresses to detect a NAT",
        _HARMLESS,
        "HDR, KE, Ni  -->",
        "The initiator's public value g^xi in the KE payload, its nonce Ni, and two NAT-D hashes over cookies, "
        "addresses and ports.",
        f"The initiator draws a private value x and sends g^x, from which x cannot be computed. {_SECOND_HALF}",
        "Anyone on the path can read g^xi and Ni, but cannot derive the key from them. The NAT-D hashes hide nothing: "
        "the addresses are in the IP header, and the hashes reveal when a NAT has changed them.",
    ),
    "MM4": Text(
        "The responder's public value",
        "The responder sends its public value. Both peers compute g^xy, and derive SKEYID and its three keys",
        "in the clear, but harmless",
        "<--  HDR, KE, Nr",
        "The same values from the responder: g^xr, the nonce Nr and NAT-D hashes.",
        "Each peer now has its own private value and the public value of the other, so both can compute g^xy, and "
        "nobody else can. This alone does not show with whom the key was established; that is the purpose of the last "
        "two messages.",
        "Anyone on the path can read g^xr and Nr. This is the last message in the clear: all later messages are "
        "encrypted.",
    ),
    "MM5": Text(
        "The initiator authenticates",
        "The initiator sends its identity, and a hash that requires the pre-shared key",
        _PROTECTED,
        "HDR*, IDii, HASH_I  -->",
        "The initiator's identity and HASH_I, encrypted (the star) with the key derived from SKEYID_e. Often also a "
        "notification: INITIAL-CONTACT states that the initiator has no older SA with this peer.",
        "HASH_I proves three things: the sender knows the pre-shared key (through SKEYID), nobody interfered with the "
        "Diffie-Hellman exchange (it covers both public values), and the offer in message 1 was not modified (it "
        "covers SAi_b).",
        "An eavesdropper cannot read it: Main Mode protects the identities. An attacker who impersonates the responder "
        "knows g^xy, but not the pre-shared key. It cannot decrypt this message directly, but can test guesses at the "
        "key offline, until the decrypted message makes sense. So the key must be hard to guess in Main Mode, too.",
    ),
    "MM6": Text(
        "The responder authenticates",
        "The responder sends its identity and hash. The ISAKMP SA is established",
        _PROTECTED,
        "<--  HDR*, IDir, HASH_R",
        "The responder's identity and HASH_R.",
        "The same proof from the responder. HASH_R has the public values and the cookies in the opposite order, so "
        "that an attacker cannot simply return HASH_I. The ISAKMP SA is now established: a protected channel for the "
        "following negotiations, which carries no user traffic itself.",
        "Only the initiator, which has been authenticated.",
    ),
    "AM1": Text(
        "The initiator sends everything at once",
        "The initiator sends its offer, its public value, a nonce and its identity at once",
        _CLEAR,
        "HDR, SA, KE, Ni, IDii  -->",
        "The offer, the public value g^xi, the nonce Ni and the initiator's identity: the contents of messages 1 and 3 "
        "of Main Mode and part of message 5, together with the vendor IDs.",
        f"{_OFFER} Here all transforms must use the same group, because the message already contains g^xi, a value of "
        "this group. The identity is sent so early that the responder can select the pre-shared key by identity "
        "instead of address, which made Aggressive Mode with pre-shared keys popular for clients with dynamic "
        "addresses.",
        "Anyone on the path can read the initiator's identity. The responder performs all its work, including "
        "Diffie-Hellman, for a sender whose address may be forged: no cookie has been returned yet.",
    ),
    "AM2": Text(
        "The responder responds and authenticates",
        "The responder sends its selection, its public value, a nonce, its identity, and a hash of the pre-shared key",
        "in the clear, including the hash: anyone with these two messages can test guesses at the pre-shared key",
        "<--  HDR, SA, KE, Nr, IDir, HASH_R",
        "The selection, g^xr, Nr, the responder's identity and its authentication HASH_R, in the clear.",
        "The initiator can now compute all keys, and verify HASH_R before it sends another message.",
        "Anyone on the path can read the responder's identity. They also have all inputs of HASH_R except one: g^xr, "
        "g^xi, the cookies, SAi_b and IDir_b are in the two messages, and SKEYID is computed from the nonces, which "
        "are there as well, and the pre-shared key. A guess at the key can be tested offline with two HMACs. This is "
        "the weakness for which Aggressive Mode is known. It does not even require eavesdropping, because the "
        "responder sends this message to anyone who uses an identity that it knows.",
    ),
    "AM3": Text(
        "The initiator authenticates",
        "The initiator sends its hash. The ISAKMP SA is established",
        "may be in the clear according to the RFC; here it is encrypted",
        "HDR, HASH_I  -->",
        "HASH_I and NAT-D hashes.",
        "Only now does the responder learn that the initiator is live, knows the key and has received message 2.",
        "The RFC allows this message in the clear (no star). This implementation encrypts it, as most do. The "
        "identities have already been sent in the clear.",
    ),
    "QM1": Text(
        "The initiator proposes a tunnel",
        "The initiator proposes networks, ESP algorithms and an SPI, with a new nonce and a new public value",
        _PROTECTED,
        "HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]  -->",
        "HASH(1), an ESP offer with the SPI on which the initiator will receive, a new nonce, a new public value (KE), "
        "and the two networks: the initiator's (IDci) and the responder's (IDcr).",
        "Each Quick Mode has its own message ID, from which its IV is computed together with the last block of phase "
        "1. HASH(1) proves that the sender knows SKEYID_a and that the message was not modified. The KE payload "
        "provides perfect forward secrecy: a separate Diffie-Hellman exchange for this tunnel.",
        "Only the other peer. An eavesdropper sees the cookies, the message ID and the length.",
    ),
    "QM2": Text(
        "The responder accepts",
        "The responder selects a proposal, and sends its SPI, nonce and public value. It can now receive ESP",
        _PROTECTED,
        "<--  HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr]",
        "HASH(2), one proposal with the SPI on which the responder will receive, its nonce, its public value, and the "
        "two networks as proposed.",
        "HASH(2) also covers the initiator's nonce, so the message is a response to this request and not to an older "
        "one. The responder installs its inbound SA before it sends this message, so that no ESP packet is lost.",
        "Only the other peer.",
    ),
    "QM3": Text(
        "The initiator confirms",
        "The initiator sends a last hash, which proves that message 1 was not a replay. ESP can flow",
        _PROTECTED,
        "HDR*, HASH(3)  -->",
        "Only HASH(3).",
        "HASH(3) covers both nonces. It shows the responder that the initiator is live, and that message 1 was not a "
        "replayed recording. The tunnel is established.",
        "Only the other peer. From now on, an eavesdropper sees ESP: SPIs, sequence numbers, sizes and times.",
    ),
}
