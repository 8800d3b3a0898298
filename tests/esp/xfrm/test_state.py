"""Messages about states, field by field against the structures of <linux/xfrm.h>."""

from __future__ import annotations

import ctypes
import struct
import sys
from contextlib import suppress
from socket import AF_INET, AF_INET6

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite, Mark
from ikev1.core.records.record import replace
from ikev1.esp.inner import Flow
from ikev1.esp.netlink import GarbledAnswer, attributes
from ikev1.esp.plane import PlaneError
from ikev1.esp.xfrm.layout import flow_of
from ikev1.esp.xfrm.state import (
    Carried,
    Limits,
    Protocol,
    State,
    StateId,
    XfrmMode,
    allocation,
    encode,
    encode_id,
    leap,
    parse,
    parse_id,
)
from xfrm_structures import Algorithm, AlgorithmWithIcv, Encapsulation, ReplayEsn, SpiRange, StateInfo
from xfrm_structures import StateId as IdStructure

CRYPT, COMP, ENCAP, LIFETIME, REPLAY, LASTUSED, AEAD, AUTH, MARK, REPLAY_ESN = 2, 3, 4, 9, 10, 15, 18, 20, 21, 23
SET_MARK, SET_MARK_MASK, IF_ID, MAPPING_THRESHOLD = 29, 30, 31, 32
HERE, THERE = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
HERE6, THERE6 = bytes.fromhex("fd77" + 27 * "0" + "1"), bytes.fromhex("fd77" + 27 * "0" + "2")
GCM = IpsecSuite(encryption=20, key_length=128)
CBC = IpsecSuite(encryption=12, key_length=128, integrity=5)
CIPHER_KEY, MAC_KEY = bytes(range(16)), bytes(range(100, 132))
STATE = State(
    StateId(HERE, 0x11223344, Protocol.ESP),
    THERE,
    77,
    XfrmMode.TUNNEL,
    CBC,
    IpsecKeys(0x11223344, CIPHER_KEY, MAC_KEY),
)


def info_of(octets: bytes | bytearray) -> StateInfo:
    return StateInfo.from_buffer_copy(octets)


def attributes_of(octets: bytes | bytearray) -> dict[int, bytes]:
    found = attributes(octets[ctypes.sizeof(StateInfo) :])
    return {kind: bytes(value) for kind, value in found.items()}


@pytest.mark.parametrize(
    ("here", "there", "family"), [(HERE, THERE, AF_INET), (HERE6, THERE6, AF_INET6)], ids=["IPv4", "IPv6"]
)
def test_a_state_is_what_it_says(here: bytes, there: bytes, family: int) -> None:
    limits = Limits(1000, 2000, 30, 40, 50)
    octets = encode(STATE._replace(id=StateId(here, 0x11223344, Protocol.ESP), source=there, limits=limits))
    info = info_of(octets)
    assert bytes(info.id.daddr) == here.ljust(16, b"\0")
    assert bytes(info.saddr) == there.ljust(16, b"\0")
    assert (info.id.spi.value, info.id.proto, info.reqid, info.family, info.mode) == (0x11223344, 50, 77, family, 1)
    assert (info.lft.soft_byte_limit, info.lft.hard_byte_limit) == (1000, 2000)
    assert (info.lft.soft_packet_limit, info.lft.hard_packet_limit) == (30, 40)
    assert (info.lft.soft_add_expires_seconds, info.lft.hard_add_expires_seconds) == (0, 50)
    assert (info.lft.soft_use_expires_seconds, info.lft.hard_use_expires_seconds) == (0, 0)
    assert bytes(info.sel) == bytes(ctypes.sizeof(info.sel))


def test_without_limits_nothing_expires() -> None:
    lifetime = info_of(encode(STATE)).lft
    assert lifetime.soft_byte_limit == lifetime.hard_byte_limit == 2**64 - 1
    assert lifetime.soft_packet_limit == lifetime.hard_packet_limit == 2**64 - 1
    assert lifetime.hard_add_expires_seconds == 0


def test_a_tunnel_takes_either_ip_version_transport_does_not() -> None:
    assert info_of(encode(STATE)).flags == 32  # XFRM_STATE_AF_UNSPEC
    transport = info_of(encode(STATE._replace(mode=XfrmMode.TRANSPORT)))
    assert (transport.flags, transport.mode) == (0, 0)


def test_keys_of_cipher_and_hmac() -> None:
    found = attributes_of(encode(STATE))
    cipher, mac = Algorithm.from_buffer_copy(found[CRYPT]), AlgorithmWithIcv.from_buffer_copy(found[AUTH])
    assert (cipher.alg_name, cipher.alg_key_len, found[CRYPT][68:]) == (b"cbc(aes)", 128, CIPHER_KEY)
    assert (mac.alg_name, mac.alg_key_len, mac.alg_icv_len) == (b"hmac(sha256)", 256, 128)
    assert found[AUTH][72:] == MAC_KEY
    assert AEAD not in found


