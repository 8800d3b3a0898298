"""An SA in the kernel, a *state*: its parameters, the kernel's report of it, and the encoding of both."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite, Mark
from ikev1.esp.netlink import Buffer, GarbledAnswer, attribute, attributes, unpack
from ikev1.esp.networks import family_of
from ikev1.esp.plane import PlaneError
from ikev1.esp.xfrm.algorithms import KEY_HEADERS, compression_attribute, key_attributes
from ikev1.esp.xfrm.layout import (
    ENCAPSULATION,
    LIFETIME_CONFIG,
    LIFETIME_CURRENT,
    NO_LIMIT,
    NUMBER,
    REPLAY,
    REPLAY_ESN,
    SELECTOR,
    STATE_ID,
    STATE_INFO,
    Attribute,
    address_of,
    mark_attribute,
    wide,
)

_ANY_SELECTOR = bytes(SELECTOR.size)
_NOTHING_CARRIED = bytes(LIFETIME_CURRENT.size)
_ANY_FAMILY, _ALIGN4, _ESN = 32, 64, 128  # XFRM_STATE_AF_UNSPEC and so on
_ESP_IN_UDP = 2  # UDP_ENCAP_ESPINUDP, <linux/udp.h>
_ALL_BITS = 2**32 - 1
_SECONDS = struct.Struct("=Q")
_LARGEST_PLAIN_WINDOW = 32  # packets: what a state holds without XFRMA_REPLAY_ESN_VAL
_LARGEST_WINDOW = 4096  # XFRMA_REPLAY_ESN_MAX
_MAPPING_INTERVAL = 5  # seconds between two MAPPINGs to the same port


class Protocol(IntEnum):
    """The kind of a state, by its IP protocol."""

    ESP = 50
    AH = 51
    COMP = 108


class XfrmMode(IntEnum):
    """XFRM_MODE_..."""

    TRANSPORT = 0
    TUNNEL = 1


class StateId(NamedTuple):
    """The kernel's key of a state: the packed destination address, the SPI (or CPI), the protocol."""

    destination: bytes
    spi: int
    protocol: int
    mark: Mark = Mark()


class Limits(NamedTuple):
    """When the kernel sends EXPIRE (soft), and when it deletes the state (hard). Seconds count from its addition."""

    soft_octets: int = NO_LIMIT
    hard_octets: int = NO_LIMIT
    soft_packets: int = NO_LIMIT
    hard_packets: int = NO_LIMIT
    hard_seconds: int = 0  # 0: no limit

    @property
    def has_soft(self) -> bool:
        """Whether there is a soft limit."""
        return (self.soft_octets, self.soft_packets) != (NO_LIMIT, NO_LIMIT)

    def at_first_packet(self) -> Limits:
        """These limits, with EXPIRE (soft) when a packet follows the first authentic one. The kernel compares the
        count before it verifies a packet, and counts those that it has verified.
        """
        return self._replace(soft_packets=1)

    def is_soft(self, octets: int, packets: int) -> bool:
        """Whether a soft limit is reached by what was carried."""
        return octets >= self.soft_octets or packets >= self.soft_packets


class Carried(NamedTuple):
    """What a state hands to the one that replaces it: an XFRMA_REPLAY_(ESN_)VAL, and its counters."""

    replay: tuple[int, bytes]
    lifetime: bytes


class State(NamedTuple):
    """An SA to install. ``suite`` and ``keys`` are None for IPComp, which has an ``algorithm`` instead."""

    id: StateId
    source: bytes  # packed
    reqid: int
    mode: XfrmMode
    suite: IpsecSuite | None = None
    keys: IpsecKeys | None = None
    algorithm: int = 0  # an IPCOMP transform
    inbound: bool = False
    replay_window: int = 0  # packets
    encapsulation: tuple[int, int] | None = None  # the source and destination UDP port
    limits: Limits = Limits()
    if_id: int = 0
    output_mark: int = 0  # of the packets that come out of it, encrypted or opened
    carried: Carried | None = None
    algorithms: Buffer = b""  # in place of ``suite`` and ``keys``: what `algorithms` returned for another state


