"""RADIUS accounting (RFC 2866): Accounting-Request."""

from __future__ import annotations

import os
from collections.abc import Callable

from pyrad.packet import AccountingResponse, AcctPacket, Packet

from ikev1.aaa.accounting import NotConfirmed, Notice, Status
from ikev1.aaa.options import RadiusOptions
from ikev1.aaa.radius.attributes import FRAMED, VIRTUAL, Attribute, address_attribute, number, text
from ikev1.aaa.radius.servers import NoReply, Servers

_RADIUS, _LOCAL = 1, 2  # Acct-Authentic


class RadiusAccounting:
    """Sends notices to the servers of ``options``; ``clock`` gives monotonic seconds, ``wall`` the time in seconds
    since 1970.
    """

    def __init__(self, options: RadiusOptions, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._servers = Servers(options, clock)
        self._nas_identifier = options.nas_identifier
        self._wall = wall

    async def tell(self, notice: Notice) -> None:
        """Send ``notice`` until a server has confirmed it.

        Raises:
            NotConfirmed: no server has.
        """
        try:
            reply = await self._servers.ask(lambda secret: self._request(secret, notice), accounting=True)
        except NoReply as error:
            raise NotConfirmed(str(error)) from error
        if reply.code != AccountingResponse:
            raise NotConfirmed(f"a reply with code {reply.code}")

    def _request(self, secret: bytes, notice: Notice) -> Packet:
        session, usage = notice.session, notice.usage
        packet = AcctPacket(id=os.urandom(1)[0], secret=secret)
        values = {
            Attribute.ACCT_STATUS_TYPE: number(notice.status),
            Attribute.ACCT_SESSION_ID: text(session.id),
            Attribute.NAS_IDENTIFIER: text(self._nas_identifier),
            Attribute.EVENT_TIMESTAMP: number(int(notice.at)),
        }
        if notice.status is not Status.ON:
            values |= {
                Attribute.USER_NAME: text(session.user),
                Attribute.NAS_PORT_TYPE: number(VIRTUAL),
                Attribute.NAS_PORT_ID: text(session.connection),
                Attribute.SERVICE_TYPE: number(FRAMED),
                Attribute.CALLING_STATION_ID: text(session.address),
                Attribute.ACCT_AUTHENTIC: number(_RADIUS if session.by_radius else _LOCAL),
            }
        values |= dict(map(address_attribute, session.assigned))
        if notice.status in (Status.STOP, Status.INTERIM_UPDATE):
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
