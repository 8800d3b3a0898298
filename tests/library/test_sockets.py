"""The examples of docs/library.md as they stand there, over real UDP sockets on loopback; nothing sleeps."""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ikev1
from ikev1.events import ChildUp
from library import Two, events_of

EXAMPLES = re.findall(
    r"^```python\n(.*?)^```", (Path(__file__).parents[2] / "docs" / "library.md").read_text(), re.MULTILINE | re.DOTALL
)
PATIENCE = 30.0  # seconds


def bound(host: str) -> socket.socket:
    """A UDP socket on any free port of an address of this machine."""
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind((host, 0))
    return sock


def answer(ike: ikev1.Ike, sock: socket.socket, caller: subprocess.Popen[str]) -> list[ikev1.events.Event]:
    """Serve until a pair is up; returns all that happened."""
    events: list[ikev1.events.Event] = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not any(isinstance(event, ChildUp) for event in events):
        assert caller.poll() in (None, 0), caller.communicate()[0]
        if select.select([sock], [], [], 0.2)[0]:
            data, source = sock.recvfrom(65535)
            ike.receive_datagram(data, sock.getsockname(), source, time.time())
        elif ike.get_timer() <= time.time():
            ike.handle_timer(time.time())
        for datagram, address in ike.datagrams_to_send():
            sock.sendto(datagram, address)
        events += events_of(ike)
    return events


def called(example: str, local: tuple[str, int], peer: tuple[str, int]) -> subprocess.Popen[str]:
    """The example as a program, between these addresses."""
    code = example.replace('("192.0.2.1", 500)', repr(local)).replace('("198.51.100.7", 500)', repr(peer))
    code = code.replace(") as up:", ", encapsulation_port=None) as up:")  # port 4500 may be taken here
    assert code.count(repr(local)) == code.count(repr(peer)) == 1
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ.copy()
    )


@pytest.mark.parametrize("example", [EXAMPLES[0], EXAMPLES[3]], ids=["sockets", "asyncio"])
def test_the_initiators_of_the_documentation_bring_up_a_tunnel(example: str) -> None:
    lan = ikev1.tunnel("lan", "10.2.0.0/16", "10.1.0.0/16", esp="aes256gcm16")
    ike = ikev1.Ike(ikev1.psk("lab", b"secret", lan, ike="aes256-sha256-modp2048"))
    with bound("127.0.0.2") as sock, bound("127.0.0.1") as taken:
        local = taken.getsockname()
        taken.close()
        with called(example, local, sock.getsockname()) as initiator:
            events = answer(ike, sock, initiator)
            output, _ = initiator.communicate(timeout=PATIENCE)
    assert initiator.returncode == 0, output
    (up,) = [event for event in events if isinstance(event, ChildUp)]
    assert f"{up.child.outbound.spi} {up.child.inbound.spi}" in output


def test_the_initiator_of_the_documentation_says_why_it_failed() -> None:
    lan = ikev1.tunnel("lan", "10.2.0.0/16", "10.1.0.0/16", esp="aes256gcm16")
    ike = ikev1.Ike(ikev1.psk("lab", b"secret", lan, ike="aes128-sha1-modp1024"))
    with bound("127.0.0.2") as sock, bound("127.0.0.1") as taken:
        local = taken.getsockname()
        taken.close()
        with called(EXAMPLES[0], local, sock.getsockname()) as initiator:
            end = time.monotonic() + PATIENCE
            while initiator.poll() is None and time.monotonic() < end:
                if select.select([sock], [], [], 0.2)[0]:
                    data, source = sock.recvfrom(65535)
                    ike.receive_datagram(data, sock.getsockname(), source, time.time())
                for datagram, address in ike.datagrams_to_send():
                    sock.sendto(datagram, address)
            output, _ = initiator.communicate(timeout=PATIENCE)
    assert initiator.returncode == 1
    assert output.strip()
    assert "Traceback" not in output


def test_the_network_of_the_documentation() -> None:
    names: dict[str, object] = {}
    exec(EXAMPLES[2], names)
    assert isinstance(names["alice"], ikev1.testing.Peer)
    assert names["alice"].failures == []


def test_the_messages_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    two = Two()
    two.connect()
    (sa,) = [event.sa for event in events_of(two.alice) if isinstance(event, ikev1.events.IkeUp)]
    octets, quick = (
        next(datagram.octets for datagram in two.wire if datagram.label == label) for label in ("MM3", "QM1")
    )
    with bound("127.0.0.1") as sock, bound("127.0.0.1") as peer:
        names = {"ikev1": ikev1, "octets": octets, "sock": sock, "peer": peer.getsockname(), "sa": sa}
        names["encrypted"] = ikev1.Message.from_wire(quick)
        exec(EXAMPLES[1], names)
        peer.settimeout(PATIENCE)
        arrived = peer.recv(65535)
    assert capsys.readouterr().out.startswith("KE(64 octets) NONCE(")
    assert len(arrived) == len(octets) - len(ikev1.Message.from_wire(octets)[ikev1.Nonce].data) + 4
    clear = names["clear"]
    assert isinstance(clear, ikev1.Message)
    assert ikev1.SA in clear
