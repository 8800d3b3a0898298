"""The numbers of the IPsec DOI: RFC 2407, its IANA registry, and the NAT traversal drafts."""

from __future__ import annotations

from ikev1.wire.registry.ike import Group, LifeType, TransformId
from ikev1.wire.registry.open_enum import OpenEnum


class Situation(OpenEnum, prefix="SITUATION", octets=4):
    """The situation, a bit each (RFC 2407 §4.2)."""

    IDENTITY_ONLY = 1
    SECRECY = 2
    INTEGRITY = 4


class ProtocolId(OpenEnum, prefix="PROTOCOL", octets=1):
    """Security protocol identifiers (RFC 2407 §4.4.1)."""

    ISAKMP = 1
    AH = 2
    ESP = 3
    IPCOMP = 4
    GIGABEAM_RADIO = 5


class AhTransform(OpenEnum, prefix="AH", octets=1):
    """Transform-Id of a PROTO_IPSEC_AH proposal (RFC 2407 §4.4.3)."""

    MD5 = 2
    SHA = 3
    DES = 4
    SHA2_256 = 5
    SHA2_384 = 6
    SHA2_512 = 7
    RIPEMD = 8
    AES_XCBC_MAC = 9
    RSA = 10
    AES_128_GMAC = 11
    AES_192_GMAC = 12
    AES_256_GMAC = 13


class EspTransform(OpenEnum, prefix="ESP", octets=1):
    """Transform-Id of a PROTO_IPSEC_ESP proposal (RFC 2407 §4.4.4)."""

    DES_IV64 = 1
    DES = 2
    TRIPLE_DES = 3
    RC5 = 4
    IDEA = 5
    CAST = 6
    BLOWFISH = 7
    TRIPLE_IDEA = 8
    DES_IV32 = 9
    RC4 = 10
    NULL = 11
    AES_CBC = 12
    AES_CTR = 13
    AES_CCM_8 = 14
    AES_CCM_12 = 15
    AES_CCM_16 = 16
    AES_GCM_8 = 18
    AES_GCM_12 = 19
    AES_GCM_16 = 20
    SEED_CBC = 21
    CAMELLIA = 22
    NULL_AUTH_AES_GMAC = 23
    SERPENT = 252  # for private use: FreeS/WAN and its descendants
    TWOFISH = 253


class IpcompTransform(OpenEnum, prefix="IPCOMP", octets=1):
    """Transform-Id of a PROTO_IPCOMP proposal (RFC 2407 §4.4.5)."""

    OUI = 1
    DEFLATE = 2
    LZS = 3
    LZJH = 4


class Phase2Attribute(OpenEnum, prefix="ATTRIBUTE", octets=2):
    """IPSEC Security Association attributes (RFC 2407 §4.5)."""

    SA_LIFE_TYPE = 1
    SA_LIFE_DURATION = 2
    GROUP_DESCRIPTION = 3
    ENCAPSULATION_MODE = 4
    AUTHENTICATION_ALGORITHM = 5
    KEY_LENGTH = 6
    KEY_ROUNDS = 7
    COMPRESS_DICTIONARY_SIZE = 8
    COMPRESS_PRIVATE_ALGORITHM = 9
    ECN_TUNNEL = 10
    ESN = 11
    AUTHENTICATION_KEY_LENGTH = 12
    SIGNATURE_ENCODING_ALGORITHM = 13
    ADDRESS_PRESERVATION = 14
    SA_DIRECTION = 15


class EncapsulationMode(OpenEnum, prefix="MODE", octets=2):
    """Encapsulation Mode (phase 2 attribute 4): RFC 2407 §4.5, RFC 3947 §5.1, draft-ietf-ipsec-nat-t-ike-03 §5.1."""

    TUNNEL = 1
    TRANSPORT = 2
    UDP_TUNNEL = 3
    UDP_TRANSPORT = 4
    UDP_TUNNEL_DRAFT = 61443
    UDP_TRANSPORT_DRAFT = 61444


