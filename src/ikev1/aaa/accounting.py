"""Accounting: notices about the sessions of users, with the terms of RADIUS (RFC 2866)."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

from ikev1.core.records.record import Record
from ikev1.errors import RemoteError


class Status(IntEnum):
    """Acct-Status-Type (RFC 2866 §5.1)."""

    START = 1
    STOP = 2
    INTERIM_UPDATE = 3
    ON = 7  # the gateway has started: all sessions before are over


class Cause(IntEnum):
    """Acct-Terminate-Cause (RFC 2866 §5.10)."""

    USER_REQUEST = 1
    LOST_CARRIER = 2
    SESSION_TIMEOUT = 5
    ADMIN_REBOOT = 7


class Usage(Record, frozen=True):
    """The traffic of a session, in octets and packets of the inner traffic; "in" is from the user."""

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
    """A user's session. ``id`` is unique on this gateway, ``assigned`` are the virtual addresses, and ``classes`` the
    values of the RADIUS attribute Class.
    """

    id: str
    user: str
    connection: str
    address: str  # of the peer
    assigned: tuple[str, ...] = ()
    classes: tuple[bytes, ...] = ()
    by_radius: bool = True  # whether a RADIUS server has authenticated the user


class Notice(Record, frozen=True):
    """A notice about a session, or with `Status.ON` about all earlier ones: ``at`` is the time of the event in seconds
    since 1970, ``seconds`` the duration of the session until then, and ``cause`` the reason for its end.
    """

    status: Status
    session: Session
    at: float
    seconds: int = 0
    usage: Usage = Usage()
    cause: Cause | None = None


class NotConfirmed(RemoteError):
    """A notice was not confirmed; the text gives the reason."""

    code = "not-confirmed"


class Accounting(Protocol):
    """A destination of notices."""

    async def tell(self, notice: Notice) -> None:
        """Deliver ``notice``.

        Raises:
            NotConfirmed: it was not confirmed.
        """
