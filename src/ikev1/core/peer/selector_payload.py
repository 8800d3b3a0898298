"""Client IDs: traffic selectors as the payloads IDci and IDcr of Quick Mode (RFC 2407 §4.6.2)."""

from __future__ import annotations

from functools import lru_cache

from ikev1.core.records.events import Code
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.selector import Selector
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import IdType, NotifyType

_ADDRESS = {4: IdType.IPV4_ADDR, 16: IdType.IPV6_ADDR}
_SUBNET = {4: IdType.IPV4_ADDR_SUBNET, 16: IdType.IPV6_ADDR_SUBNET}
_RANGE = {4: IdType.IPV4_ADDR_RANGE, 16: IdType.IPV6_ADDR_RANGE}
_WIDTHS: dict[int, int] = {id_type: width for kinds in (_ADDRESS, _SUBNET, _RANGE) for width, id_type in kinds.items()}


def payload_of(selector: Selector) -> Identification:
    """The identification payload for ``selector``: an address or a subnet if possible, else a range."""
    first, last = selector.first, selector.last
    width = len(first)
    if first == last:
        return Identification(_ADDRESS[width], selector.protocol, selector.port, first)
    if selector.network is not None:
        ones = (1 << 8 * width) - 1
        mask = ones ^ (int.from_bytes(first) ^ int.from_bytes(last))
        return Identification(_SUBNET[width], selector.protocol, selector.port, first + mask.to_bytes(width))
    return Identification(_RANGE[width], selector.protocol, selector.port, first + last)


@lru_cache(maxsize=1024)  # peers request the same networks repeatedly, and their SAs can share one record
def selector_of(identity: Identification) -> Selector:
    """The traffic selector of a client ID.

    Raises:
        Refusal: the client ID has no addresses, or invalid ones.
    """
    width = _WIDTHS.get(identity.id_type)
    data = identity.data
    if width is None:
        raise _refusal(f"client ID type {IdType(identity.id_type).name} is not a traffic selector")
    if len(data) != (width if identity.id_type == _ADDRESS[width] else 2 * width):
        raise _refusal(f"client ID has a wrong length ({len(data)} octets)")
    first, last = data[:width], data[-width:]
    if identity.id_type == _SUBNET[width]:
        mask = int.from_bytes(last)
        host_bits = mask ^ ((1 << 8 * width) - 1)
        if host_bits & (host_bits + 1):
            raise _refusal("client ID has a non-contiguous subnet mask")
        low = int.from_bytes(first) & mask
        first, last = low.to_bytes(width), (low | host_bits).to_bytes(width)
    if first > last:
        raise _refusal("client ID has an address range that ends before it begins")
    return Selector(first, last, identity.protocol, identity.port)


def _refusal(text: str) -> Refusal:
    return Refusal(Code.SELECTORS_UNACCEPTABLE, text, notify=NotifyType.INVALID_ID_INFORMATION)
