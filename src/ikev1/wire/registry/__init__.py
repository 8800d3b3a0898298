"""Every number of ISAKMP, IKE and the IPsec DOI, by the names of the RFCs and of IANA.

Each is an open enumeration: a number without a name is a value all the same (`OpenEnum`). Values that come off the
wire stay plain integers, which equal these members; give them a name where a person reads them.
"""

from __future__ import annotations

from ikev1.wire.registry.config import (
    CONFIG_VALUES,
    SECRET_ATTRIBUTES,
    ConfigAttribute,
    ConfigType,
    XauthStatus,
    XauthType,
)
from ikev1.wire.registry.ike import (
    PHASE1_VALUES,
    AuthenticationMethod,
    Encryption,
    Group,
    GroupType,
    HashAlgorithm,
    LifeType,
    Phase1Attribute,
    TransformId,
)
from ikev1.wire.registry.ipsec import (
    PHASE2_VALUES,
    TRANSFORM_IDS,
    AddressPreservation,
    AhTransform,
    EcnTunnel,
    EncapsulationMode,
    EspTransform,
    ExtendedSequenceNumber,
    IdType,
    IntegrityAlgorithm,
    IpcompTransform,
    Phase2Attribute,
    ProtocolId,
    SaDirection,
    SignatureEncoding,
    Situation,
)
from ikev1.wire.registry.isakmp import DOI, CertificateEncoding, ExchangeType, Flags, NotifyType, PayloadType
from ikev1.wire.registry.open_enum import OpenEnum

__all__ = [
    "CONFIG_VALUES",
    "DOI",
    "PHASE1_VALUES",
    "PHASE2_VALUES",
    "SECRET_ATTRIBUTES",
    "TRANSFORM_IDS",
    "AddressPreservation",
    "AhTransform",
    "AuthenticationMethod",
    "CertificateEncoding",
    "ConfigAttribute",
    "ConfigType",
    "EcnTunnel",
    "EncapsulationMode",
    "Encryption",
    "EspTransform",
    "ExchangeType",
    "ExtendedSequenceNumber",
    "Flags",
    "Group",
    "GroupType",
    "HashAlgorithm",
    "IdType",
    "IntegrityAlgorithm",
    "IpcompTransform",
    "LifeType",
    "NotifyType",
    "OpenEnum",
    "PayloadType",
    "Phase1Attribute",
    "Phase2Attribute",
    "ProtocolId",
    "SaDirection",
    "SignatureEncoding",
    "Situation",
    "TransformId",
    "XauthStatus",
    "XauthType",
]
