"""The messages between the process of the tunnels and that of the proxy, one to a datagram of a Unix socket."""

from __future__ import annotations

import msgspec

from ikev1.core.records.record import Record
from ikev1.core.records.selector import Selector

LARGEST = 16_384  # octets


class Login(Record, frozen=True, tag=True):
    """To the proxy, once, before all else: the user name and password for clients (RFC 1929); empty: none required."""

    user: bytes = b""
    password: bytes = b""

    secret_fields = frozenset({"password"})

    @property
    def required(self) -> bool:
        """Whether clients must log in."""
        return bool(self.user)


class Opened(Record, frozen=True, tag=True):
    """From the proxy: the TUN device with this name exists; its descriptor is sent with the message."""

    device: str


class Problem(Record, frozen=True, tag=True):
    """From the proxy, a sentence for the log; in place of `Opened`, the reason why it ends."""

    text: str


class HoldRoute(Record, frozen=True, tag=True):
    """To the proxy: as `ikev1.esp.device_routes.DeviceRoutes.hold`."""

    number: int
    mode: str
    local: Selector
    remote: Selector
    mtu: int


class ReleaseRoute(Record, frozen=True, tag=True):
    """To the proxy: give up the route."""

    number: int


class HoldAddress(Record, frozen=True, tag=True):
    """To the proxy: as `ikev1.esp.virtual_addresses.VirtualAddresses.hold`."""

    address: str


class ReleaseAddress(Record, frozen=True, tag=True):
    """To the proxy: give up the address."""

    address: str


class NameServers(Record, frozen=True, tag=True):
    """To the proxy: resolve names by these servers; ``domain`` completes a name without dots, if it is not empty."""

    servers: tuple[str, ...]
    domain: str = ""


Order = Login | HoldRoute | ReleaseRoute | HoldAddress | ReleaseAddress | NameServers
Answer = Opened | Problem

_encoder = msgspec.msgpack.Encoder()
_orders: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def encode(message: Order | Answer) -> bytes:
    """The octets of a message."""
    return _encoder.encode(message)


def decode_order(octets: bytes) -> Order:
    """The order in a datagram of our own parent."""
    return _orders.decode(octets)


def decode_answer(octets: bytes) -> Answer:
    """The message in a datagram of the child.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    return _answers.decode(octets)
