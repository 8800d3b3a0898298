"""`Ike`: one IKEv1 endpoint, both roles, without sockets, threads or a clock (sans-IO)."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from itertools import islice
from typing import NamedTuple, TypeAlias

import msgspec

from ikev1.core.engine import Engine, UnknownName, without_data_plane
from ikev1.core.records.actions import Action, CheckCertificate, Report, Send
from ikev1.core.records.certificate_check import CertificateVerdict
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import MessageSeen
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Connection, Settings
from ikev1.library.events import Event, public
from ikev1.library.translate_errors import Misuse, of_caller
from ikev1.wire.fragmentation import are_of_one_message
from ikev1.wire.header import NON_ESP_MARKER

Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""A host and a UDP port, as `socket` has them; of those of IPv6 the last two numbers are ignored."""


class _Pair(NamedTuple):
    octets: bytes
    remote: tuple[str, int]


class Datagram(_Pair):
    """A datagram to send: a pair, as ``sock.sendto(*datagram)`` takes it, of the octets and the peer's address.

    Attributes:
        octets: the UDP payload, the non-ESP marker included where there is one (RFC 3948 §2.2).
        remote: where to send it.
        local: from where to send it. The port changes from 500 to 4500 once a NAT was found (RFC 3947 §4), so an
            endpoint that may be behind one has a socket on each.
        label: its place in the exchange, such as ``MM1``; empty for a repetition, and where `Ike` was made without
            ``messages``.
    """

    local: tuple[str, int]
    label: str

    def __new__(cls, octets: bytes, remote: tuple[str, int], local: tuple[str, int], label: str = "") -> Datagram:
        self = super().__new__(cls, octets, remote)
        self.local = local
        self.label = label
        return self


