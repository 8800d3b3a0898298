"""What a pair of IPsec SAs is to the kernel."""

from __future__ import annotations

import pytest

from ikev1.core.records.child_sa import Compression, IpsecMode, IpsecSuite, Mark, PacketMarks
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.esp.plane import PlaneError, Trap
from ikev1.esp.xfrm.state import Limits, Protocol, XfrmMode
from ikev1.esp.xfrm.translate import (
    flows,
    inbound_states,
    inbound_templates,
    outbound_states,
    outbound_templates,
    trap_templates,
)
from xfrm_lab import two_ends

HERE, THERE, ANYWHERE = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)), bytes(4)
CHILD = two_ends()[0]
DEFLATE = Compression(algorithm=2, inbound_cpi=0x1111, outbound_cpi=0x2222)
NO_LIMIT = 2**64 - 1


def test_each_direction_has_a_state_of_its_own() -> None:
    (received,), (sent,) = inbound_states(CHILD, 77), outbound_states(CHILD, 77, 4500)
    assert (received.id.destination, received.id.spi, received.source) == (HERE, CHILD.inbound.spi, THERE)
    assert (sent.id.destination, sent.id.spi, sent.source) == (THERE, CHILD.outbound.spi, HERE)
    assert (received.keys, sent.keys) == (CHILD.inbound, CHILD.outbound)
    assert (received.replay_window, sent.replay_window) == (64, 0)
    assert (received.output_mark, sent.output_mark) == (0, 4500)
    assert (received.inbound, sent.inbound) == (True, False)
    assert received.mode is sent.mode is XfrmMode.TUNNEL


def test_udp_ports_are_turned_for_what_comes() -> None:
    path = UdpPath("192.0.2.1", 4500, "192.0.2.2", 31337)
    child = replace(CHILD, path=path, udp_encapsulation=True)
    assert inbound_states(child, 77)[0].encapsulation == (31337, 4500)
    assert outbound_states(child, 77, 0)[0].encapsulation == (4500, 31337)
    assert inbound_states(CHILD, 77)[0].encapsulation is None


def test_limits() -> None:
    """Soft ones come first; the engine's own clock, too."""
    child = replace(CHILD, lifetime_kilobytes=8, created_at=1_000.0, expires_at=1_600.5)
    assert outbound_states(child, 77, 0)[0].limits == Limits(7168, 8192, 15 << 28, 2**32 - 1, 661)
    assert inbound_states(child, 77)[0].limits == Limits(7168, NO_LIMIT, NO_LIMIT, NO_LIMIT, 661)


def test_64_bits_of_sequence_numbers_are_never_used_up() -> None:
    child = replace(CHILD, suite=replace(CHILD.suite, esn=True))
    assert outbound_states(child, 77, 0)[0].limits == Limits()


def test_the_way_out_names_a_state_the_way_in_any_of_the_reqid() -> None:
    (out,), (back,) = outbound_templates(CHILD, 77), inbound_templates(CHILD, 77)
    assert (out.source, out.destination, out.spi, out.reqid) == (HERE, THERE, CHILD.outbound.spi, 77)
    assert (back.source, back.destination, back.spi, back.reqid) == (ANYWHERE, HERE, 0, 77)


def test_compression_is_the_tunnel_and_esp_is_inside() -> None:
    child = replace(CHILD, compression=DEFLATE)
    for states, spi, cpi in (
        (inbound_states(child, 77), 0x1001, 0x1111),
        (outbound_states(child, 77, 0), 0x1002, 0x2222),
    ):
        esp, compressed = states
        assert (esp.id.protocol, esp.id.spi, esp.mode) == (Protocol.ESP, spi, XfrmMode.TRANSPORT)
        assert (compressed.id.protocol, compressed.id.spi, compressed.mode) == (Protocol.COMP, cpi, XfrmMode.TUNNEL)
        assert (compressed.algorithm, compressed.keys) == (2, None)
    outer, inner = outbound_templates(child, 77)
    assert (outer.protocol, outer.mode, outer.spi, outer.optional) == (Protocol.COMP, XfrmMode.TUNNEL, 0x2222, False)
    assert (inner.protocol, inner.mode, inner.spi) == (Protocol.ESP, XfrmMode.TRANSPORT, 0x1002)
    assert [template.optional for template in inbound_templates(child, 77)] == [True, False]


def test_compression_of_another_ip_version_is_refused() -> None:
    with pytest.raises(PlaneError, match="IP version"):
        inbound_states(two_ends(inner=6, outer=4, compression=DEFLATE)[0], 77)


def test_transport_mode_is_about_the_ends_of_the_path() -> None:
    """Behind a NAT the selectors name addresses that no packet here has."""
    private = Selector.parse("10.9.9.9[udp/1701]")
    child = replace(CHILD, mode=IpsecMode.TRANSPORT, local=Selector.parse("192.0.2.1[udp/1701]"), remote=private)
    local, remote, _, _ = flows(child)
    assert (str(local), str(remote)) == ("192.0.2.1/32[udp/1701]", "192.0.2.2/32[udp/1701]")
    assert inbound_states(child, 77)[0].mode is XfrmMode.TRANSPORT
    assert flows(CHILD)[:2] == (CHILD.local, CHILD.remote)


def test_the_same_packets_are_equal() -> None:
    one = replace(CHILD, local=Selector.parse("10.1.0.0/16[tcp]"))
    other = replace(one, remote=Selector.parse("10.2.0.0/16[tcp]"))
    assert flows(one) == flows(other)
    assert flows(one) != flows(CHILD)


def test_ah() -> None:
    child = two_ends(IpsecSuite(encryption=0, integrity=5, protocol=2))[0]
    assert inbound_states(child, 77)[0].id.protocol == outbound_templates(child, 77)[0].protocol == Protocol.AH


def test_marks_on_the_way_in_are_the_policies_alone() -> None:
    child = replace(CHILD, marks=PacketMarks(Mark(1, 3), Mark(2, 3), 5, 6))
    (received,), (sent,) = inbound_states(child, 77), outbound_states(child, 77, 0)
    assert (received.id.mark, sent.id.mark) == (Mark(), Mark(2, 3))
    assert (received.if_id, sent.if_id) == (5, 6)


@pytest.mark.parametrize(("local_host", "source"), [("", ANYWHERE), ("192.0.2.1", HERE)])
def test_a_trap_names_no_state(local_host: str, source: bytes) -> None:
    trap = Trap("peer", "net", CHILD.local, CHILD.remote, local_host, "192.0.2.2")
    (back,), (out,) = trap_templates(trap, 77)
    assert (out.source, out.destination, out.spi, out.reqid) == (source, THERE, 0, 77)
    assert (back.destination, back.source) == (source, ANYWHERE)
