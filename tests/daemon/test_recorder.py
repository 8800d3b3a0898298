"""The gateway's own recording: what it wrote comes back, section by section. (What tshark reads is an interop test.)"""

from __future__ import annotations

import asyncio
import resource
import socket
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest

from ikev1.capture.read import open_capture
from ikev1.capture.records.packets import Datagram, Packet
from ikev1.core.records.path import UdpPath
from ikev1.daemon.net.endpoint import Endpoint
from ikev1.daemon.net.recorder import Recorder
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.wire.header import Header

PLAIN = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
ENCAPSULATED = UdpPath("2001:db8::1", 4500, "2001:db8::2", 1024)


def recorded(file: Path) -> list[Packet]:
    with open_capture(file) as capture:
        packets = list(capture)
        assert capture.notes() == ()
    return packets


def ends(packet: Packet) -> tuple[str, int, str, int]:
    return packet.source, packet.source_port, packet.destination, packet.destination_port


def test_both_directions_come_back_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "record.pcapng"
    recorder = Recorder(file, EventLog(), 4500)
    recorder.sent(PLAIN, b"question")
    recorder.received(PLAIN, b"answer")
    recorder.received(ENCAPSULATED, b"from behind a NAT")
    recorder.close()
    question, answer, natted = recorded(file)
    assert (ends(question), question.payload) == (("192.0.2.1", 500, "192.0.2.2", 500), b"question")
    assert (ends(answer), answer.payload) == (("192.0.2.2", 500, "192.0.2.1", 500), b"answer")
    assert (ends(natted), natted.payload) == (("2001:db8::2", 1024, "2001:db8::1", 4500), b"from behind a NAT")
    assert [packet.marked for packet in (question, answer, natted) if isinstance(packet, Datagram)] == [
        False,
        False,
        True,
    ]
    assert question.time <= answer.time <= natted.time


def test_a_restart_adds_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "record.pcapng"
    for message in (b"before", b"after"):
        recorder = Recorder(file, EventLog(), 4500)
        recorder.sent(PLAIN, message)
        recorder.close()
    assert [packet.payload for packet in recorded(file)] == [b"before", b"after"]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "record.pcapng"
    Recorder(file, EventLog(), 4500).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_recording_that_everybody_could_read_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "record.pcapng"
    file.touch(0o644)
    Recorder(file, EventLog(), 4500).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_in_the_place_of_the_recording_is_refused_and_its_target_left_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    (tmp_path / "record.pcapng").symlink_to(victim)
    with pytest.raises(PermissionError):
        Recorder(tmp_path / "record.pcapng", EventLog(), 4500)
    assert victim.read_bytes() == b""


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "diary.txt"
    file.write_text("dear diary")
    with pytest.raises(OSError, match=r"."):
        Recorder(file, EventLog(), 4500)
    assert file.read_text() == "dear diary"


def test_a_place_that_cannot_be_written_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Recorder(tmp_path / "nowhere" / "record.pcapng", EventLog(), 4500)


def test_a_disk_that_is_full_is_told_once(tmp_path: Path) -> None:
    lines: list[Line] = []
    log = EventLog()
    log.attach(Level.DEBUG, lines.append)
    file = tmp_path / "record.pcapng"
    recorder = Recorder(file, log, 4500)
    size = file.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
    try:
        recorder.sent(PLAIN, b"question")
        recorder.sent(PLAIN, b"question again")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        recorder.close()
    (line,) = lines
    assert (line.level, line.text.endswith("No space left on device")) == (Level.ERROR, True)


QUESTION = Header(b"initiate", bytes(8), 0, 2, 0, 0, 28).build()
ANSWER = Header(b"initiate", b"response", 0, 2, 0, 0, 28).build()


class Responder:
    """Answers what an endpoint receives."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.answered = asyncio.Event()

    def receive_isakmp(self, datagrams: Iterable[tuple[bytes, UdpPath]]) -> None:
        for _, path in datagrams:
            self._endpoint.send_isakmp(path, ANSWER)
        self.answered.set()

    def receive_esp(self, packets: Iterable[bytes | memoryview], path: UdpPath) -> None:
        pass


def free_ports() -> tuple[int, int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b:
        a.bind(("127.0.0.1", 0))
        b.bind(("127.0.0.1", 0))
        return a.getsockname()[1], b.getsockname()[1]


@pytest.mark.parametrize("encapsulated", [False, True])
def test_an_endpoint_shows_its_recorder_every_message_of_isakmp(tmp_path: Path, encapsulated: bool) -> None:
    file = tmp_path / "record.pcapng"
    ports = free_ports()
    to = ("127.0.0.1", ports[encapsulated])

    async def conversation() -> int:
        endpoint = Endpoint(EventLog(), *ports, ["127.0.0.1"])
        endpoint.bind()
        endpoint.recorder = Recorder(file, EventLog(), endpoint.encapsulation_port)
        responder = Responder(endpoint)
        endpoint.listen(responder)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            if encapsulated:
                peer.sendto(b"\xff", to)
                peer.sendto(b"\x12\x34\x56\x78ESP, which is not recorded", to)
            peer.sendto(b"\0\0\0\0" + QUESTION if encapsulated else QUESTION, to)
            async with asyncio.timeout(60):
                await responder.answered.wait()
            port: int = peer.getsockname()[1]
        endpoint.close()
        return port

    client = ("127.0.0.1", asyncio.run(conversation()))
    with open_capture(file, ports=ports) as capture:
        question, answer = capture
    assert isinstance(question, Datagram)
    assert isinstance(answer, Datagram)
    assert (ends(question), question.payload, question.marked) == ((*client, *to), QUESTION, encapsulated)
    assert (ends(answer), answer.payload, answer.marked) == ((*to, *client), ANSWER, encapsulated)
