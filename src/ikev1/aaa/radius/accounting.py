"""RADIUS accounting (RFC 2866): begin, state and end of a user's session."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import IntEnum

from pyrad.packet import AccountingResponse, AcctPacket, Packet

from ikev1.aaa.radius.attributes import FRAMED, VIRTUAL, Attribute, address_attribute, number, text
from ikev1.aaa.radius.servers import NoReply, Servers
from ikev1.core.records.record import Record

_RADIUS = 1  # Acct-Authentic
_LOCAL = 2


class Status(IntEnum):
    """Acct-Status-Type (RFC 2866 §5.1)."""

    START = 1
    STOP = 2
    INTERIM_UPDATE = 3


class Cause(IntEnum):
    """Acct-Terminate-Cause (RFC 2866 §5.10)."""

    USER_REQUEST = 1
    LOST_CARRIER = 2
    SESSION_TIMEOUT = 5
    ADMIN_RESET = 6
    NAS_REBOOT = 11
    NAS_REQUEST = 10


class Usage(Record, frozen=True):
    """What a session has carried; "in" is from the user."""

    octets_in: int = 0
    octets_out: int = 0
    packets_in: int = 0
    packets_out: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.octets_in + other.octets_in,
            self.octets_out + other.octets_out,
            self.packets_in + other.packets_in,
            self.packets_out + other.packets_out,
        )


class Session(Record, frozen=True):
    """A user's session. ``id`` is unique on this gateway."""

    id: str
    user: str
    connection: str
    address: str  # of the peer
    assigned: tuple[str, ...] = ()
    classes: tuple[bytes, ...] = ()
    by_radius: bool = True  # whether a RADIUS server has authenticated the user


class Notice(Record, frozen=True):
    """What accounting is told: ``at`` is the time of the event, in seconds since 1970, ``seconds`` how long the session
    had lasted.
    """

    status: Status
    session: Session
    at: float
    seconds: int = 0
    usage: Usage = Usage()
    cause: Cause | None = None


class Accounting:
    """Sends notices to ``servers``; ``wall`` gives the time in seconds since 1970."""

    def __init__(self, servers: Servers, nas_identifier: str, wall: Callable[[], float]) -> None:
        self._servers = servers
        self._nas_identifier = nas_identifier
        self._wall = wall

    async def tell(self, notice: Notice) -> None:
        """Send ``notice`` until a server has confirmed it.

        Raises:
            NoReply: no server has.
        """
        reply = await self._servers.ask(lambda secret: self._request(secret, notice), accounting=True)
        if reply.code != AccountingResponse:
            raise NoReply(f"a reply with code {reply.code}")

    def _request(self, secret: bytes, notice: Notice) -> Packet:
        session, usage = notice.session, notice.usage
        packet = AcctPacket(id=os.urandom(1)[0], secret=secret)
        values = {
            Attribute.ACCT_STATUS_TYPE: number(notice.status),
            Attribute.ACCT_SESSION_ID: text(session.id),
            Attribute.USER_NAME: text(session.user),
            Attribute.NAS_IDENTIFIER: text(self._nas_identifier),
            Attribute.NAS_PORT_TYPE: number(VIRTUAL),
            Attribute.NAS_PORT_ID: text(session.connection),
            Attribute.SERVICE_TYPE: number(FRAMED),
            Attribute.CALLING_STATION_ID: text(session.address),
            Attribute.ACCT_AUTHENTIC: number(_RADIUS if session.by_radius else _LOCAL),
            Attribute.EVENT_TIMESTAMP: number(int(notice.at)),
        }
        values |= dict(map(address_attribute, session.assigned))
        if notice.status is not Status.START:
            values |= {
                Attribute.ACCT_SESSION_TIME: number(notice.seconds),
                Attribute.ACCT_INPUT_OCTETS: number(usage.octets_in & 0xFFFF_FFFF),
                Attribute.ACCT_INPUT_GIGAWORDS: number(usage.octets_in >> 32),
                Attribute.ACCT_OUTPUT_OCTETS: number(usage.octets_out & 0xFFFF_FFFF),
                Attribute.ACCT_OUTPUT_GIGAWORDS: number(usage.octets_out >> 32),
                Attribute.ACCT_INPUT_PACKETS: number(usage.packets_in & 0xFFFF_FFFF),
                Attribute.ACCT_OUTPUT_PACKETS: number(usage.packets_out & 0xFFFF_FFFF),
            }
        if notice.cause is not None:
            values[Attribute.ACCT_TERMINATE_CAUSE] = number(notice.cause)
        if delay := int(max(0.0, self._wall() - notice.at)):
            values[Attribute.ACCT_DELAY_TIME] = number(delay)
        for kind, value in values.items():
            packet[kind] = [value]
        if session.classes:
            packet[Attribute.CLASS] = list(session.classes)
        return packet
