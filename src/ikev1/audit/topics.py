"""The catalogue of findings: each has a stable code, and states why it matters, the remedy, and the source."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.audit.finding import Evidence, Finding, Severity


class Topic(NamedTuple):
    """The part common to all findings with one code."""

    code: str
    title: str
    why: str
    remedy: str
    source: str

    def finding(
        self, severity: Severity, found: str, *evidence: Evidence, conversation: int = 0, remedy: str = ""
    ) -> Finding:
        """A finding on this topic; ``remedy`` replaces the default remedy."""
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
        "HASH_R in message 2 is computed from the pre-shared key and from values that are sent in the clear. An "
        "attacker who records the exchange, or requests message 2 with a known identity, can test guesses at the key "
        "offline, without limit and without being detected.",
        "Use Main Mode, or certificates. If neither is possible, use a long random pre-shared key: at least 20 random "
        'octets (`python3 -c "import secrets; print(secrets.token_urlsafe(24))"`), and a different one for each peer.',
        "RFC 2409 §5.4; CVE-2002-1623; NIST SP 800-77r1",
    ),
    Topic(
        "identities-exposed",
        "Identities in the clear",
        "Aggressive Mode sends both identities before encryption starts. An eavesdropper learns who communicates, and "
        "obtains the identity needed to request message 2 from the responder.",
        "Use Main Mode, which encrypts the identities (messages 5 and 6), or use identities in Aggressive Mode that do "
        "not reveal a person or a site.",
        "RFC 2409 §5; CVE-2002-1623",
    ),
    Topic(
        "group-secret",
        "One pre-shared key for many peers",
        "Everyone who knows the key can impersonate the gateway to the other peers. An attacker between a client and "
        "the gateway obtains the XAUTH password of each user who logs in. The key cannot be revoked for a single peer.",
        "Authenticate the gateway with a certificate: RSA or ECDSA signatures, or hybrid authentication for clients "
        "that use XAUTH passwords. Give each peer with a fixed address its own key.",
        "draft-beaulieu-ike-xauth-02 §10; RFC 2409 §5.4",
    ),
    Topic(
        "ikev1",
        "IKEv1 is a historic protocol",
        "RFC 9395 moved IKEv1 to historic status in 2023: no new algorithms are defined for it, and it receives little "
        "security review.",
        "Use IKEv2 with every peer that supports it. For the others, use only the strong options of IKEv1; see the "
        "other findings.",
        "RFC 9395",
    ),
    # --- algorithms
    Topic(
        "weak-cipher",
        "A weak cipher",
        "An attacker who records the traffic can decrypt it later, by breaking the cipher or searching its keys.",
        "Use AES with 128 or 256 bits (aes128, aes256); for ESP, preferably aes128gcm16 or aes256gcm16.",
        "RFC 8221 §5; RFC 8247 §2.1; CVE-2016-2183 (Sweet32)",
    ),
    Topic(
        "weak-hash",
        "A weak hash",
        "The hash derives the keys (as an HMAC), authenticates the identities and protects the integrity of messages. "
        "No attack on HMAC-MD5 or HMAC-SHA1 in this role is known, but the underlying hashes are broken: collisions "
        "have been used to forge certificates and protocol transcripts.",
        "Use sha256, sha384 or sha512.",
        "RFC 8247 §2.2, §2.3; RFC 8221 §6; CVE-2015-7575 (SLOTH)",
    ),
    Topic(
        "weak-group",
        "A weak Diffie-Hellman group",
        "All keys are derived from this exchange. An attacker who can compute discrete logarithms in the group can "
        "decrypt all recorded traffic. For a widely used prime, most of that work is needed only once.",
        "Use at least group 14 (modp2048); preferably 19 or 20 (ecp256, ecp384), 15, 16 or 31 (curve25519).",
        "RFC 8247 §2.4; CVE-2015-4000 (Logjam)",
    ),
    Topic(
        "weak-offer",
        "Weak algorithms are offered",
        "They were not selected here, but another responder may select them: one with an outdated policy, or an "
        "attacker who knows the pre-shared key.",
        "Offer only the algorithms you want to use. Remove the old proposals once no peer needs them.",
        "RFC 8247 §2; RFC 8221 §5",
    ),
    Topic(
        "null-encryption",
        "ESP or AH without encryption",
        "The packets are protected against modification, but anyone on the path can read them.",
        "Use aes128gcm16 or aes256gcm16. If plaintext is intended, document it in the configuration.",
        "RFC 2410; RFC 8221 §5",
    ),
    Topic(
        "no-integrity",
        "ESP without integrity protection",
        "Encryption alone does not protect against an attacker who can modify packets: CBC ciphertext can be altered "
        "so that the decrypted packet is sent to another destination.",
        "Use aes128gcm16 or aes256gcm16, or combine the cipher with a hash (aes128-sha256).",
        "RFC 8221 §4, §6; RFC 4303 §2",
    ),
    # --- how long keys live
    Topic(
        "phase1-lifetime",
        "A long lifetime in phase 1",
        "SKEYID_d stays in memory as long as the ISAKMP SA exists, and the keys of all IPsec SAs without perfect "
        "forward secrecy are derived from it. A revoked peer also stays connected for that long.",
        "Set the lifetime to 24 hours (86400 s) or less; 8 hours is common. The shorter lifetime of the two peers is "
        "used.",
        "RFC 2409 Appendix A; NIST SP 800-77r1; DISA VPN SRG",
    ),
    Topic(
        "phase2-lifetime",
        "A long lifetime in phase 2",
        "The longer an IPsec SA exists, the more traffic is encrypted with one key, and the more is exposed if the key "
        "is compromised. A cipher with 64-bit blocks reaches its safe data limit.",
        "Set the lifetime to 8 hours (28800 s) or less; 1 hour is common. For 3DES, also limit the volume.",
        "RFC 2407 §4.5; NIST SP 800-77r1; DISA VPN SRG V-207237",
    ),
    Topic(
        "no-pfs",
        "No perfect forward secrecy",
        "Without a KE payload in Quick Mode, the ESP keys are derived from SKEYID_d alone. An attacker who obtains it, "
        "from the memory of a peer or by breaking the phase 1 exchange, can decrypt all tunnels of that SA.",
        'Configure a group for Quick Mode on both peers, such as pfs = "modp2048" or "ecp256".',
        "RFC 2409 §5.5, §8",
    ),
    Topic(
        "anti-replay-off",
        "No replay protection",
        "Recorded ESP packets are accepted again when an attacker resends them, so a request can be repeated.",
        "Set replay_window to at least 64; on fast or lossy links, to 1024.",
        "RFC 4303 §3.4.3",
    ),
    # --- authentication
    Topic(
        "weak-secret",
        "A guessable pre-shared key",
        "A secret invented by a person is found by trying words, names, dates and common variations. In Aggressive "
        "Mode anyone can test guesses; in Main Mode, an attacker who impersonates the responder can.",
        'Replace it with random octets on both peers: `python3 -c "import secrets; print(secrets.token_urlsafe(24))"`.',
        "CVE-2018-5389; NIST SP 800-77r1",
    ),
    Topic(
        "guessable-secret",
        "The configured pre-shared key is in reach of this word list",
        "The capture suffices to test guesses offline, and this key is among the first guesses. Assume that anyone who "
        "recorded the exchange has the key.",
        "Replace the key on both peers now, with random octets "
        '(`python3 -c "import secrets; print(secrets.token_urlsafe(24))"`), and stop using Aggressive Mode.',
        "RFC 2409 §5.4; CVE-2002-1623",
    ),
    Topic(
        "testable-secret",
        "The configured pre-shared key can be tested against this capture",
        "HASH_R was computed with the configured key. Anyone who has this capture can test guesses at the key.",
        "Protect the capture like the key. Stop using Aggressive Mode, or use a long random key.",
        "RFC 2409 §5.4",
    ),
    Topic(
        "reused-secret",
        "One pre-shared key on several connections",
        "Each of these peers can impersonate the others, and the compromise of one compromises all.",
        "Give each peer its own key.",
        "NIST SP 800-77r1",
    ),
    Topic(
        "any-peer",
        "Any certificate of the CA authenticates the peer",
        'With remote_id = "%any", every certificate issued by the CA is accepted: that of another branch, a laptop or '
        "a printer.",
        "Set remote_id to the identity of the peer: its distinguished name, its FQDN, or a pattern.",
        "RFC 4945 §3.1",
    ),
    Topic(
        "revocation-off",
        "Revoked certificates are accepted",
        "A stolen key remains usable until its certificate expires, even if the CA has revoked it.",
        'Set revocation = "strict", or "if-present" if the CA is not always reachable.',
        "RFC 5280 §6.3; RFC 4945 §5.2",
    ),
    Topic(
        "certificate-dates",
        "A certificate is not valid at this time, or expires soon",
        "Peers reject the certificate, and the tunnel fails at the next rekeying.",
        "Renew the certificate, and install the new one before the old one expires.",
        "RFC 5280 §4.1.2.5",
    ),
    Topic(
        "small-key",
        "A small RSA key",
        "A well-funded attacker can break RSA keys of 1024 bits or less. Most standards no longer allow keys of less "
        "than 2048 bits.",
        "Generate a new key of at least 2048 bits, or on P-256, and obtain a certificate for it.",
        "NIST SP 800-131Ar2; RFC 8247 §4.1.1",
    ),
    Topic(
        "weak-signature",
        "A certificate signed with a broken hash",
        "With hash collisions, an attacker can create two certificates with the same signature: for MD5 in seconds, "
        "for SHA-1 at the price of a car.",
        "Have the certificate reissued with SHA-256.",
        "RFC 4945 §5.3; NIST SP 800-131Ar2",
    ),
    # --- behaviour
    Topic(
        "no-dpd",
        "No dead peer detection",
        "If the peer restarts or becomes unreachable, traffic is lost until the SAs expire.",
        "Enable dead peer detection (DPD) on both peers; it requires that both announce it.",
        "RFC 3706",
    ),
    Topic(
        "obey",
        "The initiator determines key lengths and lifetimes",
        "proposal_check = obey accepts any lifetime that the peer proposes, and shorter keys.",
        'Set proposal_check = "claim" (the default), or "strict" to refuse peers that propose longer lifetimes.',
        "RFC 2407 §4.5.4",
    ),
    Topic(
        "repeated-randomness",
        "A repeated random value",
        "Nonces and Diffie-Hellman public values must be fresh in each exchange. A repeated value means that the peer "
        "reuses private values, which defeats forward secrecy, or that its random numbers are predictable.",
        "Update the peer. If it repeats nonces, do not use it for confidential traffic until it is fixed.",
        "RFC 2409 §5, §8",
    ),
    Topic(
        "maker-exposed",
        "A peer reveals its implementation",
        "Vendor IDs are sent in the clear and identify the product and sometimes its version, and so its known "
        "vulnerabilities.",
        "No action is required. Keep the peer up to date, and disable the vendor ID if possible.",
        "RFC 2408 §3.16",
    ),
    # --- files
    Topic(
        "exposed-file",
        "Other users can read or modify a file with secrets",
        "Anyone with an account on the machine, or with control over one of its services, can obtain the secret.",
        "Restrict the file with chmod 600, and replace the secret, which must be considered compromised.",
        "NIST SP 800-77r1",
    ),
    Topic(
        "changeable-file",
        "Other users can modify the configuration or its files",
        "A user who can write to the configuration, to a CA certificate, or to the directory of one of these controls "
        "which peers the gateway trusts, which it connects to, and which traffic it protects.",
        "Remove the write permission (chmod go-w), and check the contents for modifications.",
        "NIST SP 800-77r1",
    ),
    Topic(
        "key-log",
        "Keys are written to a file",
        "Anyone who obtains the key log can decrypt recorded ISAKMP and ESP traffic.",
        "Remove keylog from the configuration after debugging, and delete the files.",
        "docs/configuration.md",
    ),
    Topic(
        "unusable",
        "The configuration is invalid",
        "The gateway does not start with this configuration, and most rules could not be audited.",
        "Fix the errors (`ikev1 check` reports the same ones) and run the audit again.",
        "docs/configuration.md",
    ),
)

TOPICS = {topic.code: topic for topic in _ALL}


def topic(code: str) -> Topic:
    """The topic with this code."""
    return TOPICS[code]
