"""Requests to RADIUS servers: in order, with retransmissions; a server that did not respond is tried last for a while.

Each request has its own connected socket: the random port makes forged responses harder, the kernel drops datagrams
from other addresses, and the 8-bit identifier (RFC 2865 §3) does not limit the number of requests.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import NamedTuple

from pyrad.packet import AccessRequest, Packet

from ikev1.aaa.options import MessageAuthenticator, RadiusMethod, RadiusOptions, RadiusServer
from ikev1.aaa.radius.attributes import Attribute, Attributes
from ikev1.errors import RemoteError

MOST = 256  # requests at a time


class Reply(NamedTuple):
    """A verified reply: its code, and the attributes."""

    code: int
    attributes: Attributes


class NoReply(RemoteError):
    """No server has responded; the text gives the reason for each."""

    code = "no-reply"


MakeRequest = Callable[[bytes], Packet]
"""Makes the request for a server with this shared secret."""


class Servers:
    """Sends requests to the servers of ``options`` in their order; ``clock`` gives monotonic seconds."""

    def __init__(self, options: RadiusOptions, clock: Callable[[], float]) -> None:
        self._options = options
        self._clock = clock
        self._dead_until: dict[RadiusServer, float] = {}
        self._signs: set[RadiusServer] = set()  # those that have sent a Message-Authenticator
        self._under_way = 0

    async def ask(self, make: MakeRequest, *, accounting: bool = False) -> Reply:
        """The first verified reply of any server.

        Raises:
            NoReply: there is none, or too many requests are under way.
        """
        if self._under_way >= MOST:
            raise NoReply(f"{MOST} requests are under way already")
        self._under_way += 1
        try:
            reasons = []
            for server in self._in_order():
                try:
                    reply = await self._ask(server, make, server.acct_port if accounting else server.auth_port)
                except NoReply as error:
                    reasons.append(f"{server.address}: {error}")
                    self._dead_until[server] = self._clock() + self._options.dead_time
                else:
                    self._dead_until.pop(server, None)
                    return reply
            raise NoReply("; ".join(reasons))
        finally:
            self._under_way -= 1

    def _in_order(self) -> list[RadiusServer]:
        """The servers in use, then the dead ones, the one that has been dead longest first."""
        now = self._clock()
        dead = {server: until for server, until in self._dead_until.items() if until > now}
        return [each for each in self._options.servers if each not in dead] + sorted(dead, key=dead.__getitem__)

    async def _ask(self, server: RadiusServer, make: MakeRequest, port: int) -> Reply:
        request = make(server.secret)
        loop = asyncio.get_running_loop()
        required = (
            self._options.message_authenticator is MessageAuthenticator.REQUIRE
            or self._options.method is RadiusMethod.EAP_MD5  # RFC 3579 §3.2
            or server in self._signs
        )
        try:
            transport, waiting = await loop.create_datagram_endpoint(
                lambda: _Waiting(request, loop.create_future(), required), remote_addr=(server.address, port)
            )
        except OSError as error:
            raise NoReply(f"cannot be reached: {error.strerror}") from error
        try:
            reply = await self._answered(transport, waiting, request.RequestPacket())
            if Attribute.MESSAGE_AUTHENTICATOR in reply.attributes:
                self._signs.add(server)
            return reply
        finally:
            transport.close()

    async def _answered(self, transport: asyncio.DatagramTransport, waiting: _Waiting, datagram: bytes) -> Reply:
        wait = self._options.retransmit_timeout
        for _ in range(1 + self._options.retransmit_tries):
            transport.sendto(datagram)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    return await asyncio.shield(waiting.reply)
            wait *= self._options.retransmit_base
        raise NoReply(waiting.complaint or "no reply")


class _Waiting(asyncio.DatagramProtocol):
    """Waits for the reply to ``request``. Unverifiable replies are ignored, because the genuine one may follow. To an
    Access-Request, a Message-Authenticator may be ``required``.
    """

    def __init__(self, request: Packet, reply: asyncio.Future[Reply], required: bool) -> None:
        self._request = request
        self._required = required and request.code == AccessRequest
        self.reply = reply
        self.complaint = ""

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Accept the reply if its authenticators are right."""
        try:
            packet = Packet(packet=data)
            genuine = self._request.VerifyReply(packet, data, enforce_ma=self._required)
        except Exception:  # versions of pyrad differ in what they raise for octets that anybody may have sent
            self.complaint = "a malformed reply"
            return
        if not genuine:
            self.complaint = (
                "a reply that cannot be verified: compare the shared secrets"
                if Attribute.MESSAGE_AUTHENTICATOR in packet
                else "a reply without Message-Authenticator, which is not trusted (CVE-2024-3596): update the server"
            )
        elif not self.reply.done():
            self.reply.set_result(Reply(packet.code, dict(packet.items())))

    def error_received(self, exc: Exception) -> None:
        """Fail at once on an ICMP error: the server does not listen."""
        if not self.reply.done():
            reason = exc.strerror if isinstance(exc, OSError) else type(exc).__name__
            self.reply.set_exception(NoReply(f"cannot be reached: {reason}"))
