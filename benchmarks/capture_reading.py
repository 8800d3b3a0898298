"""What it costs to find the 1 % of IKE in a gigabyte of other traffic, beside tshark and tcpdump where they are there.

Every reader gets the same file in a process of its own, and tells how many packets of IKE it found. tshark takes every
frame apart before it is asked whether it wanted it, so it reads the first twentieth only: once as it is, once without
the protocols that cost it most here. Compare the cost of a frame. tcpdump lets a compiled filter decide, in C, and puts
no fragments together: the least that can be done.

    python benchmarks/capture_reading.py [OCTETS]
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

SIZE = 1_000_000_000
BLOCK = 1_000  # frames that are repeated until the file is large enough
ETHERNET = bytes.fromhex("020000000001020000000002") + b"\x08\0"

OURS = """
import sys
from ikev1.capture.read import open_capture
with open_capture(sys.argv[1]) as capture:
    print(sum(1 for packet in capture))
"""


def frame(protocol: int, body: bytes) -> bytes:
    """An Ethernet frame with an IPv4 packet."""
    addresses = bytes([192, 0, 2, 1, 192, 0, 2, 2])
    return ETHERNET + struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, protocol, 0) + addresses + body


def tcp(size: int) -> bytes:
    """A segment of TCP with ``size`` octets of data."""
    return frame(6, struct.pack("!HHIIBBHHH", 443, 50000, 1, 1, 0x50, 0x10, 1000, 0, 0) + bytes(size))


def udp(port: int, data: bytes) -> bytes:
    """A datagram of UDP."""
    return frame(17, struct.pack("!HHHH", port, port, 8 + len(data), 0) + data)


def isakmp(size: int) -> bytes:
    """An encrypted message of Quick Mode of ``size`` octets."""
    header = struct.pack("!8s8sBBBBII", b"initiate", b"response", 8, 0x10, 32, 1, 0xCAFE, size)
    return udp(500, header + bytes(size - len(header)))


def frames(seed: int = 1) -> Iterator[bytes]:
    """A block of traffic: one frame in a hundred is IKE; of the others, 80 % are TCP, half of those full segments."""
    chance = random.Random(seed)
    for number in range(BLOCK):
        if number % 100 == 0:
            yield isakmp(chance.choice((76, 220, 300, 476)))
        elif chance.random() < 0.8:
            yield tcp(chance.choice((0, 0, 512, 1448, 1448, 1448)))
        else:
            yield udp(443, bytes(chance.choice((40, 200, 1200))))


def write_file(file: Path, size: int) -> int:
    """Writes ``size`` octets of traffic, or a little more; returns how many frames."""
    block = b"".join(
        [
            struct.pack("<IIII", 1_700_000_000, number, len(octets), len(octets)) + octets
            for number, octets in enumerate(frames())
        ]
    )
    times = -(-size // len(block))
    with file.open("wb") as stream:
        stream.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for _ in range(times):
            stream.write(block)
    return times * BLOCK


def run(command: list[str]) -> tuple[int, float, float]:
    """Packets found, seconds of CPU, and MB of memory at most."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    found = int(lines[0]) if len(lines) == 1 else len(lines)
    return found, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3


def main() -> None:
    """Print a line for each reader."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "traffic.pcap"
        count = write_file(file, size)
        some = count // 20
        print(
            f"IKE found in a pcap of {file.stat().st_size / 1e6:.0f} MB, {count} frames, 1 % of them IKE:", flush=True
        )
        tshark = [
            "tshark",
            "-nr",
            str(file),
            "-c",
            str(some),
            "-Y",
            "isakmp or esp",
            "-T",
            "fields",
            "-e",
            "frame.number",
        ]
        without = [part for name in ("tcp", "tls", "quic") for part in ("--disable-protocol", name)]
        readers = {
            "ikev1": ([sys.executable, "-c", OURS, str(file)], count),
            "tcpdump": (["tcpdump", "-nr", str(file), "udp port 500 or udp port 4500 or proto 50"], count),
            "tshark": (tshark, some),
            "tshark without TCP, TLS, QUIC": ([*tshark, *without], some),
        }
        ours = 0.0
        for name, (command, read) in readers.items():
            if shutil.which(command[0]) is None:
                continue
            found, cpu, memory = run(command)
            cost = cpu / read * 1e6
            ours = ours or cost
            print(
                f"  {name:29} {found:6} of {read:7} frames, {cpu:5.2f} s CPU, {cost:6.2f} µs a frame, "
                f"{cost / ours:5.1f} times ikev1, at most {memory:.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
