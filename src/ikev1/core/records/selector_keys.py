"""The integers under which `ikev1.core.records.selector_index` files a pair of selectors.

The block of a range is a network: its first address and its width, the number of bits after its prefix. A key is, from
the highest bits down, the first address of a block, its width, and the protocols and ports of both selectors, so that
sorted keys are in the order of their addresses.
"""

from __future__ import annotations

from functools import lru_cache

from ikev1.core.records.selector import Selector

WIDTH_BITS = 8  # bits of a block's number for its width, below those of its first address
_UPPER_BITS = 48  # of protocol and port, local and remote: 8 + 16 + 8 + 16 bits
PORTS = 0xFFFF << 24 | 0xFFFF  # the bits of both ports within `upper_of`

Block = tuple[int, int]  # a network: its first address, and its width, the number of bits after its prefix


def blocks_of(selector: Selector) -> tuple[Block, ...]:
    """Return the block of the selector's range, or the two consecutive blocks in which it lies."""
    return _blocks(selector.first, selector.last)


@lru_cache(maxsize=1024)  # each pair of IPsec SAs is looked up several times while it is negotiated
def _blocks(first_address: bytes, last_address: bytes) -> tuple[Block, ...]:
    first, last = int.from_bytes(first_address), int.from_bytes(last_address)
    width = (last - first).bit_length()
    low, high = first >> width << width, last >> width << width
    return ((low, width),) if low == high else ((low, width), (high, width))


def upper_of(local: Selector, remote: Selector) -> int:
    """Return the protocols and ports of a pair of selectors; 0 where any matches."""
    return local.protocol << 40 | local.port << 24 | remote.protocol << 16 | remote.port


def mask_of(local: Selector, remote: Selector) -> int:
    """Return a mask of the bits of `upper_of` that a pair of selectors specifies."""
    mask = 0xFF << 40 if local.protocol else 0
    if local.port:
        mask |= 0xFFFF << 24
    if remote.protocol:
        mask |= 0xFF << 16
    return mask | 0xFFFF if remote.port else mask


def key_of(first: int, width: int, upper: int) -> int:
    """Return the key of a block and of the bits of `upper_of`."""
    return (first << WIDTH_BITS | width) << _UPPER_BITS | upper
