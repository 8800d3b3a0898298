"""The numbers of phase 1: RFC 2409 Appendix A, its IANA registry, XAUTH and hybrid authentication."""

from __future__ import annotations

from ikev1.wire.registry.open_enum import OpenEnum


class TransformId(OpenEnum, prefix="TRANSFORM", octets=1):
    """Transform-Id of a PROTO_ISAKMP proposal (RFC 2407 §4.4.2)."""

    KEY_IKE = 1


class Phase1Attribute(OpenEnum, prefix="ATTRIBUTE", octets=2):
    """Attribute classes of a KEY_IKE transform (RFC 2409 Appendix A)."""

    ENCRYPTION_ALGORITHM = 1
    HASH_ALGORITHM = 2
    AUTHENTICATION_METHOD = 3
    GROUP_DESCRIPTION = 4
    GROUP_TYPE = 5
    GROUP_PRIME = 6
    GROUP_GENERATOR_ONE = 7
    GROUP_GENERATOR_TWO = 8
    GROUP_CURVE_A = 9
    GROUP_CURVE_B = 10
    LIFE_TYPE = 11
    LIFE_DURATION = 12
    PRF = 13
    KEY_LENGTH = 14
    FIELD_SIZE = 15
    GROUP_ORDER = 16


class Encryption(OpenEnum, prefix="ENCRYPTION", octets=2):
    """Encryption Algorithm (phase 1 attribute 1)."""

    DES_CBC = 1
    IDEA_CBC = 2
    BLOWFISH_CBC = 3
    RC5_R16_B64_CBC = 4
    TRIPLE_DES_CBC = 5
    CAST_CBC = 6
    AES_CBC = 7
    CAMELLIA_CBC = 8
    SERPENT_CBC = 65004  # for private use: FreeS/WAN and its descendants
    TWOFISH_CBC = 65005


class HashAlgorithm(OpenEnum, prefix="HASH", octets=2):
    """Hash Algorithm (phase 1 attribute 2)."""

    MD5 = 1
    SHA1 = 2
    TIGER = 3
    SHA2_256 = 4
    SHA2_384 = 5
    SHA2_512 = 6


class AuthenticationMethod(OpenEnum, prefix="AUTHENTICATION", octets=2):
    """Authentication Method (phase 1 attribute 3).

    Hybrid: draft-ietf-ipsec-isakmp-hybrid-auth-05 §3.2.1. XAUTH: draft-beaulieu-ike-xauth-02 §7.2. In both, INIT says
    that the initiator of phase 1 is the one that a person then logs in from.
    """

    PRE_SHARED_KEY = 1
    DSS_SIGNATURES = 2
    RSA_SIGNATURES = 3
    RSA_ENCRYPTION = 4
    REVISED_RSA_ENCRYPTION = 5
    ELGAMAL_ENCRYPTION = 6
    REVISED_ELGAMAL_ENCRYPTION = 7
    ECDSA_SIGNATURES = 8
    ECDSA_SHA256_P256 = 9
    ECDSA_SHA384_P384 = 10
    ECDSA_SHA512_P521 = 11
    HYBRID_INIT_RSA = 64221
    HYBRID_RESP_RSA = 64222
    HYBRID_INIT_DSS = 64223
    HYBRID_RESP_DSS = 64224
    XAUTH_INIT_PRE_SHARED = 65001
    XAUTH_RESP_PRE_SHARED = 65002
    XAUTH_INIT_DSS = 65003
    XAUTH_RESP_DSS = 65004
    XAUTH_INIT_RSA = 65005
    XAUTH_RESP_RSA = 65006
    XAUTH_INIT_RSA_ENCRYPTION = 65007
    XAUTH_RESP_RSA_ENCRYPTION = 65008
    XAUTH_INIT_RSA_REVISED_ENCRYPTION = 65009
    XAUTH_RESP_RSA_REVISED_ENCRYPTION = 65010


class Group(OpenEnum, prefix="GROUP", octets=2):
    """Group Description (phase 1 attribute 4, phase 2 attribute 3)."""

    MODP_768 = 1
    MODP_1024 = 2
    EC2N_155 = 3
    EC2N_185 = 4
    MODP_1536 = 5
    EC2N_163_A = 6
    EC2N_163_B = 7
    EC2N_283_A = 8
    EC2N_283_B = 9
    EC2N_409_A = 10
    EC2N_409_B = 11
    EC2N_571_A = 12
    EC2N_571_B = 13
    MODP_2048 = 14
    MODP_3072 = 15
    MODP_4096 = 16
    MODP_6144 = 17
    MODP_8192 = 18
    ECP_256 = 19
    ECP_384 = 20
    ECP_521 = 21
    MODP_1024_160 = 22
    MODP_2048_224 = 23
    MODP_2048_256 = 24
    ECP_192 = 25
    ECP_224 = 26
    BRAINPOOL_224 = 27
    BRAINPOOL_256 = 28
    BRAINPOOL_384 = 29
    BRAINPOOL_512 = 30
    CURVE_25519 = 31  # IKEv2's numbers, which strongSwan offers in IKEv1 as well
    CURVE_448 = 32


class GroupType(OpenEnum, prefix="GROUP_TYPE", octets=2):
    """Group Type (phase 1 attribute 5)."""

    MODP = 1
    ECP = 2
    EC2N = 3


class LifeType(OpenEnum, prefix="LIFE_TYPE", octets=2):
    """Life Type (phase 1 attribute 11, phase 2 attribute 1): the unit of the Life Duration."""

    SECONDS = 1
    KILOBYTES = 2


PHASE1_VALUES: dict[int, type[OpenEnum]] = {
    Phase1Attribute.ENCRYPTION_ALGORITHM: Encryption,
    Phase1Attribute.HASH_ALGORITHM: HashAlgorithm,
    Phase1Attribute.AUTHENTICATION_METHOD: AuthenticationMethod,
    Phase1Attribute.GROUP_DESCRIPTION: Group,
    Phase1Attribute.GROUP_TYPE: GroupType,
    Phase1Attribute.LIFE_TYPE: LifeType,
}
"""Attributes of a KEY_IKE transform whose values have names (RFC 2409 Appendix A)."""
