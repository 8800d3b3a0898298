"""What crosses the demo's tunnel: a ping, and a file whose checksum tells whether it came through whole."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import sys
import time

from ikev1.esp.checksum import internet_checksum

PORT = 8080
FILE_OCTETS = 16 * 1024 * 1024
_DIGEST_OCTETS = 32
_ECHO_REQUEST, _ECHO_REPLY = 8, 0


def ping(source: str, target: str, count: int = 3, timeout: float = 2.0) -> list[float | None]:
    """Sends ICMP echo requests (RFC 792) from ``source``; milliseconds until each answer, None where none came."""
    return [_echo(source, target, number, timeout) for number in range(1, count + 1)]


def _echo(source: str, target: str, number: int, timeout: float) -> float | None:
    identifier, payload = os.getpid() & 0xFFFF, os.urandom(56)
    blank = struct.pack("!BBHHH", _ECHO_REQUEST, 0, 0, identifier, number) + payload
    request = blank[:2] + internet_checksum(blank).to_bytes(2) + blank[4:]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as echo:
        echo.bind((source, 0))
        started = time.monotonic()
        echo.sendto(request, (target, 0))
        while (left := started + timeout - time.monotonic()) > 0:
            echo.settimeout(left)
            try:
                packet = echo.recv(65535)
            except TimeoutError:
                return None
            answer = packet[4 * (packet[0] & 0xF) :]
            if answer[0] == _ECHO_REPLY and answer[4:] == request[4:]:
                return 1000 * (time.monotonic() - started)
    return None


def serve(address: str) -> None:
    """Hands a random file, and after it its SHA-256, to everybody who connects, until it is killed.

    Prints a line once it listens.
    """
    content = os.urandom(FILE_OCTETS)
    with socket.create_server((address, PORT)) as server:
        print("listening", flush=True)
        while True:
            client, _ = server.accept()
            with client:
                client.sendall(content + hashlib.sha256(content).digest())


def fetch(source: str, target: str) -> tuple[int, float, bool]:
    """Fetches the file by TCP.

    Returns:
        Octets, seconds, and whether the checksum is right.
    """
    started = time.monotonic()
    received = bytearray()
    with socket.create_connection((target, PORT), timeout=30, source_address=(source, 0)) as connection:
        while part := connection.recv(1 << 20):
            received += part
    content, digest = received[:-_DIGEST_OCTETS], received[-_DIGEST_OCTETS:]
    return len(content), time.monotonic() - started, hashlib.sha256(content).digest() == digest


if __name__ == "__main__":
    serve(sys.argv[1])