def test_keys_of_a_combined_cipher() -> None:
    """RFC 4106 §8.1: the salt is part of the key."""
    found = attributes_of(encode(STATE._replace(suite=GCM, keys=IpsecKeys(1, bytes(range(20))))))
    sealed = AlgorithmWithIcv.from_buffer_copy(found[AEAD])
    assert (sealed.alg_name, sealed.alg_key_len, sealed.alg_icv_len) == (b"rfc4106(gcm(aes))", 160, 128)
    assert found[AEAD][72:] == bytes(range(20))
    assert not {CRYPT, AUTH} & found.keys()


def test_ah_has_a_key_for_integrity_alone() -> None:
    suite = IpsecSuite(encryption=0, integrity=5, protocol=2)
    state = STATE._replace(id=STATE.id._replace(protocol=Protocol.AH), suite=suite, keys=IpsecKeys(1, b"", MAC_KEY))
    octets = encode(state)
    assert info_of(octets).id.proto == 51
    assert attributes_of(octets).keys() == {AUTH}


def test_compression() -> None:
    octets = encode(State(StateId(HERE, 0x1234, Protocol.COMP), THERE, 77, XfrmMode.TUNNEL, algorithm=2))
    info, found = info_of(octets), attributes_of(octets)
    assert (info.id.proto, info.id.spi.value) == (108, 0x1234)
    compression = Algorithm.from_buffer_copy(found[COMP])
    assert (compression.alg_name, compression.alg_key_len) == (b"deflate", 0)


def test_a_compression_that_the_kernel_has_not() -> None:
    with pytest.raises(PlaneError, match="OUI"):
        encode(State(StateId(HERE, 0x1234, Protocol.COMP), THERE, 77, XfrmMode.TUNNEL, algorithm=1))


@pytest.mark.parametrize(
    ("suite", "cipher_key", "mac_key"),
    [(CBC, 15, 32), (CBC, 16, 20), (GCM, 16, 0), (GCM, 20, 1), (replace(CBC, integrity=0), 16, 0)],
)
def test_keys_of_the_wrong_size_are_refused(suite: IpsecSuite, cipher_key: int, mac_key: int) -> None:
    with pytest.raises(PlaneError):
        encode(STATE._replace(suite=suite, keys=IpsecKeys(1, bytes(cipher_key), bytes(mac_key))))


def test_no_key_is_shown() -> None:
    assert CIPHER_KEY.hex() not in repr(STATE)
    assert repr(CIPHER_KEY) not in repr(STATE)
    assert repr(MAC_KEY) not in repr(STATE)


def test_udp_encapsulation_and_who_notices_that_a_peer_moved() -> None:
    found = attributes_of(encode(STATE._replace(encapsulation=(4500, 4600))))
    ports = Encapsulation.from_buffer_copy(found[ENCAP])
    assert (ports.encap_type, ports.encap_sport.value, ports.encap_dport.value) == (2, 4500, 4600)
    assert MAPPING_THRESHOLD not in found
    assert MAPPING_THRESHOLD in attributes_of(encode(STATE._replace(encapsulation=(4500, 4600), inbound=True)))


def test_marks_and_interface() -> None:
    state = STATE._replace(id=STATE.id._replace(mark=Mark(5, 0xFF)), if_id=9, output_mark=4500)
    found = attributes_of(encode(state))
    assert found[MARK] == struct.pack("=II", 5, 0xFF)
    assert found[IF_ID] == struct.pack("=I", 9)
    assert (found[SET_MARK], found[SET_MARK_MASK]) == (struct.pack("=I", 4500), struct.pack("=I", 2**32 - 1))
    assert not {MARK, IF_ID, SET_MARK, SET_MARK_MASK} & attributes_of(encode(STATE)).keys()


@pytest.mark.parametrize("window", [0, 1, 32])
def test_a_small_window_is_in_the_state_itself(window: int) -> None:
    octets = encode(STATE._replace(replay_window=window))
    assert info_of(octets).replay_window == window
    assert REPLAY_ESN not in attributes_of(octets)


@pytest.mark.parametrize(
    ("window", "esn", "words", "wanted"),
    [(33, False, 2, 33), (64, False, 2, 64), (4096, True, 128, 4096), (9999, False, 128, 4096), (0, True, 1, 32)],
)
def test_a_large_window_and_esn(window: int, esn: bool, words: int, wanted: int) -> None:
    octets = encode(STATE._replace(replay_window=window, suite=replace(CBC, esn=esn)))
    info, replay = info_of(octets), ReplayEsn.from_buffer_copy(attributes_of(octets)[REPLAY_ESN])
    assert (replay.bmp_len, replay.replay_window, info.replay_window) == (words, wanted, 0)
    assert len(attributes_of(octets)[REPLAY_ESN]) == ctypes.sizeof(ReplayEsn) + 4 * words
    assert bool(info.flags & 128) == esn  # XFRM_STATE_ESN


