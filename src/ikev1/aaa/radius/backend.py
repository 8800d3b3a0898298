"""The backend ``radius``: checks users by Access-Request (RFC 2865 §2)."""

from __future__ import annotations

import os
from collections.abc import Callable

from pyrad.packet import AccessAccept, AccessChallenge, AccessReject, AuthPacket, Packet

from ikev1.aaa.check_places import CheckPlaces
from ikev1.aaa.options import RadiusOptions
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
from ikev1.aaa.radius.servers import MOST, NoReply, Servers
from ikev1.core.records.remote_access import Accepted, Challenged, Prompt, Rejected, Unavailable, Verdict, XauthAttempt

_LONGEST_PASSWORD = 128  # octets (RFC 2865 §5.2)


class RadiusBackend:
    """Checks users by the servers of ``options``; ``clock`` gives monotonic seconds."""

    name = "radius"

    def __init__(self, options: RadiusOptions, clock: Callable[[], float]) -> None:
        self._servers = Servers(options, clock)
        self._places = CheckPlaces(MOST)
        self._nas_identifier = options.nas_identifier
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
            reply = await self._servers.ask(lambda secret: self._request(secret, attempt))
        except NoReply as error:
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

    async def close(self) -> None:
        """Do nothing: each socket is closed when the task that awaits its reply ends."""

    def _request(self, secret: bytes, attempt: XauthAttempt) -> Packet:
        packet = AuthPacket(id=os.urandom(1)[0], secret=secret, authenticator=os.urandom(16))
        packet.add_message_authenticator()  # the first attribute
        packet[Attribute.USER_NAME] = [text(attempt.login)]
        packet[Attribute.USER_PASSWORD] = [packet.PwCrypt(attempt.secret)]
        packet[Attribute.SERVICE_TYPE] = [number(FRAMED)]
        packet[Attribute.NAS_IDENTIFIER] = [text(self._nas_identifier)]
        packet[Attribute.NAS_PORT_TYPE] = [number(VIRTUAL)]
        if attempt.connection:
            packet[Attribute.NAS_PORT_ID] = [text(attempt.connection)]
        if attempt.address:
            packet[Attribute.CALLING_STATION_ID] = [text(attempt.address)]
        if attempt.state:
            packet[Attribute.STATE] = [attempt.state]
        return packet
