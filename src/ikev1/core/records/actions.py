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


class InstallInbound(NamedTuple):
    """Receive with ``child.inbound`` from now on."""

    child: ChildSa


class InstallOutbound(NamedTuple):
    """Send what the selectors match with ``child.outbound`` from now on, in place of the pair it replaces."""

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
    """Find out whether the peer's certificates are good, and `Engine.answered` with the same ``request``."""

    request: int
    certificates: tuple[Certificate, ...]
    identity: Identification
    connection: Connection
    answers_call: bool = False  # the peer is at the address that the connection calls, and was called


class Report(NamedTuple):
    """Tell people and programs."""

    event: Event


Action = Send | CheckCertificate | InstallInbound | InstallOutbound | Move | Remove | Keep | Forget | Report
