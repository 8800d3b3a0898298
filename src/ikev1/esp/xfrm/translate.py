"""A pair of IPsec SAs, or a trap, as states, templates and selectors of the kernel, without side effects.

With compression, IPComp is in tunnel mode, and ESP in transport mode around it (RFC 3173 §2, and the kernel's nesting).
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from ikev1.core.records.child_sa import ChildSa, IpsecMode, PacketMarks
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.esp.networks import packed
from ikev1.esp.plane import PlaneError, Protected, Shunted, Trap
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
_SOFT_SEQUENCE = 15 << 28  # packets: as in user space, a pair is replaced after 15/16 of the sequence numbers
_SOFT_PART = 0.875  # of the kilobytes
_GRACE = 60  # seconds: the kernel's limit applies only if the engine did not close the pair in time


class Flows(NamedTuple):
    """The packets that a policy, or several, match. Policies of one direction differ in them."""

    local: Selector
    remote: Selector
    marks: PacketMarks
    further: tuple[Selector, ...] = ()  # more local selectors

    @property
    def locals(self) -> tuple[Selector, ...]:
        """All local selectors."""
        return (self.local, *self.further)


def flows(child: ChildSa) -> Flows:
    """The packets of ``child``; in transport mode, those between the ends of its path.

    Behind a NAT, the peers know different addresses (RFC 3947 §5.1); packets in this kernel have those of the path.
    """
    if child.mode is IpsecMode.TUNNEL:
        one, *further = [_flows(each, child.remote, child.marks) for each in child.locals]
        return one._replace(further=tuple(each.local for each in further))
    local, remote = packed(child.path.local_host), packed(child.path.remote_host)
    return _flows(
        replace(child.local, first=local, last=local), replace(child.remote, first=remote, last=remote), child.marks
    )


def trap_flows(trap: Trap) -> Flows:
    """The packets that trigger ``trap``."""
    return _flows(trap.local, trap.remote, trap.marks)


def protected_flows(traffic: Protected) -> Flows:
    """The packets that must be protected."""
    return _flows(traffic.local, traffic.remote, traffic.marks)


def shunted_flows(traffic: Shunted) -> Flows:
    """The packets of a shunt."""
    return _flows(traffic.local, traffic.remote, PacketMarks())


def _flows(local: Selector, remote: Selector, marks: PacketMarks) -> Flows:
    """Normalized flows: a protocol of either selector applies to both, so that equal packets have equal flows."""
    if local.protocol != remote.protocol:
        protocol = local.protocol or remote.protocol
        local, remote = replace(local, protocol=protocol), replace(remote, protocol=protocol)
    return Flows(local, remote, marks)


def inbound_states(child: ChildSa, reqid: int) -> list[State]:
    """The inbound states of ``child``. Only the policies have its inbound mark: received ESP packets have none.
    If other peers may have the address of the peer, decrypted packets get the mark (`ikev1.esp.nft.client_rules`).

    Raises:
        PlaneError: the kernel does not support the compression.
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
            output_mark=child.marks.mark_in.value if child.shares_address else 0,
        )
    ]
    if child.compression:
        id = StateId(local, child.compression.inbound_cpi, Protocol.COMP)
        states.append(_compressing(child, id, remote, reqid, child.marks.if_id_in))
    return states


def outbound_states(child: ChildSa, reqid: int, output_mark: int) -> list[State]:
    """The outbound states of ``child``; encrypted packets get ``output_mark``.

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
    if len(child.local.first) != len(source):  # transport mode, in which the kernel mixes no address families
        raise PlaneError("the kernel supports IPComp only if packet and tunnel have the same IP version")
    return State(id, source, reqid, _MODES[child.mode], algorithm=child.compression.algorithm, if_id=if_id)


def outbound_templates(child: ChildSa, reqid: int) -> tuple[Template, ...]:
    """The templates of outbound policies. They name these states, so that we decide when another pair is used."""
    local, remote = packed(child.path.local_host), packed(child.path.remote_host)
    compression = child.compression
    cpi = compression.outbound_cpi if compression else 0
    return _templates(
        (local, remote), child.mode, child.suite.protocol, reqid, child.outbound.spi, cpi, compression is not None
    )


def inbound_templates(child: ChildSa, reqid: int) -> tuple[Template, ...]:
    """The templates of inbound policies. They match all states of the reqid, because pairs overlap during a rekey."""
    ends = _any_to(packed(child.path.local_host))
    compressed = child.compression is not None
    return _templates(ends, child.mode, child.suite.protocol, reqid, compressed=compressed, optional=True)


def trap_templates(trap: Trap, reqid: int) -> tuple[tuple[Template, ...], tuple[Template, ...]]:
    """The inbound and outbound templates of ``trap``."""
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
    """``optional`` applies to IPComp: packets that would not shrink are sent without it (RFC 3173 §2.2)."""
    if not compressed:
        return (Template(*ends, PROTOCOLS[protocol], _MODES[mode], reqid, spi),)
    return (
        Template(*ends, Protocol.COMP, _MODES[mode], reqid, cpi, optional),
        Template(*ends, PROTOCOLS[protocol], XfrmMode.TRANSPORT, reqid, spi),
    )


def _any_to(local: bytes) -> tuple[bytes, bytes]:
    """Any source address, because the peer may move."""
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
