"""A TCP transfer whose content can be checked: run as a program, once as ``serve`` and once as ``send``.

serve ADDRESS PORT                      prints "listening", takes one connection, prints SHA-256 and size of what came
send ADDRESS PORT FROM SIZE             sends SIZE random octets, prints their SHA-256 and size
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys


def _serve(address: str, port: int) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as server:
        server.settimeout(60)
        print("listening", flush=True)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(60)
            return b"".join(iter(lambda: connection.recv(65536), b""))


def _send(address: str, port: int, source: str, size: int) -> bytes:
    content = os.urandom(size)
    with socket.create_connection((address, port), timeout=60, source_address=(source, 0)) as connection:
        connection.sendall(content)
    return content


def main(arguments: list[str]) -> None:
    """Do one half of a transfer."""
    if arguments[0] == "serve":
        content = _serve(arguments[1], int(arguments[2]))
    else:
        content = _send(arguments[1], int(arguments[2]), arguments[3], int(arguments[4]))
    print(hashlib.sha256(content).hexdigest(), len(content), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
