"""IPComp with ESP or AH: a proposal of the same number, whose SPI is a CPI (RFC 3173 §4.1, RFC 2407 §4.4.5)."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.core.negotiation.lifetime_attributes import number_of
from ikev1.core.negotiation.phase2_transform import Offered, common_attributes
from ikev1.core.records.settings import Tunnel
from ikev1.wire.payloads import Proposal, Transform
from ikev1.wire.registry import EncapsulationMode, IpcompTransform, Phase2Attribute, ProtocolId

# The mode of IPComp may differ from that of ESP with the same meaning: its default is transport mode, and some peers do
# not repeat UDP encapsulation
_WITHOUT_UDP: dict[int, int] = {
    EncapsulationMode.UDP_TUNNEL: EncapsulationMode.TUNNEL,
    EncapsulationMode.UDP_TUNNEL_DRAFT: EncapsulationMode.TUNNEL,
    EncapsulationMode.UDP_TRANSPORT: EncapsulationMode.TRANSPORT,
    EncapsulationMode.UDP_TRANSPORT_DRAFT: EncapsulationMode.TRANSPORT,
}
_CONSIDERED = 16  # transforms: each is compared with each transform of the ESP or AH proposal
_NEGOTIATED = range(256, 61_440)  # RFC 3173 §3.3


class Compressed(NamedTuple):
    """IPComp in an offer or an answer; ``cpi`` is the peer's, for outbound packets."""

    transform: Transform
    cpi: int


def ipcomp_proposal(number: int, cpi: int, tunnel: Tunnel, mode: EncapsulationMode, group: int) -> Proposal:
    """The proposal of DEFLATE with our inbound ``cpi``, to be combined with another proposal of the same ``number``.

    "The CPI SHOULD be sent as a 16-bit number" (RFC 3173 §4.1).
    """
    transform = Transform(1, IpcompTransform.DEFLATE, tuple(common_attributes(tunnel, mode, group)))
    return Proposal(number, ProtocolId.IPCOMP, cpi.to_bytes(2), (transform,))


def cpi_of(spi: bytes) -> int:
    """The CPI in an SPI field, 0 if it is not usable.

    "The CPI MAY be sent as a 32-bit value [...] the two most significant octets [...] MUST be ignored by the receiving
    node. The receiving node MUST be able to process both forms" (RFC 3173 §4.1). A peer may use the identifier of the
    algorithm as CPI; CPIs from 61440 on are "for private use among mutually consenting parties" (§3.3).
    """
    cpi = int.from_bytes(spi[-2:]) if len(spi) in (2, 4) else 0
    return cpi if cpi in _NEGOTIATED or cpi == IpcompTransform.DEFLATE else 0


def compressed(proposal: Proposal, beside: Offered) -> Compressed | None:
    """The usable transform of a peer's IPComp ``proposal`` combined with ``beside``, None if there is none.

    "All the logically related offers must be consistent"; "attributes of other protocols [...] MUST be ignored" (§4.1).
    """
    cpi = cpi_of(proposal.spi)
    fitting = (
        transform
        for transform in proposal.transforms[:_CONSIDERED]
        if transform.id == IpcompTransform.DEFLATE and _consistent(transform, beside)
    )
    transform = next(fitting, None) if cpi else None
    return None if transform is None else Compressed(transform, cpi)


def _consistent(transform: Transform, beside: Offered) -> bool:
    values = {attribute.type: number_of(attribute) for attribute in transform.attributes}
    mode = values.get(Phase2Attribute.ENCAPSULATION_MODE, EncapsulationMode.TRANSPORT)
    plain = _WITHOUT_UDP.get(beside.mode, beside.mode)
    group = values.get(Phase2Attribute.GROUP_DESCRIPTION, beside.proposal.group)
    return mode in (beside.mode, plain) and group == beside.proposal.group
