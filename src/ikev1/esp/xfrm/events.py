"""Events of the kernel: an SA expires, a packet requires one, or the address of a peer has changed."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from ikev1.esp.inner import Flow
from ikev1.esp.netlink import Message, Notifications, messages, unpack
from ikev1.esp.xfrm import policy
from ikev1.esp.xfrm.layout import LIFETIME_CURRENT, STATE_ID, STATE_INFO, Kind, address_of, flow_of
from ikev1.esp.xfrm.requests import NETLINK_XFRM
from ikev1.esp.xfrm.state import StateId, parse_id

_GROUPS = 1 << 0 | 1 << 1 | 1 << 7  # XFRMNLGRP_ACQUIRE, _EXPIRE, _MAPPING
_FLAG = struct.Struct("=B")
_ACQUIRE = struct.Struct("=24s16s56s168sIIII")  # struct xfrm_user_acquire: id, saddr, selector, policy, ...
_MAPPING = struct.Struct(
    "=24sI16s16s2s2s"
)  # struct xfrm_user_mapping: id, reqid, old and new address, old and new port
_ROOM = 1 << 20  # octets that may wait


class StateExpired(NamedTuple):
    """A limit is reached; ``hard`` if the kernel has dropped the state. It had carried ``octets`` in ``packets``."""

    id: StateId
    reqid: int
    octets: int
    packets: int
    hard: bool


class Acquired(NamedTuple):
    """A packet of ``flow`` matched a policy without states; ``reqids`` are those of its templates."""

    reqids: tuple[int, ...]
    flow: Flow


class Mapped(NamedTuple):
    """An authentic ESP packet in UDP was received from another address or port than that of the state."""

    id: StateId
    host: str
    port: int


class Overrun(NamedTuple):
    """Messages were lost, because there were too many at once."""


XfrmEvent = StateExpired | Acquired | Mapped | Overrun


class EventSocket:
    """The messages of this network namespace, including those about state of other programs.

    Raises:
        OSError: the socket cannot be opened or read.
    """

    def __init__(self) -> None:
        self._notifications = Notifications(NETLINK_XFRM, _GROUPS, _ROOM)

    def fileno(self) -> int:
        """The file descriptor."""
        return self._notifications.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._notifications.close()

    def read(self) -> Iterator[XfrmEvent]:
        """What has come, a bounded number of messages.

        Raises:
            GarbledAnswer: one cannot be read.
        """
        for octets in self._notifications.read():
            if octets is None:
                yield Overrun()
                continue
            for message in messages(octets):
                event = parse(message)
                if event is not None:
                    yield event


def parse(message: Message) -> XfrmEvent | None:
    """The event in a message; None if it is of another type.

    Raises:
        GarbledAnswer: it is too short, or the length of an attribute is wrong.
    """
    if message.kind == Kind.EXPIRE:
        _, _, _, _, _, _, lifetime, _, _, _, _, reqid, *_ = unpack(STATE_INFO, message.body)
        octets, packets, _, _ = LIFETIME_CURRENT.unpack(lifetime)
        (hard,) = unpack(_FLAG, message.body[STATE_INFO.size :])
        return StateExpired(parse_id(message.body), reqid, octets, packets, bool(hard))
    if message.kind == Kind.ACQUIRE:
        _, _, selector, *_ = unpack(_ACQUIRE, message.body)
        return Acquired(policy.reqids(message.body[_ACQUIRE.size :]), flow_of(selector))
    if message.kind == Kind.MAPPING:
        id, _, _, new, _, port = unpack(_MAPPING, message.body)
        destination, spi, family, protocol = STATE_ID.unpack(id)
        host = socket.inet_ntop(family, address_of(new, family))
        return Mapped(
            StateId(address_of(destination, family), int.from_bytes(spi), protocol), host, int.from_bytes(port)
        )
    return None