class Ike:
    """One IKEv1 endpoint: an initiator, a responder or both (RFC 2407, 2408, 2409).

    It does no input or output. The caller

    - says what happened: `receive_datagram`, `handle_timer`, `connect`, `close`, `rekey`, `certificate_checked`;
    - fetches what follows: `datagrams_to_send`, then `next_event`, then `get_timer`.

    Times are seconds since the epoch and never go back. Pairs of IPsec SAs are reported with their keys
    (`ikev1.events.ChildUp`) and count as installed; SPIs are random.
    """

    def __init__(
        self,
        *connections: Connection,
        random: Callable[[int], bytes] = os.urandom,
        messages: bool = True,
        encapsulation_port: int = 4500,
        half_open_limit: int = 1000,
        retransmit_tries: int = 5,
        retransmit_timeout: float = 4.0,
    ) -> None:
        """Make an endpoint.

        Args:
            connections: the peers that it calls and answers, made by `psk` or `certificate`, with different names.
            random: ``random(n)`` gives n octets; in production nothing but `os.urandom`.
            messages: whether to report `ikev1.events.MessageSeen`, and to label datagrams.
            encapsulation_port: the port of messages and ESP through a NAT (RFC 3947 §4); both ends must have the same.
            half_open_limit: how many peers that call may be in the middle of phase 1 at once.
            retransmit_tries: how many times a message is sent again before its exchange is given up.
            retransmit_timeout: seconds until the first repetition; each wait after it is 1.8 times as long.

        Raises:
            LocalError: an argument is not possible; the text says which, and what is.
        """
        for connection in connections:
            if not isinstance(connection, Connection):
                raise Misuse(
                    f"Ike: a {type(connection).__name__} is no connection: make one by ikev1.psk or ikev1.certificate"
                )
        if len({connection.name for connection in connections}) < len(connections):
            raise Misuse("Ike: two connections have the same name: give each a name of its own")
        settings = Settings(
            connections,
            encapsulation_port=encapsulation_port,
            half_open_limit=half_open_limit,
            retransmit_tries=retransmit_tries,
            retransmit_timeout=retransmit_timeout,
        )
        self._random = random
        self._messages = messages
        self._datagrams: deque[Datagram] = deque()
        self._events: deque[Event] = deque()
        self._set_engine(Engine(settings, random))

    @classmethod
    def from_state(
        cls,
        state: bytes,
        *connections: Connection,
        random: Callable[[int], bytes] = os.urandom,
        messages: bool = True,
        encapsulation_port: int = 4500,
        half_open_limit: int = 1000,
        retransmit_tries: int = 5,
        retransmit_timeout: float = 4.0,
    ) -> Ike:
        """Make an endpoint that continues where another one stopped, in the same or another process.

        Args:
            state: what `state` of the other one returned.
            connections: as for the constructor, like the arguments below.
            random: as for the constructor.
            messages: as for the constructor.
            encapsulation_port: as for the constructor.
            half_open_limit: as for the constructor.
            retransmit_tries: as for the constructor.
            retransmit_timeout: as for the constructor.

        Raises:
            LocalError: ``state`` was not made by `state`, or another argument is not possible.
        """
        ike = cls(
            *connections,
            random=random,
            messages=messages,
            encapsulation_port=encapsulation_port,
            half_open_limit=half_open_limit,
            retransmit_tries=retransmit_tries,
            retransmit_timeout=retransmit_timeout,
        )
        try:
            ike._set_engine(Engine.load(ike._engine.settings, random, state))
        except msgspec.MsgspecError as error:
            raise Misuse(f"from_state: this is no state of an Ike of this version: {error}") from error
        ike._events += [question for question in ike._engine.questions() if isinstance(question, CheckCertificate)]
        return ike

    def _set_engine(self, engine: Engine) -> None:
        self._engine = engine
        engine.trace = lambda sa, label, sent: self._messages

    # --- what happened

    def receive_datagram(self, octets: bytes, local: Address, remote: Address, now: float) -> None:
        """Process a datagram. Whatever the peer sent, nothing is raised: what is wrong with it becomes an event.

        Args:
            octets: the UDP payload. On ``encapsulation_port``, a payload without a non-ESP marker (ESP or a NAT
                keepalive) is ignored: such packets are for the caller's data plane (RFC 3948 §2).
            local: the address and port that it was sent to, never a wildcard such as 0.0.0.0.
            remote: the address and port that it was sent from.
            now: seconds since the epoch.

        Raises:
            LocalError: an address is not one.
        """
        path = UdpPath(*_single("local", local), *_end("remote", remote))
        if not path.remote_port:
            return  # nobody can be answered there
        octets = bytes(octets)
        if path.local_port == self._engine.settings.encapsulation_port:
            if not octets.startswith(NON_ESP_MARKER):
                return
            octets = octets.removeprefix(NON_ESP_MARKER)
        self._perform(self._engine.receive(octets, path, now), now)

    def handle_timer(self, now: float) -> None:
        """Do what is due by ``now``: repetitions, rekeying, expiry. Call it at the time that `get_timer` gives; an
        earlier call does nothing.

        Args:
            now: seconds since the epoch.
        """
        self._perform(self._engine.expire(now), now)

    def connect(self, connection: str, tunnel: str | None, local: Address, remote: Address, now: float) -> None:
        """Bring up a tunnel: under the ISAKMP SA with the peer if there is one, else by a new phase 1.

        `ikev1.events.ChildUp` or `ikev1.events.Failure` reports the outcome.

        Args:
            connection: the name of the connection.
            tunnel: the name of one of its tunnels; None for the ISAKMP SA alone.
            local: our address and port: a single address, since NAT detection hashes it (RFC 3947 §3.2).
            remote: the peer's address and port, usually 500.
            now: seconds since the epoch.

        Raises:
            LocalError: there is no such connection or tunnel, or an address is not one.
        """
        path = UdpPath(*_single("local", local), *_single("remote", remote))
        try:
            with of_caller("connect"):
                actions = self._engine.initiate(connection, tunnel, path, now)
        except UnknownName as error:
            known = ", ".join(
                f"{each.name} ({', '.join(tunnel.name for tunnel in each.tunnels)})" for each in self.connections
            )
            raise UnknownName(f"connect: {error}; connections and their tunnels: {known or 'none'}") from error
        self._perform(actions, now)

    def close(self, sa: IkeSa | ChildSa, now: float) -> None:
        """Delete an ISAKMP SA with its pairs, or one pair of IPsec SAs, and tell the peer (RFC 2408 §3.15).

        Args:
            sa: from an event or `sas`; any version of it names the same SA.
            now: seconds since the epoch.

        Raises:
            LocalError: the SA is gone already.
        """
        self._command("close", self._engine.close_ike if isinstance(sa, IkeSa) else self._engine.close_child, sa, now)

    def rekey(self, sa: IkeSa | ChildSa, now: float) -> None:
        """Negotiate the successor of an ISAKMP SA or of a pair of IPsec SAs now. An SA that is being replaced already
        is left alone.

        Args:
            sa: from an event or `sas`; any version of it names the same SA.
            now: seconds since the epoch.

        Raises:
            LocalError: the SA is gone already.
        """
        self._command("rekey", self._engine.rekey_ike if isinstance(sa, IkeSa) else self._engine.rekey_child, sa, now)

    def _command(
        self, name: str, command: Callable[[int, float], list[Action]], sa: IkeSa | ChildSa, now: float
    ) -> None:
        with of_caller(name):
            actions = command(sa.unique_id, now)
        self._perform(actions, now)

    def certificate_checked(self, request: int, verdict: CertificateVerdict, now: float) -> None:
        """Answer `ikev1.events.CheckCertificate`; the exchange that waits for the answer continues. An answer for which
        no exchange waits any more is ignored.

        Args:
            request: the number of the question.
            verdict: `ikev1.events.Trusted` with the peer's public key, or `ikev1.events.Untrusted`;
                `ikev1.check_certificate` makes one.
            now: seconds since the epoch.
        """
        self._perform(self._engine.answered(request, verdict, now), now)

    # --- what follows

    def datagrams_to_send(self) -> list[Datagram]:
        """The datagrams to send now, in order, each once."""
        datagrams = list(self._datagrams)
        self._datagrams.clear()
        return datagrams

    def next_event(self) -> Event | None:
        """The next event, None if there is none now."""
        return self._events.popleft() if self._events else None

    def get_timer(self) -> float:
        """The time at which to call `handle_timer`, in seconds since the epoch; infinity if nothing is due at any time.
        Every other call may change it.
        """
        return self._engine.deadline()

    @property
    def sas(self) -> tuple[IkeSa, ...]:
        """The ISAKMP SAs, established or not, with their pairs of IPsec SAs in ``children``."""
        return tuple(self._engine.sas.values())

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections that the endpoint was made with."""
        return self._engine.settings.connections

    def state(self) -> bytes:
        """All SAs and whatever is under way, for `from_state`. It holds every key: keep it as secret as those. Open
        questions about certificates are part of it; `from_state` reports them again under the same numbers.

        Raises:
            LocalError: datagrams or events were not fetched yet: they would be lost.
        """
        if self._datagrams or self._events:
            raise Misuse("state: fetch datagrams_to_send and next_event first: what they hold is no part of it")
        return self._engine.dump()

    def _perform(self, actions: list[Action], now: float) -> None:
        """Do what the engine asks of the world: send and report; there is neither a data plane nor a store here."""
        done = list(without_data_plane(self._engine, actions, self._random, now))
        for number, action in enumerate(done):
            match action:
                case Send(path, octets):
                    self._send(path, octets, _label(octets, islice(done, number + 1, None)))
                case Report(event):
                    self._events.append(public(event))
                case CheckCertificate():
                    self._events.append(action)

    def _send(self, path: UdpPath, octets: bytes, label: str) -> None:
        marker = NON_ESP_MARKER if path.local_port == self._engine.settings.encapsulation_port else b""
        remote, local = (path.remote_host, path.remote_port), (path.local_host, path.local_port)
        self._datagrams.append(Datagram(marker + octets, remote, local, label))


def _label(octets: bytes, following: Iterable[Action]) -> str:
    """The label of a message that was sent, from the report that follows its last datagram, if one does."""
    others = (each for each in following if not (isinstance(each, Send) and are_of_one_message(octets, each.datagram)))
    report = next(others, None)
    if isinstance(report, Report) and isinstance(report.event, MessageSeen) and report.event.sent:
        return report.event.label
    return ""


def _end(what: str, address: Address) -> tuple[str, int]:
    """Host and port. Raises LocalError: ``address`` is not one."""
    try:
        host, port = address[0], address[1]
        ip_address(host)
    except (ValueError, TypeError, IndexError):
        raise Misuse(f"{what}={address!r}: expected a pair such as ('192.0.2.1', 500)") from None
    if not isinstance(port, int) or not 0 <= port < 1 << 16:
        raise Misuse(f"{what}={address!r}: expected a port from 1 to 65535")
    return host, port


def _single(what: str, address: Address) -> tuple[str, int]:
    """Host and port of somebody who can be answered. Raises LocalError: ``address`` is not one, or a wildcard."""
    host, port = _end(what, address)
    if ip_address(host).is_unspecified:
        raise Misuse(f"{what}={address!r}: a wildcard is no address of a packet: bind the socket to a single one")
    if not port:
        raise Misuse(f"{what}={address!r}: expected a port from 1 to 65535")
    return host, port
