"""What the kernel says by itself, read from the structures of <linux/xfrm.h>."""

from __future__ import annotations

import ctypes
import struct
from contextlib import suppress
from socket import AF_INET, AF_INET6

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.esp.netlink import GarbledAnswer, Message
from ikev1.esp.xfrm.events import Acquired, Mapped, StateExpired, parse
from ikev1.esp.xfrm.policy import Template
from ikev1.esp.xfrm.state import Protocol, StateId, XfrmMode
from xfrm_structures import Acquire, Expire, Mapping

ACQUIRE, EXPIRE, POLEXPIRE, MAPPING = 0x17, 0x18, 0x1B, 0x26
HERE, THERE = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
HERE6, THERE6 = bytes.fromhex("fd77" + 27 * "0" + "1"), bytes.fromhex("fd77" + 27 * "0" + "2")


def message(kind: int, body: bytes) -> Message:
    return Message(kind, 0, 0, memoryview(body))


def put(field: ctypes.Array[ctypes.c_uint32], address: bytes) -> None:
    ctypes.memmove(field, address, len(address))


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize(("host", "family"), [(HERE, AF_INET), (HERE6, AF_INET6)])
def test_a_state_expires(host: bytes, family: int, hard: bool) -> None:
    expire = Expire()
    put(expire.state.id.daddr, host)
    expire.state.id.spi.value, expire.state.id.proto = 0x11223344, 50
    expire.state.family, expire.state.reqid, expire.hard = family, 77, hard
    expire.state.curlft.bytes, expire.state.curlft.packets = 840, 10
    wanted = StateExpired(StateId(host, 0x11223344, Protocol.ESP), 77, 840, 10, hard)
    assert parse(message(EXPIRE, bytes(expire))) == wanted


def acquire(protocol: int, source_port: int = 0, destination_port: int = 0) -> bytes:
    told = Acquire()
    put(told.sel.saddr, HERE)
    put(told.sel.daddr, THERE)
    told.sel.family, told.sel.proto = AF_INET, protocol
    told.sel.sport.value, told.sel.dport.value = source_port, destination_port
    template = Template(HERE, THERE, Protocol.ESP, XfrmMode.TUNNEL, 77)
    packed = struct.pack("=16s4sB3xH2x16sI16x", THERE, bytes(4), 50, AF_INET, HERE, template.reqid)
    return bytes(told) + struct.pack("=HH", 68, 5) + packed


def test_a_packet_waits_for_a_state() -> None:
    event = parse(message(ACQUIRE, acquire(17, 5000, 53)))
    assert isinstance(event, Acquired)
    assert event.reqids == (77,)
    assert str(event.flow) == "192.0.2.1[5000] -> 192.0.2.2[53], protocol 17"


def test_a_packet_without_ports_waits() -> None:
    event = parse(message(ACQUIRE, acquire(47)))
    assert isinstance(event, Acquired)
    assert str(event.flow) == "192.0.2.1 -> 192.0.2.2, protocol 47"


def test_a_peer_moved() -> None:
    mapping = Mapping()
    put(mapping.id.daddr, HERE6)
    put(mapping.new_saddr, THERE6)
    mapping.id.spi.value, mapping.id.family, mapping.id.proto = 0x11223344, AF_INET6, 50
    mapping.old_sport.value, mapping.new_sport.value = 4500, 4600
    assert parse(message(MAPPING, bytes(mapping))) == Mapped(StateId(HERE6, 0x11223344, Protocol.ESP), "fd77::2", 4600)


def test_what_nobody_asked_is_passed_over() -> None:
    assert parse(message(POLEXPIRE, bytes(176))) is None


@pytest.mark.parametrize("kind", [ACQUIRE, EXPIRE, MAPPING])
def test_what_is_too_short_is_refused(kind: int) -> None:
    whole = {ACQUIRE: Acquire, EXPIRE: Expire, MAPPING: Mapping}[kind]
    size = ctypes.sizeof(whole) - (8 if kind == EXPIRE else 1)  # behind the flag there is padding
    with pytest.raises(GarbledAnswer):
        parse(message(kind, bytes(size)))


@given(st.sampled_from([ACQUIRE, EXPIRE, MAPPING]), st.binary(max_size=400))
def test_any_octets_are_read_or_refused(kind: int, octets: bytes) -> None:
    with suppress(GarbledAnswer):
        parse(message(kind, octets))