class StateInfo(NamedTuple):
    """The kernel's report of a state. Times are seconds since the epoch, 0 for never."""

    id: StateId
    source: bytes
    reqid: int
    octets: int
    packets: int
    last_used: int
    replays: int  # packets received before, or older than the window
    integrity_failures: int
    carried: Carried
    selector: bytes  # struct xfrm_selector

    @property
    def larval(self) -> bool:
        """Whether it only records that the kernel has sent an ACQUIRE, for the packet in its selector
        (`layout.flow_of`).
        """
        return not self.id.spi


def encode(state: State) -> bytearray:
    """The body of XFRM_MSG_NEWSA or XFRM_MSG_UPDSA. It holds the keys: the caller wipes it after use.

    Raises:
        PlaneError: the kernel has no name for the suite, or a key has the wrong size.
    """
    esn = state.suite is not None and state.suite.esn
    window = min(state.replay_window, _LARGEST_WINDOW)
    if esn:
        window = max(window, _LARGEST_PLAIN_WINDOW)  # the kernel rejects ESN without a window, even for sending
    plain = not esn and window <= _LARGEST_PLAIN_WINDOW
    octets = bytearray(_info(state, window if plain else 0, _flags(state, esn)))
    if state.algorithms:
        octets += state.algorithms
    elif state.suite is not None and state.keys is not None:
        keys = key_attributes(state.suite, state.keys)
        octets += keys
        keys[:] = bytes(len(keys))
    else:
        octets += compression_attribute(state.algorithm)
    if state.encapsulation is not None:
        octets += _encapsulation(*state.encapsulation, notice_moves=state.inbound)
    octets += mark_attribute(state.id.mark)
    if state.if_id:
        octets += attribute(Attribute.IF_ID, NUMBER.pack(state.if_id))
    if state.output_mark:
        octets += attribute(Attribute.SET_MARK, NUMBER.pack(state.output_mark))
        octets += attribute(Attribute.SET_MARK_MASK, NUMBER.pack(_ALL_BITS))
    if state.carried is not None:
        octets += attribute(*state.carried.replay)
        octets += attribute(Attribute.LTIME_VAL, state.carried.lifetime)
    elif not plain:
        words = (window + 31) // 32
        octets += attribute(Attribute.REPLAY_ESN_VAL, REPLAY_ESN.pack(words, 0, 0, 0, 0, window) + bytes(4 * words))
    return octets


def _flags(state: State, esn: bool) -> int:
    # RFC 4302 §3.3.3.2.1: AH is a multiple of 4 octets in IPv4, of 8 in IPv6; by default the kernel uses 8 for both
    align4 = state.id.protocol == Protocol.AH and len(state.id.destination) == 4
    any_family = state.mode is XfrmMode.TUNNEL
    return (_ANY_FAMILY if any_family else 0) | (_ALIGN4 if align4 else 0) | (_ESN if esn else 0)


def _info(state: State, window: int, flags: int) -> bytes:
    limits = state.limits
    return STATE_INFO.pack(
        _ANY_SELECTOR,
        wide(state.id.destination),
        state.id.spi.to_bytes(4),
        state.id.protocol,
        wide(state.source),
        LIFETIME_CONFIG.pack(*limits[:4], 0, limits.hard_seconds, 0, 0),
        _NOTHING_CARRIED,
        *(0, 0, 0, 0),
        state.reqid,
        family_of(state.id.destination),
        state.mode,
        window,
        flags,
    )


def _encapsulation(source_port: int, destination_port: int, notice_moves: bool) -> bytes:
    ports = source_port.to_bytes(2), destination_port.to_bytes(2)
    octets = attribute(Attribute.ENCAP, ENCAPSULATION.pack(_ESP_IN_UDP, *ports, bytes(16)))
    if notice_moves:  # else MAPPING is sent for each packet from another port, as always before Linux 5.17
        octets += attribute(Attribute.MTIMER_THRESH, NUMBER.pack(_MAPPING_INTERVAL))
    return octets


