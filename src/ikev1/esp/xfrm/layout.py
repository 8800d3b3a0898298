"""The structures and numbers of <linux/xfrm.h>, and addresses in them.

Integers are in host byte order unless the kernel declares them as __be: those are packed as octets. The padding of the
C compiler is written out, because "=" adds none.
"""

from __future__ import annotations

import socket
import struct
from enum import IntEnum

from ikev1.core.records.child_sa import Mark
from ikev1.esp.inner import Flow
from ikev1.esp.netlink import attribute

ADDRESS_SIZE = 16  # xfrm_address_t: an IPv4 address is in its first four octets
NO_LIMIT = 2**64 - 1  # XFRM_INF, of octets and packets; of seconds it is 0


class Kind(IntEnum):
    """Types of messages."""

    NEWSA = 0x10
    DELSA = 0x11
    GETSA = 0x12
    NEWPOLICY = 0x13
    DELPOLICY = 0x14
    GETPOLICY = 0x15
    ALLOCSPI = 0x16
    ACQUIRE = 0x17
    EXPIRE = 0x18
    UPDPOLICY = 0x19
    UPDSA = 0x1A
    MAPPING = 0x26


class Attribute(IntEnum):
    """XFRMA_..."""

    ALG_CRYPT = 2
    ALG_COMP = 3
    ENCAP = 4
    TMPL = 5
    LTIME_VAL = 9
    REPLAY_VAL = 10
    LASTUSED = 15
    ALG_AEAD = 18
    ALG_AUTH_TRUNC = 20
    MARK = 21
    REPLAY_ESN_VAL = 23
    SET_MARK = 29
    SET_MARK_MASK = 30
    IF_ID = 31
    MTIMER_THRESH = 32


# struct xfrm_selector: daddr, saddr, dport, its mask, sport, its mask, family, prefixes of daddr and saddr, protocol,
# interface, user
SELECTOR = struct.Struct("=16s16s2s2s2s2sHBBB3xiI")
# struct xfrm_lifetime_cfg: soft and hard limits of octets, of packets, of seconds since added, of seconds since used
LIFETIME_CONFIG = struct.Struct("=8Q")
# struct xfrm_lifetime_cur: octets, packets, time of addition, time of first use
LIFETIME_CURRENT = struct.Struct("=4Q")
# struct xfrm_usersa_info: selector; daddr, spi, protocol; saddr; lifetimes; too old, replayed, forged; sequence number,
# reqid, family, mode, replay window, flags
STATE_INFO = struct.Struct("=56s16s4sB3x16s64s32sIIIIIHBBB7x")
# struct xfrm_usersa_id: daddr, spi, family, protocol
STATE_ID = struct.Struct("=16s4sHBx")
# struct xfrm_user_tmpl: daddr, spi, protocol; family, saddr, reqid, mode, share, optional, aalgos, ealgos, calgos
TEMPLATE = struct.Struct("=16s4sB3xH2x16sIBBBxIII")
# struct xfrm_userpolicy_info: selector, lifetimes, priority, index, direction, action, flags, share
POLICY_INFO = struct.Struct("=56s64s32sIIBBBB4x")
# struct xfrm_userpolicy_id: selector, index, direction
POLICY_ID = struct.Struct("=56sIB3x")
# struct xfrm_encap_tmpl: type, source port, destination port, original address
ENCAPSULATION = struct.Struct("=H2s2s2x16s")
# struct xfrm_mark: value, mask
MARK = struct.Struct("=II")
# struct xfrm_replay_state: sequence numbers out and in, bitmap
REPLAY = struct.Struct("=III")
# struct xfrm_replay_state_esn without its bitmap: words of the bitmap, sequence numbers out and in, their upper halves,
# window
REPLAY_ESN = struct.Struct("=6I")
NUMBER = struct.Struct("=I")


def wide(address: bytes) -> bytes:
    """A packed address as an xfrm_address_t; an empty one matches any."""
    return address.ljust(ADDRESS_SIZE, b"\0")


def address_of(octets: bytes, family: int) -> bytes:
    """The packed address in an xfrm_address_t."""
    return octets[:4] if family == socket.AF_INET else octets


def mark_attribute(mark: Mark) -> bytes:
    """XFRMA_MARK; empty if there is no mark."""
    return attribute(Attribute.MARK, MARK.pack(*mark)) if mark.mask else b""


def flow_of(selector: bytes) -> Flow:
    """The packet whose addresses, protocol and ports are a struct xfrm_selector."""
    destination, source, to_port, _, from_port, _, family, _, _, protocol, _, _ = SELECTOR.unpack(selector)
    with_ports = any(to_port) or any(from_port)
    return Flow(
        protocol,
        address_of(source, family),
        address_of(destination, family),
        int.from_bytes(from_port) if with_ports else None,
        int.from_bytes(to_port) if with_ports else None,
    )
