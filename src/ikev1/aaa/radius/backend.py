"""The backend ``radius``: checks users by Access-Request (RFC 2865 §2)."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from pyrad.packet import AccessAccept, AccessChallenge, AccessReject, AuthPacket, Packet

from ikev1.aaa.check_places import CheckPlaces
from ikev1.aaa.options import RadiusMethod, RadiusOptions
from ikev1.aaa.radius import eap
from ikev1.aaa.radius.attributes import (
    FRAMED,
    LONGEST_VALUE,
    VIRTUAL,
    Attribute,
    is_served,
    number,
    reply_message,
    state,
    text,
    user_of,
)
from ikev1.aaa.radius.servers import MOST, NoReply, Reply, Servers
from ikev1.core.records.remote_access import Accepted, Challenged, Prompt, Rejected, Unavailable, Verdict, XauthAttempt

_LONGEST_PASSWORD = 128  # octets (RFC 2865 §5.2)


class RadiusBackend:
    """Checks users by the servers of ``options``; ``clock`` gives monotonic seconds."""

    name = "radius"

    def __init__(self, options: RadiusOptions, clock: Callable[[], float]) -> None:
        self._servers = Servers(options, clock)
        self._places = CheckPlaces(MOST)
        self._nas_identifier = options.nas_identifier
        self._method = options.method
        is_group = {Attribute.CLASS: options.class_group, Attribute.FILTER_ID: options.filter_id}
        self._groups_from = tuple(kind for kind, wanted in is_group.items() if wanted)

    async def check(self, attempt: XauthAttempt) -> Verdict:
        """The verdict of the first server that answers."""
        if (
            len(attempt.secret) > _LONGEST_PASSWORD
            or not 0 < len(attempt.login.encode(errors="replace")) <= LONGEST_VALUE
        ):
            return Rejected(
                f"a name of more than {LONGEST_VALUE} or a password of more than {_LONGEST_PASSWORD} octets"
            )
        place = self._places.take(attempt)
        if isinstance(place, str):
            return Unavailable(place)
        try:
            reply = await self._reply_to(attempt)
        except (NoReply, eap.EapError) as error:
            return Unavailable(f"RADIUS: {error}")
        finally:
            self._places.give_back(place)
        message = reply_message(reply.attributes)
        if reply.code == AccessAccept:
            if not is_served(reply.attributes):
                return Rejected("the Service-Type is not one that this gateway gives")
            return Accepted(user_of(reply.attributes, attempt, self._groups_from))
        if reply.code == AccessChallenge:
            return Challenged(Prompt.PASSCODE, message, state=state(reply.attributes))
        if reply.code == AccessReject:
            return Rejected(f"Access-Reject: {message}" if message else "Access-Reject")
        return Unavailable(f"RADIUS: a reply with code {reply.code}")

    async def _reply_to(self, attempt: XauthAttempt) -> Reply:
        """The reply that decides, or asks the user for more.

        Raises:
            NoReply: there is none.
            EapError: the server sent a malformed request of EAP.
        """
        if self._method is RadiusMethod.PAP:
            return await self._servers.ask(partial(self._request, attempt, attempt.state))
        name, state_of_server = text(attempt.login), b""
        message = eap.identity(name)
        for _ in range(eap.MOST_ROUNDS):
            reply = await self._servers.ask(partial(self._request, attempt, state_of_server, message=message))
            if reply.code != AccessChallenge:
                return reply
            request = b"".join(reply.attributes.get(Attribute.EAP_MESSAGE, ()))
            message, state_of_server = eap.answer(request, name, attempt.secret), state(reply.attributes)
        raise NoReply(f"no decision after {eap.MOST_ROUNDS} messages of EAP")

    async def close(self) -> None:
        """Do nothing: each socket is closed when the task that awaits its reply ends."""

    def _request(self, attempt: XauthAttempt, state_of_server: bytes, secret: bytes, message: bytes = b"") -> Packet:
        packet = AuthPacket(id=os.urandom(1)[0], secret=secret, authenticator=os.urandom(16))
        packet.add_message_authenticator()  # the first attribute
        packet[Attribute.USER_NAME] = [text(attempt.login)]
        if message:
            packet[Attribute.EAP_MESSAGE] = eap.values(message)
        else:
            packet[Attribute.USER_PASSWORD] = [packet.PwCrypt(attempt.secret)]
        packet[Attribute.SERVICE_TYPE] = [number(FRAMED)]
        packet[Attribute.NAS_IDENTIFIER] = [text(self._nas_identifier)]
        packet[Attribute.NAS_PORT_TYPE] = [number(VIRTUAL)]
        if attempt.connection:
            packet[Attribute.NAS_PORT_ID] = [text(attempt.connection)]
        if attempt.address:
            packet[Attribute.CALLING_STATION_ID] = [text(attempt.address)]
        if state_of_server:
            packet[Attribute.STATE] = [state_of_server]
        return packet
