"""No secret leaves the gateway by its log or its control socket, whatever is asked and however a negotiation ends."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ikev1.core.records.events import Event
from ikev1.core.records.record import Record, replace
from ikev1.core.records.settings import Connection
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.daemon.vici.codec import PacketType, build_packet, segment
from ikev1.daemon.vici.commands import COMMANDS
from ikev1.daemon.vici.events import EVENT_NAMES

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side

ENDS = frozenset({"terminate", "unload-conn", "reload-settings"})  # asked last


def same(connection: Connection) -> Connection:
    """What both ends agreed on."""
    return connection


def other(connection: Connection) -> Connection:
    """What another end would have."""
    return replace(connection, secret=b"not what you have")


def secrets_of(value: object) -> Iterator[bytes]:
    """The octets of all secret fields of all records in ``value``."""
    if isinstance(value, Record):
        for name in value.__struct_fields__:
            content = getattr(value, name)
            if name in value.secret_fields and isinstance(content, bytes):
                yield content
            yield from secrets_of(content)
    elif isinstance(value, (tuple, list, frozenset)):
        for each in value:
            yield from secrets_of(each)
    elif isinstance(value, Mapping):
        yield from secrets_of(list(value.values()))


def ways_to_write(secret: bytes) -> set[bytes]:
    """What would give the secret away."""
    return {
        secret,
        secret.hex().encode(),
        secret.hex(" ").encode(),
        secret.hex().upper().encode(),
        base64.b64encode(secret).rstrip(b"="),
        repr(secret)[2:-1].encode(),
    }


async def asked_all(side: Side) -> bytes:
    """All that the control socket says to a client that registers for every event and gives every command."""

    def talk() -> bytes:
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as stream:
            stream.settimeout(60)
            stream.connect(str(side.control))
            for name in sorted(EVENT_NAMES):
                stream.sendall(segment(build_packet(PacketType.EVENT_REGISTER, name)))
            names = sorted(COMMANDS.keys() - ENDS) + sorted(ENDS & COMMANDS.keys())
            wanted = {"child": "net", "ike": "branch", "timeout": "-1"}
            for name in names:
                for body in ({}, wanted):
                    stream.sendall(segment(build_packet(PacketType.CMD_REQUEST, name, body)))
            heard, answers = b"", 0
            while answers < 2 * len(names):
                packet = stream.recv(int.from_bytes(stream.recv(4, socket.MSG_WAITALL)), socket.MSG_WAITALL)
                answers += packet[0] in (PacketType.CMD_RESPONSE, PacketType.CMD_UNKNOWN)
                heard += packet
            return heard

    return await asyncio.to_thread(talk)


@pytest.mark.parametrize("agreed", [True, False])
def test_no_listener_of_the_log_or_the_control_socket_learns_a_secret(meet: Meet, agreed: bool) -> None:
    secrets: set[bytes] = set()

    async def scenario(us: Side, them: Side) -> None:
        def gather(event: Event) -> None:
            for side in (us, them):
                secrets.update(secrets_of([list(side.gateway.engine.sas.values()), side.gateway.settings]))
            secrets.update(secrets_of(tuple(event)))

        us.gateway.observers.append(gather)
        them.gateway.observers.append(gather)
        with contextlib.suppress(NotEstablished):
            await us.gateway.initiate("branch", "net")
        if agreed:
            await them.until(lambda: bool(them.plane.outbound))
        said = [await asked_all(side) for side in (us, them)]
        said += [str(line).encode() for side in (us, them) for line in side.lines]
        secrets.discard(b"")
        assert len(secrets) > (12 if agreed else 6)
        for secret in secrets:
            for written in ways_to_write(secret):
                assert not any(written in text for text in said)

    meet(scenario, their_change=same if agreed else other)