def encode_id(id: StateId) -> bytes:
    """The body of XFRM_MSG_GETSA and XFRM_MSG_DELSA."""
    name = STATE_ID.pack(wide(id.destination), id.spi.to_bytes(4), family_of(id.destination), id.protocol)
    return name + mark_attribute(id.mark)


def allocation(destination: bytes, source: bytes, protocol: Protocol, least: int, most: int) -> bytes:
    """The body of XFRM_MSG_ALLOCSPI for a number from ``least`` to ``most``, inclusive."""
    larval = State(StateId(destination, 0, protocol), source, 0, XfrmMode.TUNNEL)
    return _info(larval, 0, 0) + struct.pack("=II", least, most)


def parse(octets: memoryview) -> StateInfo:
    """The content of a NEWSA message of the kernel.

    Raises:
        GarbledAnswer: it is too short, or an attribute is missing or has a wrong length.
    """
    selector, _, _, _, source, _, lifetime, too_old, replayed, forged, _, reqid, family, *_ = unpack(STATE_INFO, octets)
    found = attributes(octets[STATE_INFO.size :])
    sent, packets, _, used = LIFETIME_CURRENT.unpack(lifetime)
    last_used = found.get(Attribute.LASTUSED)
    return StateInfo(
        parse_id(octets),
        address_of(source, family),
        reqid,
        sent,
        packets,
        unpack(_SECONDS, last_used)[0] if last_used else used,
        too_old + replayed,
        forged,
        Carried(_replay(found), lifetime),
        selector,
    )


def algorithms(octets: memoryview) -> bytearray:
    """The attributes in a NEWSA message of the kernel that name algorithms and hold keys; the caller wipes them.

    Raises:
        PlaneError: the kernel hides the keys (lockdown(7), confidentiality).
    """
    found, copied = attributes(octets[STATE_INFO.size :]), bytearray()
    for kind, header in KEY_HEADERS.items():
        if kind in found:
            key = found[kind][header:]
            if key and not any(key):
                raise PlaneError("the kernel does not return the keys, which the replacement of the SA needs")
            copied += attribute(kind, found[kind])
    return copied


def parse_id(octets: memoryview) -> StateId:
    """The key of the state in a message that begins with a struct xfrm_usersa_info, without its mark."""
    _, destination, spi, protocol, _, _, _, _, _, _, _, _, family, *_ = unpack(STATE_INFO, octets)
    return StateId(address_of(destination, family), int.from_bytes(spi), protocol)


def _replay(found: dict[int, memoryview]) -> tuple[int, bytes]:
    for kind, layout in ((Attribute.REPLAY_ESN_VAL, REPLAY_ESN), (Attribute.REPLAY_VAL, REPLAY)):
        if kind in found:
            unpack(layout, found[kind])
            return kind, bytes(found[kind])
    raise GarbledAnswer("the kernel returned an SA without its sequence numbers")


def leap(carried: Carried, packets: int) -> Carried:
    """``carried`` for the state that continues to send, with its sequence number increased by ``packets``.

    No number is used twice, even if the old state sends packets while the new one is added.
    """
    kind, octets = carried.replay
    if kind == Attribute.REPLAY_VAL:
        sent, *rest = REPLAY.unpack(octets)
        return carried._replace(replay=(kind, REPLAY.pack(min(sent + packets, _ALL_BITS), *rest)))
    words, low, received, high, *rest = REPLAY_ESN.unpack_from(octets)
    total = (high << 32 | low) + packets
    header = REPLAY_ESN.pack(words, total & _ALL_BITS, received, total >> 32, *rest)
    return carried._replace(replay=(kind, header + octets[REPLAY_ESN.size :]))
