"""UDP echo: ``echo.py serve HOST PORT`` answers and prints from where; ``echo.py ask HOST PORT OWN PATIENCE SIZE...``
asks from the address OWN and the same port, and prints the sizes of the answers; without one in so many seconds it
prints "nothing".
"""

from __future__ import annotations

import socket
import sys


def bound(host: str, port: int) -> socket.socket:
    udp = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((host, port))
    return udp


def serve(host: str, port: int) -> None:
    udp = bound(host, port)
    print("listening", flush=True)
    while True:
        data, address = udp.recvfrom(65_535)
        print("heard", address[0], address[1], len(data), flush=True)
        udp.sendto(data, address)


def ask(host: str, port: int, own: str, patience: float, sizes: list[int]) -> None:
    udp = bound(own, port)
    udp.settimeout(patience)
    for size in sizes:
        wanted = bytes(i % 251 for i in range(size))
        try:
            udp.sendto(wanted, (host, port))
            while udp.recv(65_535) != wanted:
                pass
            print(size, flush=True)
        except OSError:
            print("nothing", flush=True)


if __name__ == "__main__":
    command, there, number, *rest = sys.argv[1:]
    if command == "serve":
        serve(there, int(number))
    else:
        ask(there, int(number), rest[0], float(rest[1]), list(map(int, rest[2:])))
