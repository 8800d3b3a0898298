"""Datagrams in the clear, told apart by what they say. Run as a program in a network namespace.

    python clear.py hear FAMILY            prints "ready", then what it heard on port 7777, as JSON, once it heard "end"
    python clear.py say FROM TO TEXT ...   sends each text from address to address; any number of such triples

A datagram that the kernel refuses to send is simply not sent.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys

PORT = 7777


def hear(family: str) -> None:
    with socket.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("", PORT))
        print("ready", flush=True)
        heard: list[str] = []
        while "end" not in heard:
            heard.append(ear.recv(100).decode())
        print(json.dumps(heard), flush=True)


def say(words: list[str]) -> None:
    for source, destination, text in zip(*[iter(words)] * 3, strict=True):
        with socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM) as mouth:
            mouth.bind((source, 0))
            with contextlib.suppress(OSError):
                mouth.sendto(text.encode(), (destination, PORT))


if __name__ == "__main__":
    (hear(sys.argv[2]) if sys.argv[1] == "hear" else say(sys.argv[2:]))
