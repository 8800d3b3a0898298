"""Resolves names by the name servers behind the tunnel, by UDP and, for long answers, by TCP (RFC 7766)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Collection

from ikev1.daemon.socks import dns
from ikev1.daemon.socks.orders import NameServers
from ikev1.esp.networks import socket_address

_PORT = 53
_PATIENCE = 2.0  # seconds for an answer of one server
_ROUNDS = 2  # through all servers
_MOST_SERVERS = 4
_LARGEST_ANSWER = 65_535
_MOST_STRANGE_ANSWERS = 16  # that are no answers to the question, before another server is asked


class Resolver:
    """Asks the servers that `configure` sets, in their order. ``port`` is theirs."""

    def __init__(self, patience: float = _PATIENCE, port: int = _PORT) -> None:
        self._servers = NameServers(())
        self._patience = patience
        self._port = port

    def configure(self, servers: NameServers) -> None:
        """Ask these servers from now on."""
        self._servers = servers

    async def resolve(self, name: str, versions: Collection[int]) -> tuple[str, ...]:
        """The addresses of ``name`` of these IP versions, IPv4 first; empty if there are none or nobody knows."""
        if "." not in name.removesuffix(".") and self._servers.domain:
            name = f"{name.removesuffix('.')}.{self._servers.domain.strip('.')}"
        kinds = [kind for version, kind in ((4, dns.A), (6, dns.AAAA)) if version in versions]
        found = await asyncio.gather(*(self._look_up(name, kind) for kind in kinds))
        return tuple(address for addresses in found for address in addresses)

    async def _look_up(self, name: str, kind: int) -> tuple[str, ...]:
        for _ in range(_ROUNDS):
            for server in self._servers.servers[:_MOST_SERVERS]:
                query = dns.question(int.from_bytes(os.urandom(2)), name, kind)
                if query is None:
                    return ()
                with contextlib.suppress(OSError, EOFError, TimeoutError):
                    async with asyncio.timeout(self._patience):
                        answer = await self._ask(server, query)
                    if answer is not None and answer.known:
                        return answer.addresses
        return ()

    async def _ask(self, server: str, query: bytes) -> dns.Answer | None:
        answer = await self._ask_by_udp(server, query)
        return await self._ask_by_tcp(server, query) if answer is not None and answer.truncated else answer

    async def _ask_by_udp(self, server: str, query: bytes) -> dns.Answer | None:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as udp:
            udp.connect(socket_address(server, self._port))  # answers of others are not received
            await loop.sock_sendall(udp, query)
            for _ in range(_MOST_STRANGE_ANSWERS):
                answer = dns.answer_to(query, await loop.sock_recv(udp, _LARGEST_ANSWER))
                if answer is not None:
                    return answer
        return None

    async def _ask_by_tcp(self, server: str, query: bytes) -> dns.Answer | None:
        reader, writer = await asyncio.open_connection(server, self._port)
        try:
            writer.write(len(query).to_bytes(2) + query)
            length = int.from_bytes(await reader.readexactly(2))
            return dns.answer_to(query, await reader.readexactly(length))
        finally:
            writer.close()
