"""The payloads that have one field after another: all but SA, Notification and Delete."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from ikev1.wire.attributes import Attribute
from ikev1.wire.errors import WireError
from ikev1.wire.layout import Field, PaddedAttributes, PayloadNumber, Remaining, Reserved, Rest, UInt8, UInt16
from ikev1.wire.registry import IdType, NotifyType, PayloadType

DATA_SIZES: dict[int, int] = {
    IdType.IPV4_ADDR: 4,
    IdType.IPV4_ADDR_SUBNET: 8,
    IdType.IPV4_ADDR_RANGE: 8,
    IdType.IPV6_ADDR: 16,
    IdType.IPV6_ADDR_SUBNET: 32,
    IdType.IPV6_ADDR_RANGE: 32,
}
ADDRESS_SIZES: dict[int, int] = {IdType.IPV4_ADDR: 4, IdType.IPV6_ADDR: 16}
LAST_FRAGMENT = 1


class KeyExchange(NamedTuple):
    """Key Exchange payload (RFC 2408 §3.7): a public Diffie-Hellman value."""

    data: Rest


class Hash(NamedTuple):
    """Hash payload (RFC 2408 §3.11)."""

    data: Rest


class Signature(NamedTuple):
    """Signature payload (RFC 2408 §3.12)."""

    data: Rest


class Nonce(NamedTuple):
    """Nonce payload (RFC 2408 §3.13): "The length of nonce payload MUST be between 8 and 256 bytes inclusive"
    (RFC 2409 §5).
    """

    data: Annotated[bytes, Remaining(least=8, most=256)]


class VendorId(NamedTuple):
    """Vendor ID payload (RFC 2408 §3.16)."""

    data: Rest


class Certificate(NamedTuple):
    """Certificate payload (RFC 2408 §3.9): ``data`` as ``encoding`` (`CertificateEncoding`) says."""

    encoding: UInt8
    data: Rest


class CertificateRequest(NamedTuple):
    """Certificate Request payload (RFC 2408 §3.10): for X.509, ``authority`` is a DER distinguished name, or empty."""

    encoding: UInt8
    authority: Rest


class Identification(NamedTuple):
    """Identification payload (RFC 2407 §4.6.2): who the peer is, or between whom a tunnel runs. ``protocol`` and
    ``port`` (0: any) are of IP; ``id_type`` gives the data a meaning (§4.6.2.1): addresses in network order, text
    without terminator, DER.
    """

    id_type: UInt8
    protocol: UInt8
    port: UInt16
    data: Rest

    def check(self) -> None:
        """Raises WireError for addresses of a wrong size and for an empty name (RFC 2407 §4.6.2.2 ff.)."""
        size = DATA_SIZES.get(self.id_type)
        if size is not None and len(self.data) != size:
            raise WireError(
                f"{size} octets of {IdType(self.id_type).name}",
                len(self.data),
                4,
                notify=NotifyType.INVALID_ID_INFORMATION,
            )
        if not self.data:
            raise WireError("identification data", "none", 4, notify=NotifyType.INVALID_ID_INFORMATION)


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


class ConfigAttributes(NamedTuple):
    """Attributes payload of mode config and XAUTH (draft-dukes-ike-mode-cfg-02 §3.2): ``type`` is a `ConfigType`,
    ``identifier`` ties a reply to its request, the attributes' types are `ConfigAttribute`.
    """

    type: Annotated[UInt8, Reserved(1)]
    identifier: UInt16
    attributes: Annotated[tuple[Attribute, ...], PaddedAttributes()]


class LastFragment(Field):
    """The flags: "All other bits of the Flags field MUST be set to zero [...] and ignored on the responder"."""

    head = "B"

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[bool, int]:
        return bool(numbers[slot] & LAST_FRAGMENT), position

    def build(self, value: bool) -> tuple[tuple[int, ...], bytes]:
        return (LAST_FRAGMENT if value else 0,), b""


class Fragment(NamedTuple):
    """Fragment payload (MS-IKEE §2.2.3.1): one piece of an ISAKMP message, its header included. ``id`` is the same in
    all pieces, ``number`` counts from 1, ``last`` marks the final one.
    """

    id: UInt16
    number: UInt8
    last: Annotated[bool, LastFragment()]
    data: Rest


class Encrypted(NamedTuple):
    """A payload of type ``number`` whose body is encrypted individually: "Only the body of the payloads
    are encrypted [...], the generic payload headers are left in the clear" (RFC 2409 §5.3).
    """

    number: Annotated[int, PayloadNumber()]
    data: Rest


class Unknown(NamedTuple):
    """A payload of an unsupported type, kept as received."""

    number: Annotated[int, PayloadNumber()]
    data: Rest
