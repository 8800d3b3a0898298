"""Runs of packets: the octets, counters and verdicts are those of packets that are processed one by one."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esp_packets import LOCAL6, PATH, REMOTE6, child, mirrored, tcp, udp
from ikev1.core.records.child_sa import ChildSa, IpsecSuite
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.esp import sa_pair
from ikev1.esp.checksum import numpy
from ikev1.esp.offload import HEADER_SIZE, LongSegment, Unit, coalesce, segments
from ikev1.esp.plane import Expired, PeerSends, PlaneEvent, RekeyNeeded
from ikev1.esp.run_ciphers import FEWEST, MOST, run_cipher
from ikev1.esp.sa_pair import LAST_SEQUENCE, SaPair
from ikev1.esp.segments import Run
from ikev1.esp.transforms import sealer
from ikev1.esp.tunnel_pair import TunnelPair
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm

pytestmark = pytest.mark.skipif(numpy is None, reason="without NumPy all packets are processed one by one")

ENDS = {4: ("10.1.0.1", "10.2.0.1"), 6: ("fd01::1", "fd02::1")}
BACK = UdpPath(PATH.remote_host, PATH.remote_port, PATH.local_host, PATH.local_port)
ELSEWHERE = BACK._replace(remote_host="192.0.2.77")
TIMESTAMPS = b"\1\1\x08\x0a" + bytes(range(8))
GCM = (IpsecSuite(EspTransform.AES_GCM_16, 128), (bytes(range(20)), b""))
CBC = (IpsecSuite(EspTransform.AES_CBC, 256, IntegrityAlgorithm.HMAC_SHA2_256), (bytes(range(32)), bytes(range(32))))
TRIPLE_DES = (IpsecSuite(EspTransform.TRIPLE_DES, 0, IntegrityAlgorithm.HMAC_SHA1), (bytes(range(24)), bytes(20)))
CAMELLIA = (IpsecSuite(EspTransform.CAMELLIA, 128, IntegrityAlgorithm.HMAC_MD5), (bytes(16), bytes(16)))
CTR = (IpsecSuite(EspTransform.AES_CTR, 128, IntegrityAlgorithm.HMAC_SHA1), (bytes(range(20)), bytes(20)))
WITH_RUNS = [GCM, CBC, TRIPLE_DES, CAMELLIA]
NAMES = ["aes-gcm", "aes-cbc", "3des", "camellia"]
suites = st.sampled_from([*WITH_RUNS, CTR])
versions = st.sampled_from([4, 6])


def zeros(octets: int) -> bytes:
    """In place of random octets, so that two pairs make the same IVs; not for CBC, where they would repeat."""
    return bytes(octets)


def tunnel(version: int, suite: tuple[IpsecSuite, tuple[bytes, bytes]] = GCM, **changes: int) -> ChildSa:
    one = child(*suite, local=LOCAL6, remote=REMOTE6) if version == 6 else child(*suite)
    return replace(one, **changes)


class Sides(NamedTuple):
    """A pair that processes runs, and one that processes packets, of the same SAs."""

    runs: TunnelPair
    packets: SaPair
    events: tuple[list[PlaneEvent], list[PlaneEvent]]

    def counters_agree(self) -> bool:
        return self.runs.counters(9.0) == self.packets.counters(9.0)

    def events_agree(self) -> bool:
        return [type(event) for event in self.events[0]] == [type(event) for event in self.events[1]]


def sides(one: ChildSa) -> Sides:
    events: tuple[list[PlaneEvent], list[PlaneEvent]] = ([], [])
    random = zeros if one.suite.encryption == EspTransform.AES_GCM_16 else os.urandom
    pairs = TunnelPair(one, 1400, random, events[0].append), SaPair(one, 1400, random, events[1].append)
    for pair in pairs:
        pair.sends = pair.receives = True
    return Sides(*pairs, events)


def long_segment(
    version: int,
    size: int,
    data: bytes,
    flags: int = 0x10,
    options: bytes = b"",
    sequence: int = 1,
    identifier: int = 7,
) -> LongSegment:
    packet = bytearray(tcp(*ENDS[version], flags=flags, options=options, data=data, sequence=sequence))
    if version == 4:  # its checksum is not looked at: the kernel hands over one for the whole
        packet[4:6] = identifier.to_bytes(2)
    return LongSegment(bytes(packet), 20 if version == 4 else 40, size)


def as_packets(units: list[Unit]) -> list[bytes]:
    """What the kernel makes of what is written to the device."""
    packets: list[bytes] = []
    for unit in units:
        packets += segments(b"".join(unit))
    return packets


def in_run(packets: list[bytes]) -> Run:
    return Run(b"".join(packets), len(packets[0]))


# ---------------------------------------------------------------------- out


def plaintexts(one: ChildSa, sealed: list[bytes]) -> list[bytes]:
    receiver = SaPair(mirrored(one), 1400, zeros, print)
    receiver.receives = receiver.sends = True
    return receiver.open(sealed, BACK, 0.0)


@given(
    suites,
    versions,
    st.integers(1, 400),
    st.integers(0, MOST + 10),
    st.integers(0, 399),
    st.integers(0, 255),
    st.sampled_from([b"", TIMESTAMPS]),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
    st.binary(min_size=1, max_size=40),
)
def test_a_long_segment_becomes_the_same_packets(
    suite: tuple[IpsecSuite, tuple[bytes, bytes]],
    version: int,
    size: int,
    count: int,
    more: int,
    flags: int,
    options: bytes,
    sequence: int,
    identifier: int,
    pattern: bytes,
) -> None:
    one = tunnel(version, suite)
    pairs = sides(one)
    length = count * size + more % size
    data = (pattern * (length // len(pattern) + 1))[:length] or b"x"
    segment = long_segment(version, size, data, flags, options, sequence, identifier)
    run = [bytes(packet) for packet in pairs.runs.seal_long(segment, 1.0)]
    single = pairs.packets.seal(segment.packets(), 1.0)
    if suite[0].encryption == EspTransform.AES_GCM_16:
        assert run == single  # octet by octet; in CBC mode each has a random IV
    else:
        assert [packet[:8] for packet in run] == [packet[:8] for packet in single]
        assert [len(packet) for packet in run] == [len(packet) for packet in single]
    assert plaintexts(one, run) == segment.packets() == plaintexts(one, single)
    assert pairs.counters_agree()
    assert len({packet[8:24] for packet in run}) == len(run), "an IV was used twice"


def test_numbers_go_on_between_runs_and_packets() -> None:
    pairs = sides(tunnel(4))
    segment = long_segment(4, 100, bytes(1000))
    numbers: list[int] = []
    for _ in range(3):
        numbers += [int.from_bytes(packet[4:8]) for packet in pairs.runs.seal_long(segment, 0.0)]
        numbers += [int.from_bytes(packet[4:8]) for packet in pairs.runs.seal([udp(*ENDS[4])], 0.0)]
    assert numbers == list(range(1, 34))


@pytest.mark.parametrize("left", [0, 1, 9, 10, 11, 30])
def test_sequence_numbers_never_wrap(left: int) -> None:
    pairs = sides(tunnel(4))
    segment = long_segment(4, 100, bytes(1000))
    for pair in (pairs.runs, pairs.packets):
        pair._sequence = LAST_SEQUENCE - left
    run = [list(map(bytes, pairs.runs.seal_long(segment, 0.0))) for _ in range(3)]
    assert run == [pairs.packets.seal(segment, 0.0) for _ in range(3)]
    assert sum(map(len, run)) == left
    assert pairs.counters_agree()
    assert pairs.events_agree()
    assert {type(event) for event in pairs.events[0]} == (
        {RekeyNeeded, Expired} if 0 < left < 30 else {Expired} if not left else {RekeyNeeded}
    )


@given(st.integers(1, 40))
def test_kilobytes_end_at_the_same_packet(kilobytes: int) -> None:
    pairs = sides(tunnel(4, lifetime_kilobytes=kilobytes))
    segment = long_segment(4, 700, bytes(7100))
    for _ in range(8):
        assert list(map(bytes, pairs.runs.seal_long(segment, 0.0))) == pairs.packets.seal(segment, 0.0)
    assert pairs.counters_agree()
    assert pairs.events_agree()


# ----------------------------------------------------------------------- in


class Step(NamedTuple):
    """One change to a run of packets, at a place in it."""

    kind: str
    place: int
    value: int


PLAIN_STEPS = ["flags", "address", "port", "sequence", "checksum", "ip header", "length", "pad", "trailer", "other"]
SEALED_STEPS = ["icv", "header", "duplicate", "swap", "drop", "cut", "number"]
steps = st.builds(Step, st.sampled_from(PLAIN_STEPS + SEALED_STEPS), st.integers(0, 200), st.integers(1, 255))


def changed_plain(packets: list[bytes], step: Step, version: int) -> bytes:
    """The padded payload of one packet after a change that its sender could make; wrong checksums stay wrong."""
    packet = bytearray(packets[step.place % len(packets)])
    upper = 20 if version == 4 else 40
    at, width = {
        "flags": (upper + 13, 1),
        "address": (15 if version == 4 else 20, 1),
        "port": (upper, 2),
        "sequence": (upper + 4, 4),
        "checksum": (upper + 16, 2),
        "ip header": (step.value % upper, 1),
        "length": (3 if version == 4 else 5, 1),
    }.get(step.kind, (0, 0))
    for octet in range(at, at + width):
        packet[octet] ^= step.value
    payload = bytearray(trailed(bytes(packet), 4 if version == 4 else 41))
    if step.kind == "pad":
        payload[-2] ^= step.value
    elif step.kind == "trailer":
        payload[-1] = (59, 4, 41, step.value)[step.value % 4]
    elif step.kind == "other":
        payload = bytearray(
            trailed(udp(*ENDS[version], data=bytes(len(packet) - upper - 8)), 4 if version == 4 else 41)
        )
    return bytes(payload)


def trailed(packet: bytes, next_header: int) -> bytes:
    pad = -(len(packet) + 2) % 16  # fits every suite
    return packet + bytes(range(1, pad + 1)) + bytes((pad, next_header))


def changed_sealed(run: list[bytes], step: Step) -> list[bytes]:
    """The run after a change on its way."""
    place, other = step.place % len(run), step.value % len(run)
    packet = bytearray(run[place])
    if step.kind == "icv":
        packet[-1] ^= step.value
    elif step.kind == "header":
        packet[8] ^= step.value
    elif step.kind == "number":
        packet[7] ^= step.value
    changed = [*run[:place], bytes(packet), *run[place + 1 :]]
    if step.kind == "duplicate":
        changed[place] = run[other]
    elif step.kind == "swap":
        changed[place], changed[other] = changed[other], changed[place]
    elif step.kind == "drop":
        del changed[place]
    elif step.kind == "cut":
        changed[-1] = changed[-1][: -(step.value % len(changed[-1])) or None]
    return changed or run


@given(
    suites,
    versions,
    st.integers(1, 300),
    st.integers(1, MOST + 6),
    st.lists(steps, max_size=3),
    st.sampled_from([b"", TIMESTAMPS]),
    st.sampled_from([0x10, 0x18]),
    st.sampled_from([0, 32, 64, 1024]),
    st.integers(0, 80),
    st.booleans(),
)
def test_a_run_is_judged_as_its_packets_are(
    suite: tuple[IpsecSuite, tuple[bytes, bytes]],
    version: int,
    size: int,
    count: int,
    changes: list[Step],
    options: bytes,
    flags: int,
    window: int,
    before: int,
    moved: bool,
) -> None:
    one = tunnel(version, suite, replay_window=window)
    pairs = sides(mirrored(one))
    packets = long_segment(version, size, bytes(i % 251 for i in range(count * size)), flags, options).packets()
    payloads = [trailed(packet, 4 if version == 4 else 41) for packet in packets]
    for step in changes:
        if step.kind in PLAIN_STEPS:
            payloads[step.place % count] = changed_plain(packets, step, version)
    seal = sealer(one.suite, one.outbound, zeros)
    spi = one.outbound.spi.to_bytes(4)
    run = [seal(spi + number.to_bytes(4), payload) for number, payload in enumerate(payloads, 1)]
    for step in changes:
        if step.kind in SEALED_STEPS:
            run = changed_sealed(run, step)
    # one recvmsg brings packets of one size, the last may be shorter
    if any(len(packet) != len(run[0]) for packet in run[:-1]) or not 0 < len(run[-1]) <= len(run[0]):
        return
    early = seal(spi + before.to_bytes(4), payloads[0])  # may be ahead of the run, or one of it
    path = ELSEWHERE if moved else BACK
    for _ in range(2):  # the second time, all are replays
        assert as_packets(pairs.runs.open_run(Run(early, len(early)), BACK, 1.0)) == as_packets(
            coalesce(pairs.packets.open([early], BACK, 1.0))
        )
        written = pairs.runs.open_run(in_run(run), path, 2.0)
        assert as_packets(written) == as_packets(coalesce(pairs.packets.open(run, path, 2.0)))
        assert pairs.counters_agree()
        assert pairs.events_agree()
    later = seal(spi + (500).to_bytes(4), payloads[0])
    assert len(pairs.runs.open([later], BACK, 3.0)) == len(pairs.packets.open([later], BACK, 3.0))
    assert all(pairs.runs.open([packet], BACK, 3.0) == pairs.packets.open([packet], BACK, 3.0) for packet in run)
    assert pairs.counters_agree()


@pytest.mark.parametrize("suite", WITH_RUNS, ids=NAMES)
@pytest.mark.parametrize("version", [4, 6])
def test_a_run_of_one_stream_is_written_as_one(suite: tuple[IpsecSuite, tuple[bytes, bytes]], version: int) -> None:
    """And what comes out is what the kernel gave to the sender."""
    one = tunnel(version, suite)
    sender, receiver = sides(one).runs, sides(mirrored(one)).runs
    segment = long_segment(version, 1000, bytes(i % 251 for i in range(30_000)), 0x18, TIMESTAMPS, 2**32 - 5000, 65_530)
    sealed = list(map(bytes, sender.seal_long(segment, 0.0)))
    (unit,) = receiver.open_run(in_run(sealed), BACK, 0.0)
    assert len(b"".join(unit)) == HEADER_SIZE + len(segment.packet)
    assert list(segments(b"".join(unit))) == segment.packets()
    assert receiver.packets_in == 30


def test_the_first_run_of_a_pair_that_does_not_send_is_reported() -> None:
    one = tunnel(4)
    pairs = sides(mirrored(one))
    pairs.runs.sends = False
    sealed = list(map(bytes, sides(one).runs.seal_long(long_segment(4, 500, bytes(10_000)), 0.0)))
    pairs.runs.open_run(in_run(sealed), BACK, 0.0)
    assert [type(event) for event in pairs.events[0]] == [PeerSends]


def test_a_run_before_keys_is_dropped() -> None:
    one = tunnel(4)
    pairs = sides(mirrored(one))
    pairs.runs.receives = False
    sealed = list(map(bytes, sides(one).runs.seal_long(long_segment(4, 500, bytes(10_000)), 0.0)))
    assert pairs.runs.open_run(in_run(sealed), BACK, 0.0) == []
    assert pairs.runs.packets_in == 0


@pytest.mark.parametrize("suite", WITH_RUNS, ids=NAMES)
def test_runs_of_other_traffic_arrive_one_by_one(suite: tuple[IpsecSuite, tuple[bytes, bytes]]) -> None:
    one = tunnel(4, suite)
    sent = [udp(*ENDS[4], data=bytes((n,)) * 200) for n in range(2 * FEWEST)]
    receiver = sides(mirrored(one)).runs
    units = receiver.open_run(in_run(sides(one).packets.seal(sent, 0.0)), BACK, 0.0)
    assert as_packets(units) == sent
    assert receiver.packets_in == 2 * FEWEST


@pytest.mark.parametrize("suite", WITH_RUNS, ids=NAMES)
@pytest.mark.parametrize("payload", [b"", bytes(14), b"\x45" + bytes(13), b"\x60" + bytes(45), bytes([0x45]) * 62])
@pytest.mark.parametrize("next_header", [4, 41, 59, 6])
def test_authentic_nonsense_is_judged_as_nonsense(
    suite: tuple[IpsecSuite, tuple[bytes, bytes]], payload: bytes, next_header: int
) -> None:
    one = tunnel(4, suite)
    pairs = sides(mirrored(one))
    seal = sealer(one.suite, one.outbound, os.urandom)
    spi = one.outbound.spi.to_bytes(4)
    run = [seal(spi + number.to_bytes(4), trailed(payload, next_header)) for number in range(1, 21)]
    assert pairs.runs.open_run(in_run(run), BACK, 1.0) == coalesce(pairs.packets.open(run, BACK, 1.0)) == []
    assert pairs.counters_agree()
    assert pairs.runs.malformed + pairs.runs.dummies == len(run)


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 2, 3]), st.integers(1, 6), st.sampled_from([b"", TIMESTAMPS])),
        min_size=2,
        max_size=20,
    ),
    versions,
    st.sampled_from([GCM, CBC]),
)
def test_streams_that_are_mixed_are_separated(
    bursts: list[tuple[int, int, bytes]], version: int, suite: tuple[IpsecSuite, tuple[bytes, bytes]]
) -> None:
    """What several streams sent by turns is written as it is packet by packet, and long segments are as long."""
    one = tunnel(version, suite)
    pairs = sides(mirrored(one))
    sequence = [1000, 2**32 - 300, 3, 4]
    packets: list[bytes] = []
    for stream, count, options in bursts:
        size = 300 - len(options)  # so that all packets have one size
        ends = [
            f"{end.rpartition('.')[0]}.{stream + 1}" if version == 4 else f"{end[:-1]}{stream + 1}"
            for end in ENDS[version]
        ]
        for _ in range(count):
            data = os.urandom(size)
            packets.append(tcp(*ends, options=options, data=data, sequence=sequence[stream]))
            sequence[stream] = (sequence[stream] + size) % 2**32
    run = sides(one).packets.seal(packets, 0.0)[:MOST]
    written, expected = pairs.runs.open_run(in_run(run), BACK, 1.0), coalesce(pairs.packets.open(run, BACK, 1.0))
    assert as_packets(written) == as_packets(expected)
    assert pairs.runs.packets_in == min(len(packets), MOST)
    assert len(written) <= len(expected) + sum(a != b for (_, _, a), (_, _, b) in pairwise(bursts))
    assert pairs.counters_agree()


def test_suites_without_runs_have_none() -> None:
    one = child(*CTR)
    assert run_cipher(one.suite, one.outbound, zeros) is None


def test_limits_after_which_a_pair_is_rekeyed_count_runs() -> None:
    pairs = sides(replace(tunnel(4), rekey_packets=15))
    segment = long_segment(4, 100, bytes(1000))
    for _ in range(2):
        pairs.runs.seal_long(segment, 0.0)
        pairs.packets.seal(segment, 0.0)
    assert pairs.events_agree()
    assert [type(event) for event in pairs.events[0]] == [RekeyNeeded]
    assert sa_pair.LAST_SEQUENCE == 2**32 - 1
