"""NAT discovery and original addresses (RFC 3947 §3.2, §5.2), by the RFC's numbers and those of its drafts."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from ikev1.wire.errors import WireError
from ikev1.wire.layout import PayloadNumber, Reserved, Rest, UInt8
from ikev1.wire.registry import IdType, PayloadType

ADDRESS_SIZES: dict[int, int] = {IdType.IPV4_ADDR: 4, IdType.IPV6_ADDR: 16}


class NatDiscovery(NamedTuple):
    """NAT-D payload (RFC 3947 §3.2): HASH(CKY-I | CKY-R | IP | Port). ``number`` is NAT_D, NAT_D_DRAFT or
    NAT_D_PRE_DRAFT.
    """

    data: Rest
    number: Annotated[int, PayloadNumber()] = PayloadType.NAT_D


class NatOriginalAddress(NamedTuple):
    """NAT-OA payload (RFC 3947 §5.2): an address of 4 or 16 octets. ``number`` is NAT_OA or NAT_OA_DRAFT."""

    id_type: Annotated[UInt8, Reserved(3)]
    address: Rest
    number: Annotated[int, PayloadNumber()] = PayloadType.NAT_OA

    def check(self) -> None:
        """Raises WireError: "Only ID_IPV4_ADDR and ID_IPV6_ADDR types are allowed" (RFC 3947 §5.2)."""
        size = ADDRESS_SIZES.get(self.id_type)
        if size is None:
            raise WireError("IPV4_ADDR or IPV6_ADDR", IdType(self.id_type).name)
        if len(self.address) != size:
            raise WireError(f"{size} octets of {IdType(self.id_type).name}", len(self.address), 4)
