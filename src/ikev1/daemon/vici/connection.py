"""One client of the VICI server: its commands, one at a time, and the events that it registered for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from ikev1.daemon.gateway import Gateway
from ikev1.daemon.observe.event_log import Line
from ikev1.daemon.vici.codec import (
    SEGMENT_LIMIT,
    Packet,
    PacketError,
    PacketType,
    Section,
    build_packet,
    parse_message,
    parse_packet,
    segment,
)
from ikev1.daemon.vici.events import EVENT_NAMES, log_event
from ikev1.daemon.vici.loaded import LoadedConfiguration
from ikev1.daemon.vici.request import Call, Command, Refused, Request, failure
from ikev1.errors import describe_bug

_AT_A_TIME = 16  # events of a command, before the rest of the gateway has its turn
BACKLOG_LIMIT = 4 << 20  # octets of events that are queued for a slow client before it is disconnected


class ClientConnection:
    """Serves one client until it disconnects, violates the protocol, does not read its events, or does not complete a
    segment within ``patience`` seconds. ``by_owner`` is that of `Call`.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        gateway: Gateway,
        loaded: LoadedConfiguration,
        commands: Mapping[str, Command],
        registration_changed: Callable[[], None],
        patience: float,
        *,
        by_owner: bool,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._gateway = gateway
        self._loaded = loaded
        self._commands = commands
        self._registration_changed = registration_changed
        self._patience = patience
        self._by_owner = by_owner
        self._streamed = 0
        self.registered: frozenset[str] = frozenset()

    async def serve(self) -> None:
        """Answer each packet before reading the next, so that answers have the order of the requests."""
        try:
            while True:
                await self._answer(parse_packet(await self._read_segment()))
                await self._writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, PacketError, TimeoutError):
            pass
        except Exception as error:
            self._gateway.log.bug("the connection of a VICI client", error)
        finally:
            self.registered = frozenset()
            self._registration_changed()
            self._writer.close()
            self._loaded.settle_soon()  # whoever has loaded a configuration and leaves may expect it to be in use

    async def _read_segment(self) -> bytes:
        length = int.from_bytes(await self._reader.readexactly(4))
        if length > SEGMENT_LIMIT:
            raise PacketError(f"a segment of {length} octets")
        async with asyncio.timeout(self._patience):
            return await self._reader.readexactly(length)

    async def _answer(self, packet: Packet) -> None:
        if packet.type is PacketType.CMD_REQUEST:
            await self._run(packet)
        elif packet.type is PacketType.EVENT_REGISTER:
            self._register(packet.name in EVENT_NAMES, self.registered | {packet.name})
        elif packet.type is PacketType.EVENT_UNREGISTER:
            self._register(packet.name in self.registered, self.registered - {packet.name})
        else:
            raise PacketError(f"a client must not send {packet.type.name}")

    def _register(self, known: bool, registered: frozenset[str]) -> None:
        if known:
            self.registered = registered
            self._registration_changed()
        self._send(build_packet(PacketType.EVENT_CONFIRM if known else PacketType.EVENT_UNKNOWN))

    async def _run(self, packet: Packet) -> None:
        command = self._commands.get(packet.name)
        if command is None:
            self._send(build_packet(PacketType.CMD_UNKNOWN))
            return
        try:
            answer = await command(
                Call(self._gateway, self._loaded, _request(packet), self._by_owner, self._stream, self._control_log)
            )
        except Refused as refusal:
            answer = failure(refusal)
        except (ConnectionError, PacketError):
            raise
        except Exception as error:
            self._gateway.log.bug(f"the VICI command {packet.name}", error)
            answer = failure(Refused(f"internal error: {describe_bug(error)}"))
        self._send(build_packet(PacketType.CMD_RESPONSE, message=answer))

    async def _stream(self, name: str, body: Section) -> None:
        if name in self.registered:
            self._send(build_packet(PacketType.EVENT, name, body))
            await self._writer.drain()
        self._streamed += 1
        if not self._streamed % _AT_A_TIME:
            await asyncio.sleep(0)

    def _control_log(self, line: Line) -> None:
        self.event("control-log", lambda: log_event(line, thread=False))

    def event(self, name: str, body: Callable[[], Section]) -> None:
        """Send an event to the client if it registered for it; disconnect a client that reads too slowly."""
        if name not in self.registered or self._writer.is_closing():
            return
        try:
            self._send(build_packet(PacketType.EVENT, name, body()))
        except PacketError:  # an event that VICI cannot carry
            self._writer.transport.abort()
        if self._writer.transport.get_write_buffer_size() > BACKLOG_LIMIT:
            self._writer.transport.abort()

    def _send(self, packet: bytes) -> None:
        if len(packet) > SEGMENT_LIMIT:
            raise PacketError(f"an answer of {len(packet)} octets does not fit into a segment")
        self._writer.write(segment(packet))


def _request(packet: Packet) -> Request:
    try:
        return Request(parse_message(packet.body))
    except PacketError as error:
        raise Refused("parsing request failed") from error
