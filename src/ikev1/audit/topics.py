"""All that an audit can find: each topic has a stable code, and says why it matters, what to do, and who says so."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.audit.finding import Evidence, Finding, Severity


class Topic(NamedTuple):
    """What is the same in every finding of one code."""

    code: str
    title: str
    why: str
    remedy: str
    source: str

    def finding(
        self, severity: Severity, found: str, *evidence: Evidence, conversation: int = 0, remedy: str = ""
    ) -> Finding:
        """The finding of this topic in one case; ``remedy`` replaces the usual one."""
        return Finding(
            code=self.code,
            severity=severity,
            title=self.title,
            found=found,
            why=self.why,
            remedy=remedy or self.remedy,
            source=self.source,
            evidence=evidence,
            conversation=conversation,
        )


_ALL = (
    # --- phase 1 as a whole
    Topic(
        "aggressive-psk",
        "Aggressive Mode with a pre-shared key",
        "HASH_R of message 2 is computed from the pre-shared key and from values that all travel in the clear. Whoever "
        "records it, or just asks for it with a known identity, can try keys on a machine of their own, as many as "
        "they like, and nobody notices.",
        "Use Main Mode, or certificates. If neither is possible, make the pre-shared key random and long: 20 random "
        'octets or more (`python3 -c "import secrets; print(secrets.token_urlsafe(24))"`), another one for each peer.',
        "RFC 2409 §5.4; CVE-2002-1623; NIST SP 800-77r1",
    ),
    Topic(
        "identities-exposed",
        "Identities in the clear",
        "Aggressive Mode names both ends before anything is encrypted. A listener learns who talks to whom, and gets "
        "the very identity that a responder has to be asked with.",
        "Use Main Mode, which encrypts identities (messages 5 and 6), or names in Aggressive Mode that say nothing "
        "about a person or a site.",
        "RFC 2409 §5; CVE-2002-1623",
    ),
    Topic(
        "group-secret",
        "One pre-shared key for many",
        "Each of those who know the key can pretend to be the gateway to all the others: set up between a client and "
        "the network it takes the XAUTH password of whoever logs in. The key cannot be taken back from one of them.",
        "Let the gateway prove itself by a certificate: RSA or ECDSA signatures, or hybrid authentication for clients "
        "that keep their XAUTH passwords. Where peers have fixed addresses, give each a key of its own.",
        "draft-beaulieu-ike-xauth-02 §10; RFC 2409 §5.4",
    ),
    Topic(
        "ikev1",
        "IKEv1 is a historic protocol",
        "RFC 9395 moved IKEv1 to historic status in 2023: no new algorithms are defined for it, and few people still "
        "look for faults in it.",
        "Use IKEv2 with every peer that can. Where a peer cannot, keep to what is strong in IKEv1, as the other "
        "findings say.",
        "RFC 9395",
    ),
    # --- algorithms
    Topic(
        "weak-cipher",
        "A weak cipher",
        "Whoever records the traffic can read it later, when the cipher is broken or its keys are searched.",
        "Use AES with 128 or 256 bits (aes128, aes256), in ESP best aes128gcm16 or aes256gcm16.",
        "RFC 8221 §5; RFC 8247 §2.1; CVE-2016-2183 (Sweet32)",
    ),
    Topic(
        "weak-hash",
        "A weak hash",
        "The hash makes the keys (as an HMAC), proves the identities and keeps the messages whole. No attack on "
        "HMAC-MD5 or HMAC-SHA1 in this use is known, but the hashes below them are broken, and collisions have forged "
        "certificates and, in protocols, transcripts.",
        "Use sha256, sha384 or sha512.",
        "RFC 8247 §2.2, §2.3; RFC 8221 §6; CVE-2015-7575 (SLOTH)",
    ),
    Topic(
        "weak-group",
        "A weak Diffie-Hellman group",
        "All keys come from this one exchange. Whoever can compute discrete logarithms in the group reads everything "
        "that was ever recorded; for a prime that all the world shares most of that work is done only once.",
        "Use group 14 (modp2048) at least; better 19 or 20 (ecp256, ecp384), 15, 16 or 31 (curve25519).",
        "RFC 8247 §2.4; CVE-2015-4000 (Logjam)",
    ),
    Topic(
        "weak-offer",
        "Weak algorithms are offered",
        "They were not chosen here, but a responder may choose them: one with an old policy, or one that an attacker "
        "who holds the pre-shared key plays.",
        "Offer only what should be used: remove the old proposals when the last peer that needs them is gone.",
        "RFC 8247 §2; RFC 8221 §5",
    ),
    Topic(
        "null-encryption",
        "ESP or AH without encryption",
        "The packets are protected against changes, and everybody on the way can read them.",
        "Use aes128gcm16 or aes256gcm16, unless reading along is what you want (then say so where the next "
        "administrator finds it).",
        "RFC 2410; RFC 8221 §5",
    ),
    Topic(
        "no-integrity",
        "ESP without integrity protection",
        "Encryption alone keeps nothing secret against somebody who can change packets and watch what happens: "
        "ciphertext in CBC can be altered so that the plaintext goes elsewhere.",
        "Use aes128gcm16 or aes256gcm16, or a hash beside the cipher (aes128-sha256).",
        "RFC 8221 §4, §6; RFC 4303 §2",
    ),
    # --- how long keys live
    Topic(
        "phase1-lifetime",
        "A long lifetime in phase 1",
        "While an ISAKMP SA lives, SKEYID_d stays in memory, and from it follow the keys of all pairs of IPsec SAs "
        "that were made without perfect forward secrecy. It is also how long a peer stays in that was revoked.",
        "Set it to 24 hours (86400 s) or less; 8 hours is common. The shorter of both ends decides.",
        "RFC 2409 Appendix A; NIST SP 800-77r1; DISA VPN SRG",
    ),
    Topic(
        "phase2-lifetime",
        "A long lifetime in phase 2",
        "The longer a pair of IPsec SAs lives, the more traffic is under one key: more to read for whoever gets it, "
        "and with 64-bit blocks more than the cipher bears.",
        "Set it to 8 hours (28800 s) or less; 1 hour is common. For 3DES, limit the volume as well.",
        "RFC 2407 §4.5; NIST SP 800-77r1; DISA VPN SRG V-207237",
    ),
    Topic(
        "no-pfs",
        "No perfect forward secrecy",
        "Without a KE payload in Quick Mode the keys of the traffic follow from SKEYID_d. Whoever gets that, from one "
        "end's memory or by breaking the one exchange of phase 1, reads all of its tunnels.",
        'Set a group for Quick Mode on both ends, such as pfs = "modp2048" or "ecp256".',
        "RFC 2409 §5.5, §8",
    ),
    Topic(
        "anti-replay-off",
        "No protection against replays",
        "Recorded ESP packets are taken again as often as somebody sends them: what a request did once it does again.",
        "Set replay_window to 64 or more; on fast or lossy lines, 1024.",
        "RFC 4303 §3.4.3",
    ),
    # --- who is who
    Topic(
        "weak-secret",
        "A pre-shared key that can be guessed",
        "A secret that people make up falls to those who try words, names, dates and what people do to them. In "
        "Aggressive Mode anybody can try; in Main Mode one who answers a calling peer in the gateway's place.",
        'Replace it by random octets: `python3 -c "import secrets; print(secrets.token_urlsafe(24))"`, on both ends.',
        "CVE-2018-5389; NIST SP 800-77r1",
    ),
    Topic(
        "guessable-secret",
        "The configured pre-shared key falls to this word list",
        "The capture holds all that is needed to try keys without asking anybody, and this one is among the first "
        "that would be tried. Assume that whoever recorded the exchange has it.",
        "Change it now on both ends, to random octets: "
        '`python3 -c "import secrets; print(secrets.token_urlsafe(24))"`; then leave Aggressive Mode.',
        "RFC 2409 §5.4; CVE-2002-1623",
    ),
    Topic(
        "testable-secret",
        "The configured pre-shared key can be tested against this capture",
        "HASH_R is right under the configured key. Whoever has this capture can test guesses in the same way.",
        "Keep the capture as you keep the key. Leave Aggressive Mode, or make sure that the key is random and long.",
        "RFC 2409 §5.4",
    ),
    Topic(
        "reused-secret",
        "The same pre-shared key on several connections",
        "Each of these peers can pretend to be the others, and one that is broken into gives away all of them.",
        "Give each peer a key of its own.",
        "NIST SP 800-77r1",
    ),
    Topic(
        "any-peer",
        "Whoever has a certificate of the CA is the peer",
        'With remote_id = "%any" every certificate that the CA ever issued will do: that of another branch, of a '
        "laptop, of a printer.",
        "Say who the peer is in remote_id: its distinguished name, its FQDN, or a pattern of these.",
        "RFC 4945 §3.1",
    ),
    Topic(
        "revocation-off",
        "Revoked certificates are believed",
        "A stolen key works until its certificate expires, whatever the CA says.",
        'Set revocation = "strict", or "if-present" where the CA is not always within reach.',
        "RFC 5280 §6.3; RFC 4945 §5.2",
    ),
    Topic(
        "certificate-dates",
        "A certificate is out of its time, or soon will be",
        "Peers refuse it, and the tunnel does not come up again at the next rekeying.",
        "Have it renewed, and put the new one in place before the day.",
        "RFC 5280 §4.1.2.5",
    ),
    Topic(
        "small-key",
        "A small RSA key",
        "RSA keys of 1024 bits and less are within reach of people with means, those below 2048 bits are no longer "
        "allowed in most rules.",
        "Make a new key of 2048 bits or more, or one on P-256, and have a certificate issued for it.",
        "NIST SP 800-131Ar2; RFC 8247 §4.1.1",
    ),
    Topic(
        "weak-signature",
        "A certificate signed with a broken hash",
        "Two certificates with one signature can be made where the hash has collisions: MD5 in seconds, SHA-1 for the "
        "price of a car.",
        "Have it issued anew, with SHA-256.",
        "RFC 4945 §5.3; NIST SP 800-131Ar2",
    ),
    # --- behaviour
    Topic(
        "no-dpd",
        "No dead peer detection",
        "When the other end restarts or its line breaks, this one goes on sending into the void until the SAs expire.",
        "Switch on dead peer detection (DPD) on both ends; it works only if both announce it.",
        "RFC 3706",
    ),
    Topic(
        "obey",
        "The caller decides about key lengths and lifetimes",
        "proposal_check = obey takes whatever lifetime the peer wants, and a shorter key.",
        'Set proposal_check = "strict" (the default), or "claim" for peers that ask for too much.',
        "RFC 2407 §4.5.4",
    ),
    Topic(
        "repeated-randomness",
        "The same random value twice",
        "Nonces and Diffie-Hellman values are to be new each time. One that comes again in another conversation means "
        "that a peer reuses keys, which ends forward secrecy, or that its random numbers are predictable.",
        "Update the peer. If it repeats nonces, stop using it for anything secret until it is mended.",
        "RFC 2409 §5, §8",
    ),
    Topic(
        "maker-exposed",
        "A peer tells who made it",
        "Vendor IDs travel in the clear and name product and sometimes version: they tell which known faults to try.",
        "Nothing has to be done; keep the peer up to date, and switch the vendor ID off where it can be.",
        "RFC 2408 §3.16",
    ),
    # --- files
    Topic(
        "exposed-file",
        "Others can read or change a file with secrets",
        "Whoever has an account on the machine, or breaks into any service on it, has the secret.",
        "chmod 600 it, and consider the secret as known: replace it.",
        "NIST SP 800-77r1",
    ),
    Topic(
        "changeable-file",
        "Others can change the configuration, or replace what it names",
        "Whoever can write to the configuration, to the file of a CA, or to a folder that one of these is in, decides "
        "whom the gateway believes, whom it calls, and what it protects.",
        "chmod go-w the file or the folder, and look whether everything in it is as it was.",
        "NIST SP 800-77r1",
    ),
    Topic(
        "key-log",
        "Keys are written to a file",
        "Whoever gets the key log reads everything that was recorded of the ISAKMP and ESP traffic.",
        "Remove keylog from the configuration when you are done, and delete the files.",
        "docs/configuration.md",
    ),
    Topic(
        "unusable",
        "The configuration cannot be used",
        "The gateway refuses to start with it, and what depends on it could not be audited.",
        "Mend it (`ikev1 check` tells the same) and run the audit again.",
        "docs/configuration.md",
    ),
)

TOPICS = {topic.code: topic for topic in _ALL}


def topic(code: str) -> Topic:
    """The topic of this code."""
    return TOPICS[code]
