"""The purpose of each attribute, in a sentence."""

from __future__ import annotations

from ikev1.wire.registry import ConfigAttribute, Phase1Attribute, Phase2Attribute

PHASE1_ABOUT: dict[int, str] = {
    Phase1Attribute.ENCRYPTION_ALGORITHM: "The cipher of the ISAKMP SA (RFC 2409 Appendix A).",
    Phase1Attribute.HASH_ALGORITHM: "The hash whose HMAC derives keys and proves identities (RFC 2409 Appendix A).",
    Phase1Attribute.AUTHENTICATION_METHOD: "The method by which the peers authenticate (RFC 2409 §5).",
    Phase1Attribute.GROUP_DESCRIPTION: (
        "The Diffie-Hellman group: its number identifies p and g, which are not sent (RFC 2409 §6)."
    ),
    Phase1Attribute.GROUP_TYPE: "The type of a private group (RFC 2409 §5.6).",
    Phase1Attribute.GROUP_PRIME: "The prime p of a private group (RFC 2409 §5.6).",
    Phase1Attribute.GROUP_GENERATOR_ONE: "The generator g of a private group (RFC 2409 §5.6).",
    Phase1Attribute.LIFE_TYPE: "The unit of the following Life Duration: seconds or kilobytes (RFC 2409 Appendix A).",
    Phase1Attribute.LIFE_DURATION: "The lifetime of the ISAKMP SA (RFC 2409 Appendix A).",
    Phase1Attribute.PRF: "A PRF other than the HMAC of the hash; none is defined (RFC 2409 Appendix A).",
    Phase1Attribute.KEY_LENGTH: "The key length in bits, for ciphers with variable key length (RFC 2409 Appendix A).",
}

PHASE2_ABOUT: dict[int, str] = {
    Phase2Attribute.SA_LIFE_TYPE: "The unit of the following Life Duration: seconds or kilobytes (RFC 2407 §4.5).",
    Phase2Attribute.SA_LIFE_DURATION: "The lifetime of the SA, as time or as data volume (RFC 2407 §4.5).",
    Phase2Attribute.GROUP_DESCRIPTION: (
        "The group of the Diffie-Hellman exchange for perfect forward secrecy (RFC 2409 §5.5)."
    ),
    Phase2Attribute.ENCAPSULATION_MODE: (
        "Whether the SA carries whole IP packets (tunnel) or only their payload (transport) (RFC 2407 §4.5)."
    ),
    Phase2Attribute.AUTHENTICATION_ALGORITHM: "The algorithm that protects the integrity of packets (RFC 2407 §4.5).",
    Phase2Attribute.KEY_LENGTH: "The key length in bits, for ciphers with variable key length (RFC 2407 §4.5).",
    Phase2Attribute.ECN_TUNNEL: "Whether congestion marks pass through the tunnel (RFC 3168 §9.2.1).",
    Phase2Attribute.ESN: "64-bit sequence numbers, of which 32 bits are sent (RFC 4304).",
}

CONFIG_ABOUT: dict[int, str] = {
    ConfigAttribute.INTERNAL_IP4_ADDRESS: "The client's address inside the tunnel (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.INTERNAL_IP4_NETMASK: "The netmask of the internal network (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.INTERNAL_IP4_DNS: "An internal DNS server (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.INTERNAL_IP4_NBNS: "An internal WINS server (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.INTERNAL_ADDRESS_EXPIRY: (
        "The lifetime of the address in seconds (draft-dukes-ike-mode-cfg-02 §3.4)."
    ),
    ConfigAttribute.INTERNAL_IP4_SUBNET: "A network behind the gateway (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.APPLICATION_VERSION: "The software version of the peer (draft-dukes-ike-mode-cfg-02 §3.4).",
    ConfigAttribute.XAUTH_TYPE: "The type of authentication requested (draft-beaulieu-ike-xauth-02 §6.3).",
    ConfigAttribute.XAUTH_USER_NAME: "The name of the user (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.XAUTH_USER_PASSWORD: "The user's password (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.XAUTH_PASSCODE: "A one-time code (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.XAUTH_MESSAGE: "A message for the user (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.XAUTH_CHALLENGE: "The challenge for the user (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.XAUTH_STATUS: "Whether the login succeeded (draft-beaulieu-ike-xauth-02 §6.2).",
    ConfigAttribute.UNITY_BANNER: "A text shown by Cisco clients after login.",
    ConfigAttribute.UNITY_SPLIT_INCLUDE: (
        "Networks routed through the tunnel; without this attribute, all traffic is (Cisco Unity)."
    ),
    ConfigAttribute.UNITY_DEF_DOMAIN: "The default DNS domain (Cisco Unity).",
    ConfigAttribute.UNITY_SAVE_PASSWD: "Whether the client may store the password (Cisco Unity).",
    ConfigAttribute.UNITY_PFS: "The group of Quick Mode (Cisco Unity).",
    ConfigAttribute.UNITY_BACKUP_SERVERS: "Backup gateways (Cisco Unity).",
}