class IntegrityAlgorithm(OpenEnum, prefix="INTEGRITY", octets=2):
    """Authentication Algorithm (phase 2 attribute 5)."""

    HMAC_MD5 = 1
    HMAC_SHA1 = 2
    DES_MAC = 3
    KPDK = 4
    HMAC_SHA2_256 = 5
    HMAC_SHA2_384 = 6
    HMAC_SHA2_512 = 7
    HMAC_RIPEMD = 8
    AES_XCBC_MAC = 9
    SIG_RSA = 10
    AES_128_GMAC = 11
    AES_192_GMAC = 12
    AES_256_GMAC = 13


class EcnTunnel(OpenEnum, prefix="ECN_TUNNEL", octets=2):
    """ECN Tunnel (phase 2 attribute 10, RFC 3168 §9.2.1)."""

    ALLOWED = 1
    FORBIDDEN = 2


class ExtendedSequenceNumber(OpenEnum, prefix="ESN", octets=2):
    """Extended (64-bit) Sequence Number (phase 2 attribute 11, RFC 4304)."""

    RESERVED = 0
    EXTENDED = 1


class SignatureEncoding(OpenEnum, prefix="SIGNATURE_ENCODING", octets=2):
    """Signature Encoding Algorithm (phase 2 attribute 13, RFC 4359)."""

    RSASSA_PKCS1_V1_5 = 1
    RSASSA_PSS = 2


class AddressPreservation(OpenEnum, prefix="ADDRESS_PRESERVATION", octets=2):
    """Address Preservation (phase 2 attribute 14, RFC 6407)."""

    NONE = 1
    SOURCE_ONLY = 2
    DESTINATION_ONLY = 3
    SOURCE_AND_DESTINATION = 4


class SaDirection(OpenEnum, prefix="SA_DIRECTION", octets=2):
    """SA Direction (phase 2 attribute 15, RFC 6407)."""

    SENDER_ONLY = 1
    RECEIVER_ONLY = 2
    SYMMETRIC = 3


class IdType(OpenEnum, prefix="ID_TYPE", octets=1):
    """Identification Type (RFC 2407 §4.6.2.1)."""

    IPV4_ADDR = 1
    FQDN = 2
    USER_FQDN = 3
    IPV4_ADDR_SUBNET = 4
    IPV6_ADDR = 5
    IPV6_ADDR_SUBNET = 6
    IPV4_ADDR_RANGE = 7
    IPV6_ADDR_RANGE = 8
    DER_ASN1_DN = 9
    DER_ASN1_GN = 10
    KEY_ID = 11
    LIST = 12  # RFC 3554


PHASE2_VALUES: dict[int, type[OpenEnum]] = {
    Phase2Attribute.SA_LIFE_TYPE: LifeType,
    Phase2Attribute.GROUP_DESCRIPTION: Group,
    Phase2Attribute.ENCAPSULATION_MODE: EncapsulationMode,
    Phase2Attribute.AUTHENTICATION_ALGORITHM: IntegrityAlgorithm,
    Phase2Attribute.ECN_TUNNEL: EcnTunnel,
    Phase2Attribute.ESN: ExtendedSequenceNumber,
    Phase2Attribute.SIGNATURE_ENCODING_ALGORITHM: SignatureEncoding,
    Phase2Attribute.ADDRESS_PRESERVATION: AddressPreservation,
    Phase2Attribute.SA_DIRECTION: SaDirection,
}
"""Attributes of an AH, ESP or IPCOMP transform whose values have names (RFC 2407 §4.5)."""

TRANSFORM_IDS: dict[int, type[OpenEnum]] = {
    ProtocolId.ISAKMP: TransformId,
    ProtocolId.AH: AhTransform,
    ProtocolId.ESP: EspTransform,
    ProtocolId.IPCOMP: IpcompTransform,
}
"""What a Transform-Id means in a proposal of each protocol (RFC 2407 §4.4)."""
