"""A pair of IPsec SAs, or a trap, in the kernel's terms: states, templates and selectors. Pure.

With compression a tunnel is IPComp's, and ESP inside it is in transport mode (RFC 3173 §2, and how the kernel nests).
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from ikev1.core.records.child_sa import ChildSa, IpsecMode, PacketMarks
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.esp.networks import packed
from ikev1.esp.plane import PlaneError, Protected, Trap
from ikev1.esp.xfrm.layout import NO_LIMIT
from ikev1.esp.xfrm.policy import Template
from ikev1.esp.xfrm.state import Limits, Protocol, State, StateId, XfrmMode
from ikev1.wire.registry import ProtocolId

PROTOCOLS: dict[int, Protocol] = {
    ProtocolId.ESP: Protocol.ESP,
    ProtocolId.AH: Protocol.AH,
    ProtocolId.IPCOMP: Protocol.COMP,
}
_MODES = {IpsecMode.TUNNEL: XfrmMode.TUNNEL, IpsecMode.TRANSPORT: XfrmMode.TRANSPORT}
_ANY = {4: bytes(4), 16: bytes(16)}

_LAST_SEQUENCE = 2**32 - 1  # RFC 4303 §2.2: a new SA "prior to the transmission of the 2^32nd packet"
_SOFT_SEQUENCE = 15 << 28  # packets: as in userspace, at 15/16 of the numbers another pair should take over
_SOFT_PART = 0.875  # of the kilobytes
_GRACE = 60  # seconds: the engine closes a pair in time; this is for when it does not


class Flows(NamedTuple):
    """Which packets a policy is about: what tells policies of one direction apart."""

    local: Selector
    remote: Selector
    marks: PacketMarks


def flows(child: ChildSa) -> Flows:
    """The packets of ``child``. In transport mode those between the ends of its path.

    Behind a NAT the peers do not agree upon their addresses (RFC 3947 §5.1); what passes the kernel has ours.
    """
    if child.mode is IpsecMode.TUNNEL:
        return _flows(child.local, child.remote, child.marks)
    local, remote = packed(child.path.local_host), packed(child.path.remote_host)
    return _flows(
        replace(child.local, first=local, last=local), replace(child.remote, first=remote, last=remote), child.marks
    )


def trap_flows(trap: Trap) -> Flows:
    """The packets that ``trap`` waits for."""
    return _flows(trap.local, trap.remote, trap.marks)


def protected_flows(traffic: Protected) -> Flows:
    """The packets that only tunnels may carry."""
    return _flows(traffic.local, traffic.remote, traffic.marks)


def _flows(local: Selector, remote: Selector, marks: PacketMarks) -> Flows:
    """A protocol on either side is one on both, and so the same packets are equal."""
    if local.protocol != remote.protocol:
        protocol = local.protocol or remote.protocol
        local, remote = replace(local, protocol=protocol), replace(remote, protocol=protocol)
    return Flows(local, remote, marks)


def inbound_states(child: ChildSa, reqid: int) -> list[State]:
    """What receives for ``child``. A mark on the way in is the policies' alone: ESP comes without.

    Raises:
        PlaneError: it asks for compression that the kernel cannot do.
    """
    local, remote = packed(child.path.local_host), packed(child.path.remote_host)
    ports = (child.path.remote_port, child.path.local_port) if child.udp_encapsulation else None
    soft, _ = _octets(child)
    states = [
        State(
            StateId(local, child.inbound.spi, PROTOCOLS[child.suite.protocol]),
            remote,
            reqid,
            XfrmMode.TRANSPORT if child.compression else _MODES[child.mode],
            child.suite,
            child.inbound,
            inbound=True,
            replay_window=child.replay_window,
            encapsulation=ports,
            limits=Limits(soft_octets=soft, soft_packets=_soft_packets(child, NO_LIMIT), hard_seconds=_seconds(child)),
            if_id=child.marks.if_id_in,
        )
    ]
    if child.compression:
        id = StateId(local, child.compression.inbound_cpi, Protocol.COMP)
        states.append(_compressing(child, id, remote, reqid, child.marks.if_id_in))
    return states


def outbound_states(child: ChildSa, reqid: int, output_mark: int) -> list[State]:
    """What sends for ``child``; ``output_mark`` is of the packets that leave.

    Raises:
        PlaneError: as `inbound_states`.
    """
    local, remote = packed(child.path.local_host), packed(child.path.remote_host)
    ports = (child.path.local_port, child.path.remote_port) if child.udp_encapsulation else None
    soft, hard = _octets(child)
    soft_packets, hard_packets = (NO_LIMIT, NO_LIMIT) if child.suite.esn else (_SOFT_SEQUENCE, _LAST_SEQUENCE)
    packets = _soft_packets(child, soft_packets), hard_packets
    mark = child.marks.mark_out
    states = [
        State(
            StateId(remote, child.outbound.spi, PROTOCOLS[child.suite.protocol], mark),
            local,
            reqid,
            XfrmMode.TRANSPORT if child.compression else _MODES[child.mode],
            child.suite,
            child.outbound,
            encapsulation=ports,
            limits=Limits(soft, hard, *packets, _seconds(child)),
            if_id=child.marks.if_id_out,
            output_mark=output_mark,
        )
    ]
    if child.compression:
        id = StateId(remote, child.compression.outbound_cpi, Protocol.COMP, mark)
        states.append(_compressing(child, id, local, reqid, child.marks.if_id_out))
    return states


def _compressing(child: ChildSa, id: StateId, source: bytes, reqid: int, if_id: int) -> State:
    assert child.compression is not None
    if len(child.local.first) != len(source):  # ESP is in transport mode, where the kernel mixes none
        raise PlaneError("the kernel supports IPComp only if packet and tunnel have the same IP version")
    return State(id, source, reqid, _MODES[child.mode], algorithm=child.compression.algorithm, if_id=if_id)


def outbound_templates(child: ChildSa, reqid: int) -> tuple[Template, ...]:
    """What a packet passes on its way out: these very states, so that another pair takes over when we say so."""
    local, remote = packed(child.path.local_host), packed(child.path.remote_host)
    compression = child.compression
    cpi = compression.outbound_cpi if compression else 0
    return _templates(
        (local, remote), child.mode, child.suite.protocol, reqid, child.outbound.spi, cpi, compression is not None
    )


def inbound_templates(child: ChildSa, reqid: int) -> tuple[Template, ...]:
    """What a packet has passed that came in: any states of the reqid, for pairs overlap while they are rekeyed."""
    ends = _any_to(packed(child.path.local_host))
    compressed = child.compression is not None
    return _templates(ends, child.mode, child.suite.protocol, reqid, compressed=compressed, optional=True)


def trap_templates(trap: Trap, reqid: int) -> tuple[tuple[Template, ...], tuple[Template, ...]]:
    """What ``trap`` waits for: in, and out."""
    remote = packed(trap.remote_host)
    local = packed(trap.local_host) if trap.local_host else _ANY[len(remote)]
    inbound = _templates(_any_to(local), trap.mode, trap.protocol, reqid, compressed=trap.compress, optional=True)
    return inbound, _templates((local, remote), trap.mode, trap.protocol, reqid, compressed=trap.compress)


def _templates(
    ends: tuple[bytes, bytes],
    mode: IpsecMode,
    protocol: int,
    reqid: int,
    spi: int = 0,
    cpi: int = 0,
    compressed: bool = False,
    optional: bool = False,
) -> tuple[Template, ...]:
    """``optional`` is about compression: a packet that would not shrink comes without (RFC 3173 §2.2)."""
    if not compressed:
        return (Template(*ends, PROTOCOLS[protocol], _MODES[mode], reqid, spi),)
    return (
        Template(*ends, Protocol.COMP, _MODES[mode], reqid, cpi, optional),
        Template(*ends, PROTOCOLS[protocol], XfrmMode.TRANSPORT, reqid, spi),
    )


def _any_to(local: bytes) -> tuple[bytes, bytes]:
    """From anywhere: the peer may move."""
    return _ANY[len(local)], local


def _octets(child: ChildSa) -> tuple[int, int]:
    """The soft and the hard limit (RFC 4301 §4.4.2.1); kilobytes are 1024 octets (RFC 2407 §4.5)."""
    configured = child.rekey_bytes or NO_LIMIT
    if not child.lifetime_kilobytes:
        return configured, NO_LIMIT
    octets = child.lifetime_kilobytes * 1024
    return min(configured, int(octets * _SOFT_PART)), octets


def _soft_packets(child: ChildSa, limit: int) -> int:
    return min(limit, child.rekey_packets or NO_LIMIT)


def _seconds(child: ChildSa) -> int:
    return max(1, ceil(child.expires_at - child.created_at)) + _GRACE if child.expires_at else 0
