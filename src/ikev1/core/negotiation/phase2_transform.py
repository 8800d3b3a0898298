"""One transform of a phase 2 proposal: its suite, mode and lifetime as attributes (RFC 2407 §4.4.3 to §4.5)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from ikev1.core.negotiation.attribute_faults import contradictions
from ikev1.core.negotiation.lifetime_attributes import PHASE_2, life_attributes, number_of, offered_life
from ikev1.core.negotiation.private_attributes import PRIVATE_IN_PHASE_2, private_use
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.core.records.exchange import Life
from ikev1.core.records.settings import IpsecProposal, Tunnel
from ikev1.crypto.algorithms import ESP_SIZED
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Transform
from ikev1.wire.registry import (
    AhTransform,
    EncapsulationMode,
    ExtendedSequenceNumber,
    IntegrityAlgorithm,
    Phase2Attribute,
    ProtocolId,
)

# "The Authentication Algorithm attribute MUST be specified to identify the appropriate AH protection suite", and what a
# transform is "with any other Authentication Algorithm attribute value is currently undefined" (RFC 2407 §4.4.3)
_AH_TRANSFORMS: dict[int, int] = {
    IntegrityAlgorithm.HMAC_MD5: AhTransform.MD5,
    IntegrityAlgorithm.HMAC_SHA1: AhTransform.SHA,
    IntegrityAlgorithm.HMAC_SHA2_256: AhTransform.SHA2_256,
    IntegrityAlgorithm.HMAC_SHA2_384: AhTransform.SHA2_384,
    IntegrityAlgorithm.HMAC_SHA2_512: AhTransform.SHA2_512,
    IntegrityAlgorithm.AES_XCBC_MAC: AhTransform.AES_XCBC_MAC,
}

_KNOWN = frozenset(
    {
        *PHASE_2,
        Phase2Attribute.GROUP_DESCRIPTION,
        Phase2Attribute.ENCAPSULATION_MODE,
        Phase2Attribute.AUTHENTICATION_ALGORITHM,
        Phase2Attribute.KEY_LENGTH,
        Phase2Attribute.ESN,
    }
)


class Offered(NamedTuple):
    """What a transform offers. ``faults`` describe attributes and values that are not supported or contradict one
    another; with any of them "the security association setup MUST be aborted" (RFC 2407 §4.5.3).
    """

    proposal: IpsecProposal
    mode: int
    life: Life
    ignored: tuple[int, ...]  # types of private-use attributes
    faults: tuple[str, ...]


def common_attributes(tunnel: Tunnel, mode: EncapsulationMode, group: int) -> Iterator[Attribute]:
    """The attributes of every transform of ``tunnel``, whatever its algorithms: lifetime, mode and group."""
    yield from life_attributes(PHASE_2, Life(tunnel.lifetime, tunnel.lifetime_kilobytes))
    yield Attribute(Phase2Attribute.ENCAPSULATION_MODE, mode)
    if group:
        yield Attribute(Phase2Attribute.GROUP_DESCRIPTION, group)


def transform_of(proposal: IpsecProposal, tunnel: Tunnel, mode: EncapsulationMode) -> Transform:
    """Return the transform that offers ``proposal``, one of the proposals of ``tunnel``."""
    suite = proposal.suite
    attributes = [*common_attributes(tunnel, mode, proposal.group)]
    if suite.key_length:
        attributes.append(Attribute(Phase2Attribute.KEY_LENGTH, suite.key_length))
    if suite.integrity:
        attributes.append(Attribute(Phase2Attribute.AUTHENTICATION_ALGORITHM, suite.integrity))
    if suite.esn:
        attributes.append(Attribute(Phase2Attribute.ESN, ExtendedSequenceNumber.EXTENDED))
    identifier = _AH_TRANSFORMS[suite.integrity] if suite.protocol == ProtocolId.AH else suite.encryption
    return Transform(1, identifier, tuple(attributes))


@lru_cache(maxsize=64)  # peers offer the same transforms repeatedly
def decode(protocol: int, transform: Transform) -> Offered:
    """Decode ``transform`` of a proposal for ``protocol``, ESP or AH.

    Raises:
        Refusal: a life duration has no life type.
    """
    attributes = transform.attributes
    values = {attribute.type: number_of(attribute) for attribute in attributes}
    integrity = values.get(Phase2Attribute.AUTHENTICATION_ALGORITHM, 0)
    sequence_numbers = values.get(Phase2Attribute.ESN)
    faults = [
        f"no attribute {Phase2Attribute(kind).name}"
        for kind in values
        if kind not in _KNOWN and kind < PRIVATE_IN_PHASE_2
    ]
    if len(values) < len(attributes):
        twice = contradictions(attributes, PHASE_2, PRIVATE_IN_PHASE_2)
        faults += [f"one value of attribute {Phase2Attribute(kind).name}" for kind in twice]
    if transform.id in ESP_SIZED and values.get(Phase2Attribute.KEY_LENGTH) == 0:
        faults.append("a KEY_LENGTH other than 0")
    # RFC 4304 §3: "any attribute value but the value for 64-bit sequence numbers": the setup "MUST be aborted"
    if sequence_numbers not in (None, ExtendedSequenceNumber.EXTENDED):
        faults.append(f"no attribute ESN with value {sequence_numbers}")
    esn = sequence_numbers is not None
    if protocol == ProtocolId.AH:
        suite = IpsecSuite(0, 0, integrity, ProtocolId.AH, esn)
        if _AH_TRANSFORMS.get(integrity) != transform.id:
            named = AhTransform(transform.id).name
            faults.append(f"no AH transform {named} with authentication algorithm {integrity or 'missing'}")
    else:
        key_length = values.get(Phase2Attribute.KEY_LENGTH, 128) if transform.id in ESP_SIZED else 0
        suite = IpsecSuite(transform.id, key_length, integrity, esn=esn)
    return Offered(
        IpsecProposal(suite, values.get(Phase2Attribute.GROUP_DESCRIPTION, 0)),
        values.get(Phase2Attribute.ENCAPSULATION_MODE, 0),
        offered_life(attributes, PHASE_2),
        private_use(attributes, PRIVATE_IN_PHASE_2),
        tuple(faults),
    )
