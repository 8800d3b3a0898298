"""The enumerations of the values of each attribute, and of the transforms of each protocol."""

from __future__ import annotations

from ikev1.wire.registry.config import ConfigAttribute, XauthStatus, XauthType
from ikev1.wire.registry.ike import (
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
    AddressPreservation,
    AhTransform,
    EcnTunnel,
    EncapsulationMode,
    EspTransform,
    ExtendedSequenceNumber,
    IntegrityAlgorithm,
    IpcompTransform,
    Phase2Attribute,
    ProtocolId,
    SaDirection,
    SignatureEncoding,
)
from ikev1.wire.registry.open_enum import OpenEnum

PHASE1_VALUES: dict[int, type[OpenEnum]] = {
    Phase1Attribute.ENCRYPTION_ALGORITHM: Encryption,
    Phase1Attribute.HASH_ALGORITHM: HashAlgorithm,
    Phase1Attribute.AUTHENTICATION_METHOD: AuthenticationMethod,
    Phase1Attribute.GROUP_DESCRIPTION: Group,
    Phase1Attribute.GROUP_TYPE: GroupType,
    Phase1Attribute.LIFE_TYPE: LifeType,
}
"""Attributes of a KEY_IKE transform whose values have names (RFC 2409 Appendix A)."""

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

CONFIG_VALUES: dict[int, type[OpenEnum]] = {
    ConfigAttribute.XAUTH_TYPE: XauthType,
    ConfigAttribute.XAUTH_STATUS: XauthStatus,
}
"""Attributes of mode config and XAUTH whose values have names (draft-beaulieu-ike-xauth-02 §6.2)."""

TRANSFORM_IDS: dict[int, type[OpenEnum]] = {
    ProtocolId.ISAKMP: TransformId,
    ProtocolId.AH: AhTransform,
    ProtocolId.ESP: EspTransform,
    ProtocolId.IPCOMP: IpcompTransform,
}
"""What a Transform-Id means in a proposal of each protocol (RFC 2407 §4.4)."""