def test_what_a_replaced_state_had_carried_passes_on() -> None:
    carried = Carried((REPLAY, struct.pack("=III", 7, 8, 9)), struct.pack("=4Q", 1, 2, 3, 4))
    found = attributes_of(encode(STATE._replace(carried=carried)))
    assert (found[REPLAY], found[LIFETIME]) == (struct.pack("=III", 7, 8, 9), struct.pack("=4Q", 1, 2, 3, 4))


def test_a_leap_of_32_bits_stops_at_the_last_number() -> None:
    def sent(number: int) -> tuple[int, ...]:
        kind, octets = leap(Carried((REPLAY, struct.pack("=III", number, 8, 9)), b""), 100).replay
        assert kind == REPLAY
        return struct.unpack("=III", octets)

    assert sent(5) == (105, 8, 9)
    assert sent(2**32 - 50) == (2**32 - 1, 8, 9)


@given(st.integers(0, 2**63), st.integers(1, 2**20))
def test_a_leap_of_64_bits_carries(number: int, packets: int) -> None:
    low, high = number & 0xFFFFFFFF, number >> 32
    before = struct.pack("=6I", 1, low, 8, high, 9, 32) + b"bits"
    kind, after = leap(Carried((REPLAY_ESN, before), b""), packets).replay
    words, low, seq, high, seq_high, window = struct.unpack_from("=6I", after)
    assert (high << 32 | low) == number + packets
    assert (kind, words, seq, seq_high, window, after[24:]) == (REPLAY_ESN, 1, 8, 9, 32, b"bits")


def test_an_id() -> None:
    octets = encode_id(StateId(THERE6, 0x55667788, Protocol.AH, Mark(1, 2)))
    id = IdStructure.from_buffer_copy(octets)
    assert (bytes(id.daddr), id.spi.value, id.family, id.proto) == (THERE6, 0x55667788, AF_INET6, 51)
    assert bytes(attributes(octets[ctypes.sizeof(IdStructure) :])[MARK]) == struct.pack("=II", 1, 2)


def test_an_allocation() -> None:
    octets = allocation(HERE, THERE, Protocol.COMP, 0x100, 0xEFFF)
    wanted = SpiRange.from_buffer_copy(octets)
    assert len(octets) == ctypes.sizeof(SpiRange)
    assert (wanted.min, wanted.max, wanted.info.id.proto, wanted.info.family) == (0x100, 0xEFFF, 108, AF_INET)
    assert (bytes(wanted.info.id.daddr)[:4], bytes(wanted.info.saddr)[:4]) == (HERE, THERE)


def told(*attached: tuple[int, bytes]) -> memoryview:
    """A state as the kernel tells it."""
    info = StateInfo()
    info.id.daddr[0] = int.from_bytes(HERE, "little" if struct.pack("=H", 1)[0] else "big")
    info.saddr[0] = int.from_bytes(THERE, "little" if struct.pack("=H", 1)[0] else "big")
    info.id.spi.value, info.id.proto, info.family, info.reqid = 0x11223344, 50, AF_INET, 77
    info.curlft.bytes, info.curlft.packets, info.curlft.use_time = 840, 10, 1_000
    info.stats.replay_window, info.stats.replay, info.stats.integrity_failed = 1, 2, 4
    body = bytes(info)
    for kind, value in attached:
        body += struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
    return memoryview(body)


def test_what_the_kernel_tells() -> None:
    replay = struct.pack("=III", 7, 8, 9)
    info = parse(told((REPLAY, replay), (LASTUSED, struct.pack("=Q", 2_000))))
    assert info.id == StateId(HERE, 0x11223344, Protocol.ESP)
    assert (info.source, info.reqid, info.octets, info.packets) == (THERE, 77, 840, 10)
    assert (info.last_used, info.replays, info.integrity_failures) == (2_000, 3, 4)
    assert info.carried.replay == (REPLAY, replay)
    assert parse(told((REPLAY, replay))).last_used == 1_000


def test_a_state_that_is_not_there_yet_tells_which_packet_asked_for_it() -> None:
    info = StateInfo.from_buffer_copy(told())
    info.id.spi.value = 0
    info.sel.family, info.sel.proto = AF_INET, 17
    info.sel.saddr[0] = int.from_bytes(HERE, sys.byteorder)
    info.sel.daddr[0] = int.from_bytes(THERE, sys.byteorder)
    info.sel.sport.value, info.sel.dport.value = 5000, 9
    replay = struct.pack("=HHIII", 16, REPLAY, 7, 8, 9)
    larval = parse(memoryview(bytes(info) + replay))
    assert larval.larval
    assert flow_of(larval.selector) == Flow(17, HERE, THERE, 5000, 9)
    assert not parse(told((REPLAY, bytes(12)))).larval


@pytest.mark.parametrize("octets", [b"", told()[:-1], told(), told((REPLAY, bytes(11))), told((REPLAY_ESN, bytes(23)))])
def test_what_cannot_be_read(octets: memoryview) -> None:
    with pytest.raises(GarbledAnswer):
        parse(memoryview(octets))


@given(st.binary(max_size=400))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    for read in (parse, parse_id):
        with suppress(GarbledAnswer):
            read(memoryview(octets))
