"""Common statements that differ from RFC 2409, by message and by formula, and why the difference matters."""

from __future__ import annotations

from ikev1.lesson.record import Comparison, Misreading

_SKEYID = Misreading(
    about="SKEYID",
    often="SKEYID = H(PSK | Ni | Nr)",
    really="SKEYID = prf(pre-shared-key, Ni_b | Nr_b)",
    why="prf is a keyed function, the HMAC of the negotiated hash. The pre-shared key is its key, not part of its "
    "text. A plain hash over all three values gives a different result, and different keys and nonces could "
    "concatenate to the same text.",
    source="RFC 2409 §5, §4",
)
_ENCRYPTION_KEY = Misreading(
    about="encryption key",
    often="messages are encrypted with SKEYID_e",
    really="the key is derived from SKEYID_e: truncated, or expanded by the prf if SKEYID_e is too short",
    why="SKEYID_e has the length of the hash, while the cipher determines the length of the key.",
    source="RFC 2409 Appendix B",
)
_HASH_I = Misreading(
    about="HASH_I",
    often="HASH_I = H(SKEYID | CKY-I | CKY-R | PSK | SA | ...)",
    really="HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b)",
    why="HASH_I does not contain the pre-shared key, which enters only through SKEYID. It covers both public values, "
    "which defeats a machine in the middle.",
    source="RFC 2409 §5",
)
_HASH_R = Misreading(
    about="HASH_R",
    often="HASH_R covers the proposal selected by the responder",
    really="HASH_R covers SAi_b, the offer of the initiator, as HASH_I does",
    why="Neither of them covers the selection in message 2.",
    source="RFC 2409 §5",
)
_KEYMAT = Misreading(
    about="KEYMAT",
    often="the ESP keys are derived from SKEYID_e, or from g^xy of phase 1",
    really="KEYMAT = prf(SKEYID_d, [ g(qm)^xy | ] protocol | SPI | Ni_b | Nr_b)",
    why="All traffic keys are derived from SKEYID_d; SKEYID_e encrypts only ISAKMP messages. Each direction has its "
    "own keys, because it has its own SPI.",
    source="RFC 2409 §5.5",
)

_OF_MESSAGES: dict[str, tuple[Misreading, ...]] = {
    "MM1": (
        Misreading(
            often="a cookie is the MD5 of addresses, ports and time",
            really="any fast hash is allowed, but it must include a local secret; here the responder's cookie is a "
            "keyed BLAKE2s, and the initiator's is random",
            why="Without a secret, anyone could compute the cookie for any address, and it would prove nothing.",
            source="RFC 2408 §2.5.3",
        ),
    ),
    "MM2": (
        Misreading(
            often="p and g are exchanged; look for them in the capture",
            really="the group is negotiated by its number (attribute 4), which identifies p and g",
            why="A search of the capture finds nothing. The exceptions, New Group Mode and proposals with explicit "
            "group parameters (attributes 5 to 10), are rarely used.",
            source="RFC 2409 §6, Appendix A",
        ),
    ),
    "MM4": (
        Misreading(
            often="the Diffie-Hellman exchange of phase 1 provides perfect forward secrecy",
            really="perfect forward secrecy of the traffic requires KE payloads in Quick Mode",
            why="Without them, the keys of all tunnels of this SA are derived from SKEYID_d alone.",
            source="RFC 2409 §5.5, §8",
        ),
    ),
    "MM5": (
        Misreading(
            often="in Main Mode the responder selects the pre-shared key by this identity",
            really="it must select the key by the address: the identity is encrypted with a key derived from the "
            "pre-shared key",
            why="In Main Mode, peers with dynamic addresses have to share one key or use certificates.",
            source="RFC 2409 §5.4",
        ),
    ),
    "AM2": (
        Misreading(
            often="Aggressive Mode sends one identity in the clear (or: both in message 1)",
            really="message 1 carries IDii and message 2 carries IDir, both in the clear; only message 3 can be "
            "encrypted",
            why="A capture without a response shows only one of them.",
            source="RFC 2409 §5.4",
        ),
    ),
}
_OF_MESSAGES["AM1"] = _OF_MESSAGES["MM1"]

_OF_FORMULAS = (_SKEYID, _ENCRYPTION_KEY, _HASH_I, _HASH_R, _KEYMAT)


def misreadings_of(label: str, formulas: tuple[str, ...]) -> tuple[Misreading, ...]:
    """The misreadings about the message with this label, and about the formulas with these names."""
    of_formulas = [
        misreading for name in formulas for misreading in _OF_FORMULAS if name.split(" of ")[0] == misreading.about
    ]
    return (*_OF_MESSAGES.get(label, ()), *dict.fromkeys(of_formulas))


def comparisons() -> tuple[Comparison, ...]:
    """SKEYID by authentication method. Articles often give one formula for all, or omit the cookies."""
    return (
        Comparison(
            method="pre-shared keys",
            used=True,
            often="H(PSK | Ni | Nr)",
            really="prf(pre-shared-key, Ni_b | Nr_b)",
            means="SKEYID does not depend on g^xy, so it can be computed from public values and the key. This makes "
            "offline guessing possible in Aggressive Mode.",
            source="RFC 2409 §5, §5.4",
        ),
        Comparison(
            method="signatures",
            used=False,
            often="H(K | Ni | Nr)",
            really="prf(Ni_b | Nr_b, g^xy)",
            means="The nonces are the key of the prf, and g^xy is its text: it includes no long-term secret. Instead "
            "of a HASH payload, each peer sends a signature over HASH_I or HASH_R in a SIG payload.",
            source="RFC 2409 §5, §5.1",
        ),
        Comparison(
            method="public key encryption",
            used=False,
            often="H(K | Ni | Nr)",
            really="prf(hash(Ni_b | Nr_b), CKY-I | CKY-R)",
            means="The nonces are secret: each is encrypted with the public key of the other peer, so only the owner "
            "of the private key can compute SKEYID, which does not depend on g^xy. The revised mode (§5.3) uses the "
            "same formula, and encrypts identities and public values with keys derived from the nonces.",
            source="RFC 2409 §5, §5.2, §5.3",
        ),
    )
