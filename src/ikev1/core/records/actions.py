"""Actions that the engine returns to its caller, to be executed in order.

The order is significant: an inbound SA is installed before the message is sent that lets the peer use it, and a record
is stored before the reply is sent that makes the peer rely on it.
"""

from __future__ import annotations

from typing import NamedTuple, get_args

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import Event
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.key_exchange import ComputeSharedSecret
from ikev1.core.records.path import UdpPath
from ikev1.core.records.remote_access import XauthAttempt, XauthQuestions
from ikev1.core.records.settings import Connection
from ikev1.wire.payloads import Certificate, Identification


class Send(NamedTuple):
    """Send an ISAKMP datagram. On a path whose local port is the encapsulation port, the endpoint prepends the non-ESP
    marker (RFC 3948 §2.2).
    """

    path: UdpPath
    datagram: bytes


class AllocateSpi(NamedTuple):
    """Allocate the inbound SPI of a pair on ``path`` for ``protocol`` (a `ProtocolId`: ESP or AH), and with
    ``compress`` also a CPI; `Engine.answered` expects `Spis` or `Failed`. An SPI that no `InstallInbound` follows
    becomes free by itself: nothing releases it.
    """

    request: int
    path: UdpPath
    protocol: int
    compress: bool


class InstallInbound(NamedTuple):
    """Install ``child.inbound``; `Engine.answered` expects `Done` or `Failed`. A repetition with the same ``request``
    concerns the same pair.
    """

    request: int
    child: ChildSa


class InstallOutbound(NamedTuple):
    """Install ``child.outbound`` for the traffic that its selectors match, in place of the pair that it replaces;
    `Engine.answered` expects `Done` or `Failed`.
    """

    request: int
    child: ChildSa


class AskTraffic(NamedTuple):
    """Tell how long ago the newest packets of ``children``, pairs with one peer, were received and sent;
    `Engine.answered` expects `Traffic` or `Failed`. The first ``each`` of them must be looked at; the others only until
    there is one that received a packet less than ``within`` seconds ago.
    """

    request: int
    children: tuple[ChildSa, ...]
    within: float
    each: int


class Move(NamedTuple):
    """Update an installed pair to ``child.path``: the peer's address or port changed, and in transport mode also the
    selectors of ``child``.
    """

    child: ChildSa


class Remove(NamedTuple):
    """Remove both SAs of ``child``."""

    child: ChildSa


class Keep(NamedTuple):
    """Store this SA, replacing its stored record."""

    sa: IkeSa


class Forget(NamedTuple):
    """Delete the SA from the store; its pairs of IPsec SAs were removed, or moved to its successor."""

    sa: IkeSa


class CheckCertificate(NamedTuple):
    """Check the peer's certificates; `Engine.answered` expects `Trusted` or `Untrusted`.

    If there is no path to a CA of ``connection``, the ``others`` are tried in turn.
    """

    request: int
    certificates: tuple[Certificate, ...]
    identity: Identification
    connection: Connection
    answers_call: bool = False  # this gateway initiated, and the peer is at the remote address of the connection
    others: tuple[Connection, ...] = ()


class CheckUser(NamedTuple):
    """Check the answers of a client's user in XAUTH; `Engine.answered` expects `UserChecked` or `Failed`.

    The user gets the first of ``connection`` and its ``alternatives`` that permits the user.
    """

    request: int
    sa: IkeSa
    connection: Connection
    attempt: XauthAttempt
    alternatives: tuple[Connection, ...] = ()


class AskUser(NamedTuple):
    """Ask our user for the values that a gateway wants in XAUTH; `Engine.answered` expects `UserInput` or `Failed`."""

    request: int
    sa: IkeSa
    connection: Connection
    questions: XauthQuestions


class AssignAddresses(NamedTuple):
    """Assign virtual addresses to the client of ``sa``, and collect the configuration that comes with them;
    `Engine.answered` expects `AddressesAssigned` or `Failed`.

    ``versions`` are the IP versions, 4 and 6, for which an address is requested; ``suggested`` are addresses that the
    client would like to have. ``held`` are those that the client has already, and keeps.
    """

    request: int
    sa: IkeSa
    connection: Connection
    versions: tuple[int, ...]
    suggested: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


class ReleaseAddresses(NamedTuple):
    """The last ISAKMP SA whose client had these virtual addresses has ended, and so have its pairs of IPsec SAs."""

    addresses: tuple[str, ...]


class Report(NamedTuple):
    """Report an event to the observers."""

    event: Event


PlaneQuestion = AllocateSpi | InstallInbound | InstallOutbound | AskTraffic
"""The questions that the data plane answers."""

PLANE_QUESTIONS: frozenset[type] = frozenset(get_args(PlaneQuestion))
"""``type(action) in PLANE_QUESTIONS`` is quicker than `isinstance` with a union of types."""

UserQuestion = CheckUser | AskUser
"""The questions about users."""

Question = PlaneQuestion | CheckCertificate | ComputeSharedSecret | UserQuestion | AssignAddresses
"""Actions that require exactly one answer with the same ``request`` (`ikev1.core.records.answers`)."""

Action = Question | Send | Move | Remove | Keep | Forget | ReleaseAddresses | Report
