"""The ends of a transfer for `esp_throughput`. Run as a program:

    python stream.py receive ADDRESS FLOWS                  prints the octets that arrived, once all flows have ended
    python stream.py send ADDRESS SOURCE FLOWS OCTETS       over TCP, that many octets on all flows together
    python stream.py count ADDRESS                          prints the datagrams that arrived until an empty one
    python stream.py datagrams ADDRESS SOURCE SIZE SECONDS  as many datagrams as it can; SIZE is of the packets

A receiver first prints "listening".
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time

PORT = 7777
_BLOCK = 1 << 20
_HEADERS = {4: 28, 6: 48}  # of IP and UDP


def receive(address: str, flows: int) -> None:
    totals = [0] * flows

    def drain(number: int, connection: socket.socket) -> None:
        room = bytearray(_BLOCK)
        while size := connection.recv_into(room):
            totals[number] += size

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, PORT), family=family) as server:
        print("listening", flush=True)
        threads = [threading.Thread(target=drain, args=(number, server.accept()[0])) for number in range(flows)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(sum(totals), flush=True)


def send(address: str, source: str, flows: int, octets: int) -> None:
    def transfer(connection: socket.socket) -> None:
        left, block = octets // flows, bytes(_BLOCK)
        with connection:
            while left > 0:
                left -= connection.send(block[:left])

    connections = [socket.create_connection((address, PORT), source_address=(source, 0)) for _ in range(flows)]
    threads = [threading.Thread(target=transfer, args=(connection,)) for connection in connections]
    for thread in threads:
        thread.start()


def count(address: str) -> None:
    arrived = 0
    with _datagrams(address) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        udp.bind((address, PORT))
        print("listening", flush=True)
        while udp.recv(100):
            arrived += 1
    print(arrived, flush=True)


def datagrams(address: str, source: str, size: int, seconds: float) -> None:
    with _datagrams(address) as udp:
        udp.bind((source, 0))
        udp.connect((address, PORT))
        data = bytes(size - _HEADERS[6 if ":" in address else 4])
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for _ in range(64):
                udp.send(data)
        for _ in range(100):  # the last ones may be lost, too
            time.sleep(0.01)
            with contextlib.suppress(ConnectionRefusedError):
                udp.send(b"")


def _datagrams(address: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["receive", to, flows]:
            receive(to, int(flows))
        case ["send", to, source, flows, octets]:
            send(to, source, int(flows), int(octets))
        case ["count", to]:
            count(to)
        case ["datagrams", to, source, size, seconds]:
            datagrams(to, source, int(size), float(seconds))
        case _:
            sys.exit(__doc__)
