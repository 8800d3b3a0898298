"""Where popular articles differ from RFC 2409, and what difference it makes, by message and by formula."""

from __future__ import annotations

from ikev1.lesson.record import Comparison, Misreading

_SKEYID = Misreading(
    about="SKEYID",
    often="SKEYID = H(PSK | Ni | Nr)",
    really="SKEYID = prf(pre-shared-key, Ni_b | Nr_b)",
    why="prf is keyed, the HMAC of the negotiated hash, and the pre-shared key is its key, not a piece of its text. "
    "A plain hash over all three gives other octets, and two keys and nonces could run together to the same text.",
    source="RFC 2409 §5, §4",
)
_ENCRYPTION_KEY = Misreading(
    about="encryption key",
    often="messages are encrypted with SKEYID_e",
    really="the key is made of SKEYID_e: cut, or where it is too short for the cipher expanded by the prf",
    why="SKEYID_e is as long as the hash, the key as long as the cipher wants it.",
    source="RFC 2409 Appendix B",
)
_HASH_I = Misreading(
    about="HASH_I",
    often="HASH_I = H(SKEYID | CKY-I | CKY-R | PSK | SA | ...)",
    really="HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b)",
    why="The pre-shared key is not in it: it enters through SKEYID only. What is in it are both public values, and "
    "that is what keeps somebody in the middle out.",
    source="RFC 2409 §5",
)
_HASH_R = Misreading(
    about="HASH_R",
    often="HASH_R covers what the responder chose",
    really="HASH_R covers SAi_b, the initiator's offer, as HASH_I does",
    why="The choice of message 2 is in neither of them.",
    source="RFC 2409 §5",
)
_KEYMAT = Misreading(
    about="KEYMAT",
    often="the keys of ESP come from SKEYID_e, or from g^xy of phase 1",
    really="KEYMAT = prf(SKEYID_d, [ g(qm)^xy | ] protocol | SPI | Ni_b | Nr_b)",
    why="SKEYID_d is the parent of all keys of traffic, SKEYID_e encrypts ISAKMP messages and nothing else. Each "
    "direction has keys of its own, because it has an SPI of its own.",
    source="RFC 2409 §5.5",
)

_OF_MESSAGES: dict[str, tuple[Misreading, ...]] = {
    "MM1": (
        Misreading(
            often="a cookie is the MD5 of addresses, ports and time",
            really="any fast hash will do, but a local secret must be in it; here the responder's is a keyed BLAKE2s, "
            "and the initiator's is random",
            why="Without a secret anybody could compute the cookie of any address, and it would prove nothing.",
            source="RFC 2408 §2.5.3",
        ),
    ),
    "MM2": (
        Misreading(
            often="p and g are exchanged; look for them in the capture",
            really="the group is negotiated by its number (attribute 4), which names p and g",
            why="Who looks for them finds nothing. New Group Mode and offers with a group of their own (attributes 5 "
            "to 10) are the exceptions, and hardly anybody uses either.",
            source="RFC 2409 §6, Appendix A",
        ),
    ),
    "MM4": (
        Misreading(
            often="the Diffie-Hellman exchange of phase 1 is perfect forward secrecy",
            really="perfect forward secrecy of the traffic is the KE payload in Quick Mode",
            why="Without it all tunnels of this SA have keys that follow from SKEYID_d.",
            source="RFC 2409 §5.5, §8",
        ),
    ),
    "MM5": (
        Misreading(
            often="in Main Mode the responder looks up the pre-shared key by this identity",
            really="it had to choose the key by the address: the identity is encrypted under a key that the pre-shared "
            "key makes",
            why="Peers with changing addresses have to share one key in Main Mode, or use certificates.",
            source="RFC 2409 §5.4",
        ),
    ),
    "AM2": (
        Misreading(
            often="in Aggressive Mode one identity passes in the clear (or: both do, in message 1)",
            really="message 1 carries IDii, message 2 carries IDir, both in the clear; only message 3 may be encrypted",
            why="A capture of an attempt that nobody answered shows one only.",
            source="RFC 2409 §5.4",
        ),
    ),
}
_OF_MESSAGES["AM1"] = _OF_MESSAGES["MM1"]

_OF_FORMULAS = (_SKEYID, _ENCRYPTION_KEY, _HASH_I, _HASH_R, _KEYMAT)


def misreadings_of(label: str, formulas: tuple[str, ...]) -> tuple[Misreading, ...]:
    """What is often misread about a message, and about the formulas of these names."""
    of_formulas = [
        misreading for name in formulas for misreading in _OF_FORMULAS if name.split(" of ")[0] == misreading.about
    ]
    return (*_OF_MESSAGES.get(label, ()), *dict.fromkeys(of_formulas))


def comparisons() -> tuple[Comparison, ...]:
    """SKEYID by each method of authentication: articles tell one formula for all, or leave out the cookies."""
    return (
        Comparison(
            method="pre-shared keys",
            used=True,
            often="H(PSK | Ni | Nr)",
            really="prf(pre-shared-key, Ni_b | Nr_b)",
            means="g^xy is not in SKEYID, so that it can be computed from what is in the clear and the key: that is "
            "what makes guessing possible in Aggressive Mode.",
            source="RFC 2409 §5, §5.4",
        ),
        Comparison(
            method="signatures",
            used=False,
            often="H(K | Ni | Nr)",
            really="prf(Ni_b | Nr_b, g^xy)",
            means="The nonces are the key of the prf and g^xy is its text: no secret known before is in it. What "
            "proves who is who is a signature over HASH_I or HASH_R, in the SIG payload, and no HASH payload is sent.",
            source="RFC 2409 §5, §5.1",
        ),
        Comparison(
            method="public key encryption",
            used=False,
            often="H(K | Ni | Nr)",
            really="prf(hash(Ni_b | Nr_b), CKY-I | CKY-R)",
            means="The secret is the nonces: each travels encrypted with the other's public key, so that only the "
            "owner of the private key can compute SKEYID. g^xy is not in it. The revised mode (§5.3) has the same "
            "formula, and encrypts identities and public values with keys that it makes of the nonces.",
            source="RFC 2409 §5, §5.2, §5.3",
        ),
    )
