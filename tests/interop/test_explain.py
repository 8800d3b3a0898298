"""`ikev1 explain --live` on the loopback interface, which needs root."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys

import pytest

from captured import Recorder, two
from playbook import Network

PATIENCE = 60.0
PROGRAM = "from ikev1.cli.main import main; main()"


@pytest.fixture
def messages() -> list[tuple[bool, bytes]]:
    """Main Mode and Quick Mode: whether the initiator speaks, and what it says."""
    network = Network()
    alice, _ = two(network)
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    return [(packet.source == alice.address, packet.payload) for packet in recorder.packets]


def _read_until(pipe: int, text: str) -> str:
    """All that is written until ``text`` has been, or for a while nothing."""
    written = b""
    while text.encode() not in written and select.select([pipe], [], [], PATIENCE)[0]:
        written += os.read(pipe, 65536)
    return written.decode()


def test_messages_are_told_as_they_come_and_explained_in_the_end(messages: list[tuple[bool, bytes]]) -> None:
    if os.geteuid() != 0:
        pytest.skip("listening on an interface needs root")
    left, right = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with left, right:
        for end in (left, right):
            end.bind(("127.0.0.1", 0))
        port = str(right.getsockname()[1])
        # a test run in the background of a shell ignores SIGINT, and so would this
        command = [
            "env",
            "--default-signal=INT",
            sys.executable,
            "-c",
            PROGRAM,
            "explain",
            "--live",
            "lo",
            "--port",
            port,
        ]
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            try:
                assert b"Listening on lo" in running.stderr.readline()
                for forth, octets in messages:
                    source, destination = (left, right) if forth else (right, left)
                    source.sendto(octets, destination.getsockname())
                heard = _read_until(running.stdout.fileno(), "QM3")
            finally:
                running.send_signal(signal.SIGINT)
            rest, complaints = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, complaints
    assert re.findall(r"UTC  (\w+) ", heard) == ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3"]
    assert "(ECP_256)" in rest.decode()  # the answer to the question which group was used
