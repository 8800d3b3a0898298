"""What the engine asks the world to do: values, in the order in which they are to be done.

The order is part of the meaning: an inbound SA is installed before the message goes out that lets the peer use it,
and a record is kept before the reply leaves that makes the peer believe in it.
"""

from __future__ import annotations

from typing import NamedTuple

from ikev1.core.records.events import Event
from ikev1.core.records.model import ChildSa, IkeSa, UdpPath
from ikev1.core.records.settings import Connection
from ikev1.wire.payloads import Certificate, Identification


class Send(NamedTuple):
    """Send an ISAKMP datagram; on a path whose local port is the encapsulation port, the endpoint puts the non-ESP
    marker before it (RFC 3948 §2.2).
    """

    path: UdpPath
    datagram: bytes


class AllocateSpi(NamedTuple):
    """Choose the inbound SPI of a pair on ``path``, of this protocol (a `ProtocolId`: ESP or AH), and with ``compress``
    a CPI; `Engine.answered` expects `Spis` or `Failed`.
    """

    request: int
    path: UdpPath
    protocol: int
    compress: bool


class InstallInbound(NamedTuple):
    """Receive with ``child.inbound`` from now on; `Engine.answered` expects `Done` or `Failed`. Once more under the
    same number, it is the same pair.
    """

    request: int
    child: ChildSa


class InstallOutbound(NamedTuple):
    """Send what the selectors match with ``child.outbound`` from now on, in place of the pair it replaces;
    `Engine.answered` expects `Done` or `Failed`.
    """

    request: int
    child: ChildSa


class Move(NamedTuple):
    """Send to ``child.path`` from now on: the peer's address or port changed, and in transport mode the selectors of
    ``child`` with them.
    """

    child: ChildSa


class Remove(NamedTuple):
    """Forget both directions of ``child``."""

    child: ChildSa


class Keep(NamedTuple):
    """Store this SA, in place of what was stored of it."""

    sa: IkeSa


class Forget(NamedTuple):
    """Remove the SA from the store; its pairs of IPsec SAs were removed, or belong to its successor by now."""

    sa: IkeSa


class CheckCertificate(NamedTuple):
    """Find out whether the peer's certificates are good; `Engine.answered` expects `Trusted` or `Untrusted`."""

    request: int
    certificates: tuple[Certificate, ...]
    identity: Identification
    connection: Connection
    answers_call: bool = False  # the peer is at the address that the connection calls, and was called


class Report(NamedTuple):
    """Tell people and programs."""

    event: Event


Question = AllocateSpi | InstallInbound | InstallOutbound | CheckCertificate
"""What the world answers, exactly once, under the ``request`` of the action (`ikev1.core.records.answers`)."""

Action = Question | Send | Move | Remove | Keep | Forget | Report
