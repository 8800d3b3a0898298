"""Messages of our own, with every payload that there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from ikev1.wire.attributes import Attribute, build_attributes
from ikev1.wire.header import Header
from ikev1.wire.payloads import (
    Certificate,
    CertificateRequest,
    ConfigAttributes,
    Delete,
    Fragment,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    NatOriginalAddress,
    Nonce,
    Notification,
    Payload,
    Proposal,
    SecurityAssociation,
    Signature,
    Transform,
    Unknown,
    VendorId,
)
from ikev1.wire.registry import (
    DOI,
    AuthenticationMethod,
    CertificateEncoding,
    ConfigAttribute,
    ConfigType,
    EncapsulationMode,
    Encryption,
    EspTransform,
    ExchangeType,
    Group,
    HashAlgorithm,
    IdType,
    IntegrityAlgorithm,
    LifeType,
    NotifyType,
    PayloadType,
    Phase1Attribute,
    Phase2Attribute,
    ProtocolId,
    Situation,
    TransformId,
)

NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gw.example")])
KEY = ec.generate_private_key(ec.SECP256R1())
NOW = datetime.now(UTC)
CERTIFICATE = (
    x509.CertificateBuilder(NAME, NAME, KEY.public_key(), 1, NOW, NOW + timedelta(days=1))
    .sign(KEY, SHA256())
    .public_bytes(Encoding.DER)
)


def addresses(*words: str) -> bytes:
    return b"".join(ip_address(word).packed for word in words)


def phase1_transform(number: int, encryption: Encryption, *more: Attribute) -> Transform:
    attributes = (
        Attribute(Phase1Attribute.ENCRYPTION_ALGORITHM, encryption),
        *more,
        Attribute(Phase1Attribute.HASH_ALGORITHM, HashAlgorithm.SHA1),
        Attribute(Phase1Attribute.AUTHENTICATION_METHOD, AuthenticationMethod.XAUTH_INIT_PRE_SHARED),
        Attribute(Phase1Attribute.GROUP_DESCRIPTION, Group.MODP_2048),
        Attribute(Phase1Attribute.LIFE_TYPE, LifeType.SECONDS),
        Attribute.of_number(Phase1Attribute.LIFE_DURATION, 86400),
    )
    return Transform(number, TransformId.KEY_IKE, attributes)


PHASE1_SA = SecurityAssociation(
    DOI.IPSEC,
    Situation.IDENTITY_ONLY,
    (
        Proposal(
            1,
            ProtocolId.ISAKMP,
            b"",
            (
                phase1_transform(1, Encryption.AES_CBC, Attribute(Phase1Attribute.KEY_LENGTH, 256)),
                phase1_transform(2, Encryption.TRIPLE_DES_CBC),
            ),
        ),
    ),
)
TUNNEL = (
    Attribute(Phase2Attribute.SA_LIFE_TYPE, LifeType.SECONDS),
    Attribute.of_number(Phase2Attribute.SA_LIFE_DURATION, 3600),
    Attribute(Phase2Attribute.SA_LIFE_TYPE, LifeType.KILOBYTES),
    Attribute.of_number(Phase2Attribute.SA_LIFE_DURATION, 4_608_000),
    Attribute(Phase2Attribute.ENCAPSULATION_MODE, EncapsulationMode.TUNNEL),
    Attribute(Phase2Attribute.AUTHENTICATION_ALGORITHM, IntegrityAlgorithm.HMAC_SHA2_256),
)
AES = (*TUNNEL, Attribute(Phase2Attribute.KEY_LENGTH, 128))
PHASE2_SA = SecurityAssociation(
    DOI.IPSEC,
    Situation.IDENTITY_ONLY,
    (
        # ESP and AH together, or ESP alone with compression
        Proposal(1, ProtocolId.ESP, b"\xc0\0\0\1", (Transform(1, EspTransform.AES_CBC, AES),)),
        Proposal(1, ProtocolId.AH, b"\xc0\0\0\2", (Transform(1, 5, TUNNEL),)),
        Proposal(2, ProtocolId.ESP, b"\xc0\0\0\3", (Transform(1, 3, TUNNEL), Transform(2, 11, TUNNEL))),
        Proposal(2, ProtocolId.IPCOMP, b"\xc0\1", (Transform(1, 2, ()),)),
    ),
)

PAYLOADS: dict[str, Payload] = {
    "SA of phase 1": PHASE1_SA,
    "SA of phase 2": PHASE2_SA,
    "KE": KeyExchange(bytes(range(256))),
    "ID IPV4_ADDR": Identification(IdType.IPV4_ADDR, 17, 500, addresses("192.0.2.1")),
    "ID FQDN": Identification(IdType.FQDN, 0, 0, b"gw.example"),
    "ID USER_FQDN": Identification(IdType.USER_FQDN, 0, 0, b"alice@example"),
    "ID IPV4_ADDR_SUBNET": Identification(IdType.IPV4_ADDR_SUBNET, 0, 0, addresses("10.0.0.0", "255.0.0.0")),
    "ID IPV6_ADDR": Identification(IdType.IPV6_ADDR, 0, 0, addresses("2001:db8::1")),
    "ID IPV6_ADDR_SUBNET": Identification(IdType.IPV6_ADDR_SUBNET, 0, 0, addresses("2001:db8::", "ffff:ffff::")),
    "ID IPV4_ADDR_RANGE": Identification(IdType.IPV4_ADDR_RANGE, 6, 80, addresses("10.0.0.1", "10.0.0.9")),
    "ID IPV6_ADDR_RANGE": Identification(IdType.IPV6_ADDR_RANGE, 0, 0, addresses("2001:db8::1", "2001:db8::9")),
    "ID DER_ASN1_DN": Identification(IdType.DER_ASN1_DN, 0, 0, NAME.public_bytes()),
    "ID DER_ASN1_GN": Identification(IdType.DER_ASN1_GN, 0, 0, b"\x82\x0agw.example"),
    "ID KEY_ID": Identification(IdType.KEY_ID, 0, 0, b"group\0\xff"),
    "CERT": Certificate(CertificateEncoding.X509_SIGNATURE, CERTIFICATE),
    "CERTREQ": CertificateRequest(CertificateEncoding.X509_SIGNATURE, NAME.public_bytes()),
    "CERTREQ for any CA": CertificateRequest(CertificateEncoding.X509_SIGNATURE, b""),
    "HASH": Hash(bytes(range(20))),
    "SIG": Signature(bytes(range(256))),
    "NONCE": Nonce(bytes(range(32))),
    "N of an error": Notification(DOI.IPSEC, ProtocolId.ESP, b"\xc0\0\0\1", NotifyType.NO_PROPOSAL_CHOSEN, b""),
    "N of dead peer detection": Notification(
        DOI.IPSEC, ProtocolId.ISAKMP, bytes(range(16)), NotifyType.R_U_THERE, bytes.fromhex("00000007")
    ),
    "N of a lifetime": Notification(
        DOI.IPSEC, ProtocolId.ESP, b"\xc0\0\0\1", NotifyType.RESPONDER_LIFETIME, build_attributes(TUNNEL[:2])
    ),
    "D of two ESP SAs": Delete(DOI.IPSEC, ProtocolId.ESP, (b"\xc0\0\0\1", b"\xc0\0\0\2")),
    "D of an ISAKMP SA": Delete(DOI.IPSEC, ProtocolId.ISAKMP, (bytes(range(16)),)),
    "VID": VendorId(bytes.fromhex("afcad71368a1f1c96b8696fc77570100")),
    "NAT-D": NatDiscovery(bytes(range(20))),
    "NAT-D of the drafts": NatDiscovery(bytes(range(20)), PayloadType.NAT_D_DRAFT),
    "NAT-OA": NatOriginalAddress(IdType.IPV6_ADDR, addresses("2001:db8::1")),
    "NAT-OA of the drafts": NatOriginalAddress(IdType.IPV4_ADDR, addresses("10.0.0.1"), PayloadType.NAT_OA_DRAFT),
    "mode config": ConfigAttributes(
        ConfigType.REPLY,
        7,
        (
            Attribute(ConfigAttribute.INTERNAL_IP4_ADDRESS, addresses("10.0.0.1")),
            Attribute(ConfigAttribute.INTERNAL_IP4_DNS, b""),
            Attribute(ConfigAttribute.UNITY_SPLIT_INCLUDE, addresses("10.0.0.0", "255.0.0.0") + bytes(6)),
        ),
    ),
    "XAUTH": ConfigAttributes(
        ConfigType.REQUEST,
        8,
        (
            Attribute(ConfigAttribute.XAUTH_TYPE, 0),
            Attribute(ConfigAttribute.XAUTH_USER_NAME, b"alice"),
            Attribute(ConfigAttribute.XAUTH_USER_PASSWORD, b"open sesame"),
        ),
    ),
    "fragment": Fragment(1, 1, False, b"initiate"),
    "last fragment": Fragment(1, 2, True, b"response"),
    "unknown": Unknown(200, b"anything"),
}
HEADER = Header(b"initiate", b"response", 0, ExchangeType.INFORMATIONAL, 0, 0xCAFE, 0)

MESSAGES: dict[str, tuple[Payload, ...]] = {name: (payload,) for name, payload in PAYLOADS.items()} | {
    "first message of Aggressive Mode": (
        PHASE1_SA,
        PAYLOADS["KE"],
        PAYLOADS["NONCE"],
        PAYLOADS["ID FQDN"],
        PAYLOADS["VID"],
        PAYLOADS["VID"],
    ),
    "no payload at all": (),
}
