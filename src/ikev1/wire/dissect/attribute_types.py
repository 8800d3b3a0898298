"""What attributes are there for, a sentence each."""

from __future__ import annotations

from ikev1.wire.registry import ConfigAttribute, Phase1Attribute, Phase2Attribute

PHASE1_ABOUT: dict[int, str] = {
    Phase1Attribute.ENCRYPTION_ALGORITHM: "The cipher of the ISAKMP SA itself (RFC 2409 Appendix A).",
    Phase1Attribute.HASH_ALGORITHM: "The hash whose HMAC makes keys and proofs (RFC 2409 Appendix A).",
    Phase1Attribute.AUTHENTICATION_METHOD: "How the peers prove who they are (RFC 2409 §5).",
    Phase1Attribute.GROUP_DESCRIPTION: (
        "The Diffie-Hellman group: the number names p and g, which are in RFCs and not in the messages (RFC 2409 §6)."
    ),
    Phase1Attribute.GROUP_TYPE: "What kind of group a group of one's own is (RFC 2409 §5.6).",
    Phase1Attribute.GROUP_PRIME: "The prime p of a group of one's own (RFC 2409 §5.6).",
    Phase1Attribute.GROUP_GENERATOR_ONE: "The generator g of a group of one's own (RFC 2409 §5.6).",
    Phase1Attribute.LIFE_TYPE: "What the Life Duration after it counts: seconds or kilobytes (RFC 2409 Appendix A).",
    Phase1Attribute.LIFE_DURATION: "How long the ISAKMP SA may live (RFC 2409 Appendix A).",
    Phase1Attribute.PRF: "Another way than the hash's HMAC to make keys; nobody has defined one (RFC 2409 Appendix A).",
    Phase1Attribute.KEY_LENGTH: "The bits of the cipher's key, for ciphers that leave a choice (RFC 2409 Appendix A).",
}

PHASE2_ABOUT: dict[int, str] = {
    Phase2Attribute.SA_LIFE_TYPE: "What the Life Duration after it counts: seconds or kilobytes (RFC 2407 §4.5).",
    Phase2Attribute.SA_LIFE_DURATION: "How long the SA, or how much data under it, is good for (RFC 2407 §4.5).",
    Phase2Attribute.GROUP_DESCRIPTION: (
        "The group of a new Diffie-Hellman exchange: perfect forward secrecy (RFC 2409 §5.5)."
    ),
    Phase2Attribute.ENCAPSULATION_MODE: (
        "Whether whole IP packets travel inside (tunnel) or only what IP carries (transport) (RFC 2407 §4.5)."
    ),
    Phase2Attribute.AUTHENTICATION_ALGORITHM: "What protects the packets against changes (RFC 2407 §4.5).",
    Phase2Attribute.KEY_LENGTH: "The bits of the cipher's key, for ciphers that leave a choice (RFC 2407 §4.5).",
    Phase2Attribute.ECN_TUNNEL: "Whether congestion marks may pass through the tunnel (RFC 3168 §9.2.1).",
    Phase2Attribute.ESN: "Sequence numbers of 64 bits, of which 32 travel (RFC 4304).",
}

CONFIG_ABOUT: dict[int, str] = {
    ConfigAttribute.INTERNAL_IP4_ADDRESS: "The client's address inside the tunnel (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.INTERNAL_IP4_NETMASK: "The mask of the network inside (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.INTERNAL_IP4_DNS: "A name server inside (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.INTERNAL_IP4_NBNS: "A WINS server inside (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.INTERNAL_ADDRESS_EXPIRY: (
        "Seconds for which the address is lent (draft-dukes-ike-mode-cfg-02 §3.4)."
    ),
    ConfigAttribute.INTERNAL_IP4_SUBNET: "A network behind the gateway (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.APPLICATION_VERSION: "What the peer runs (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.XAUTH_TYPE: "What kind of login is asked for (draft-beaulieu-ike-xauth-02 §6.3).",
    ConfigAttribute.XAUTH_USER_NAME: "Who logs in (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.XAUTH_USER_PASSWORD: "The user's password (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.XAUTH_PASSCODE: "A one-time code (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.XAUTH_MESSAGE: "What the user is to be shown (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.XAUTH_CHALLENGE: "What the user is to answer (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.XAUTH_STATUS: "Whether the login succeeded (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.UNITY_BANNER: "A text that Cisco's clients show after the login.",
    ConfigAttribute.UNITY_SPLIT_INCLUDE: (
        "Networks that go through the tunnel; without them, everything does (Cisco Unity)."
    ),
    ConfigAttribute.UNITY_DEF_DOMAIN: "The domain that is added to short names (Cisco Unity).",
    ConfigAttribute.UNITY_SAVE_PASSWD: "Whether the client may keep the password (Cisco Unity).",
    ConfigAttribute.UNITY_PFS: "Which group Quick Mode is to use (Cisco Unity).",
    ConfigAttribute.UNITY_BACKUP_SERVERS: "Other gateways to try (Cisco Unity).",
}
