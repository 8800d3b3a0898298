"""What each message is for, in plain words, for the lesson and the demo: with pre-shared keys (RFC 2409 §5.4, §5.5)."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """One message. ``does`` and ``secret`` are for who watches, the others for who learns."""

    title: str
    does: str  # in a sentence, without a full stop
    secret: str  # who can read it, in a clause
    rfc: str  # the RFC's line
    carries: str
    why: str
    seen: str


_CLEAR = "in the clear: anybody on the way can read it"
_HARMLESS = "in the clear, and harmless: the public values do not give away the key"
_PROTECTED = "encrypted with a key that only the two of them can compute"

_OFFER = (
    "The offer is a list of transforms, the preferred one first. Each is complete in itself: a cipher, a hash, a "
    "Diffie-Hellman group, a way to authenticate, a lifetime. Nothing can be mixed: the responder takes one as it "
    "stands, or none."
)
_SECOND_HALF = (
    "The nonce makes this exchange different from every other one with the same secrets: who plays back an old message "
    "gets other keys out of it, and nothing that was recorded fits."
)

TEXTS: dict[str, Text] = {
    "MM1": Text(
        "I can do this",
        "I can do this: the initiator offers its policies, and a cookie by which to find this conversation",
        _CLEAR,
        "HDR, SA  -->",
        "The header with the initiator's cookie (the responder's is still zero), an SA payload with the offer, and "
        "vendor IDs, which say what else the initiator can do.",
        f"{_OFFER} No key exists yet, so nothing can be protected; and nothing secret is said.",
        "Everybody on the way reads all of it: which algorithms this gateway allows, and from its vendor IDs often who "
        "made it. Who it is, it does not say. Somebody in the middle could strike out the strong half of the offer; "
        "that comes out in messages 5 and 6, for HASH_I and HASH_R cover the offer as it was sent.",
    ),
    "MM2": Text(
        "Let us do that",
        "Let us do that: the responder picks one policy and adds its own cookie",
        _CLEAR,
        "<--  HDR, SA",
        "The header with both cookies, and an SA payload with exactly one transform: one of those that were offered, "
        "unchanged.",
        "From now on the two cookies together name this SA. The responder's cookie is more than a name: it went to "
        "the address that the first message claimed to come from, and the initiator has to send it back. Only then "
        "does the responder do anything that costs: who sends from a false address never sees the cookie.",
        "Everybody reads the choice. No prime and no generator can be seen in the capture, here or later: the number "
        "of the group names both.",
    ),
    "MM3": Text(
        "My half of the key",
        "My half of the key: a Diffie-Hellman public value and a nonce, and hashes of the addresses to find a NAT",
        _HARMLESS,
        "HDR, KE, Ni  -->",
        "The initiator's public value g^xi in the KE payload, its nonce Ni, and two NAT-D hashes over cookies, "
        "addresses and ports.",
        f"The initiator drew a secret exponent x and sends g^x, from which nobody can compute x. {_SECOND_HALF}",
        "Everybody reads g^xi and Ni, and can do nothing with them. The NAT-D hashes hide nothing: the addresses stand "
        "in the IP header, and who changes them there, as a NAT does, is found out.",
    ),
    "MM4": Text(
        "My half",
        "My half: now both compute the same secret, mix in the pre-shared key, and derive SKEYID and its three keys",
        "in the clear, and harmless",
        "<--  HDR, KE, Nr",
        "The same from the other side: g^xr, the nonce Nr, NAT-D hashes.",
        "Now each has its own secret exponent and the other's public value: enough for both to compute g^xy, and for "
        "nobody else. This alone would not tell with whom one has made a key; that is what the last two messages are "
        "for.",
        "Everybody reads g^xr and Nr. The last message in the clear: what comes now is encrypted.",
    ),
    "MM5": Text(
        "This is who I am",
        "This is who I am: the identity, and a hash that only somebody with the pre-shared key can make",
        _PROTECTED,
        "HDR*, IDii, HASH_I  -->",
        "The initiator's identity and HASH_I, encrypted (the star) with the key made of SKEYID_e. Often a notify as "
        "well: INITIAL-CONTACT says that the initiator knows of no older SA with this peer.",
        "HASH_I proves three things at once: that its maker knows the pre-shared key (through SKEYID), that nobody "
        "stood between them in the Diffie-Hellman exchange (both public values are in it), and that the offer of "
        "message 1 arrived as it was sent (SAi_b).",
        "Nobody who only listens can read it: Main Mode protects the identities. One who answers in the gateway's "
        "place knows g^xy, because it is one of the two ends, but not the pre-shared key: it cannot decrypt this "
        "message, but can try keys on it offline, until one makes sense of it. So the key must not be guessable in "
        "Main Mode either.",
    ),
    "MM6": Text(
        "And this is me",
        "And this is me: the responder's identity and hash. The ISAKMP SA is established",
        _PROTECTED,
        "<--  HDR*, IDir, HASH_R",
        "The responder's identity and HASH_R.",
        "The same proof from the other side. HASH_R has public values and cookies the other way round, so that nobody "
        "can just send HASH_I back. With this message the ISAKMP SA is up: a protected channel for what follows, which "
        "carries no traffic of users itself.",
        "Nobody but the initiator, which has proved itself by now.",
    ),
    "AM1": Text(
        "All I have, at once",
        "All I have, at once: the offer, my half of the key, and who I am",
        _CLEAR,
        "HDR, SA, KE, Ni, IDii  -->",
        "The offer, the public value g^xi, the nonce Ni, and the initiator's identity: messages 1 and 3 of Main Mode, "
        "and half of message 5, together with the vendor IDs.",
        f"{_OFFER} Here all must be of one group, for g^xi is a value of it, sent before anybody has agreed. The "
        "identity comes so early so that the responder can choose the pre-shared key by it, not by the address: that "
        "is why Aggressive Mode with pre-shared keys was so popular for clients with changing addresses.",
        "Everybody reads who calls. The responder does all its work, Diffie-Hellman included, for somebody who may "
        "have a false address: there was no cookie to send back.",
    ),
    "AM2": Text(
        "All of mine, and the proof",
        "All of mine, and the proof: the choice, my half of the key, who I am, and a hash of the pre-shared key",
        "in the clear, hash included: whoever has these two messages can try out pre-shared keys",
        "<--  HDR, SA, KE, Nr, IDir, HASH_R",
        "The choice, g^xr, Nr, the responder's identity and its proof HASH_R, in the clear.",
        "Now the initiator can compute everything, and check HASH_R before it says another word.",
        "Everybody reads who answers. And everybody has all inputs of HASH_R but one: g^xr, g^xi, the cookies, SAi_b "
        "and IDir_b stand in the two messages, and SKEYID is made of the nonces, which do as well, and the pre-shared "
        "key. So a guess at the key can be tested with two HMACs, offline. The warning about Aggressive Mode is real, "
        "and this is all there is to it; nobody even has to listen, for the responder sends this to anybody who asks "
        "with a name that it knows.",
    ),
    "AM3": Text(
        "The proof from my side",
        "The proof from my side: the initiator's hash. The ISAKMP SA is established",
        "may be in the clear by the RFC; here encrypted",
        "HDR, HASH_I  -->",
        "HASH_I, and NAT-D hashes.",
        "The responder learns only now that the initiator is real, knows the key, and got its answer.",
        "The RFC lets this message pass in the clear (no star). This implementation encrypts it, as most do. The "
        "identities are out already.",
    ),
    "QM1": Text(
        "Let us carry traffic",
        "Let us carry traffic: these networks, these ESP algorithms, this SPI, a fresh nonce and a fresh public value",
        _PROTECTED,
        "HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]  -->",
        "HASH(1), an offer for ESP with the SPI under which the initiator wants to receive, a new nonce, a new public "
        "value (KE), and the two networks: the initiator's (IDci) and the responder's (IDcr).",
        "Every Quick Mode has a message ID of its own, from which with the last block of phase 1 its IV is made. "
        "HASH(1) proves that the message comes from somebody who has SKEYID_a, and that nobody changed it. The KE "
        "payload is what perfect forward secrecy is: a Diffie-Hellman exchange for this tunnel alone.",
        "Nobody but the other end. A listener sees the cookies, the message ID and a length.",
    ),
    "QM2": Text(
        "Agreed",
        "Agreed: one proposal, the responder's SPI, nonce and public value. It can receive from here on",
        _PROTECTED,
        "<--  HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr]",
        "HASH(2), one proposal with the SPI under which the responder will receive, its nonce, its public value, and "
        "the two networks as they were asked for.",
        "HASH(2) covers the initiator's nonce as well: the answer is to this question and to no older one. The "
        "responder installs its inbound SA before it sends this, so that nothing that comes under it is lost.",
        "Nobody but the other end.",
    ),
    "QM3": Text(
        "I saw your answer",
        "I saw your answer: a last hash proves that nobody replayed it. ESP may flow",
        _PROTECTED,
        "HDR*, HASH(3)  -->",
        "HASH(3), and nothing else.",
        "It covers both nonces: the responder learns that the initiator is alive, and did not just repeat a message 1 "
        "that somebody had recorded. The tunnel is up.",
        "Nobody but the other end. From now on a listener sees ESP: SPI, sequence number, sizes, times.",
    ),
}
