"""`ikev1.Ike` on UDP sockets in asyncio: `connect` brings up a tunnel, `listen` answers peers.

For tests and tools: one process, one `ikev1.Ike`, and no data plane. ESP that arrives is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from ikev1.clock import SteadyClock
from ikev1.core.records.events import ChildUp, Failure, IkeDown
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.settings import Connection
from ikev1.errors import LocalError
from ikev1.library.events import Event
from ikev1.library.ike import Address, Ike

__all__ = ["Endpoint", "NotEstablished", "connect", "listen"]


class NotEstablished(LocalError):
    """A tunnel did not come up.

    Attributes:
        failure: the event that says why; None if the SA ended without one.
        code: the code of the failure (`ikev1.events.Code`); ``"not-established"`` if there is none.
    """

    code = "not-established"

    def __init__(self, text: str, failure: Failure | None = None) -> None:
        super().__init__(text)
        self.failure = failure
        if failure is not None:
            self.code = str(failure.code)


class Endpoint:
    """One `ikev1.Ike` with its sockets and its timer, in the running event loop.

    ``async for event in endpoint`` gives its events, and waits for more.

    Attributes:
        ike: the endpoint itself. Call its methods through `does`, which sends what follows.
        events: the events that were not fetched yet.
    """

    def __init__(self, ike: Ike, clock: Callable[[], float] | None = None) -> None:
        """An endpoint without sockets; `bind` adds one.

        Args:
            ike: the endpoint without sockets.
            clock: gives the time, in seconds, and passes evenly; by default from the time of the call, by a clock that
                nobody sets.
        """
        self.ike = ike
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self._clock = clock or SteadyClock()
        self._sockets: dict[tuple[str, int], tuple[asyncio.DatagramTransport, _Receiver]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def bind(self, local: Address) -> tuple[str, int]:
        """Receive on an address and a port, and return them. For peers behind a NAT, bind the encapsulation port, too
        (RFC 3947 §4).

        Args:
            local: address and port; port 0 is any free one.

        Raises:
            OSError: the address or the port is not available.
        """
        loop = asyncio.get_running_loop()
        transport, receiver = await loop.create_datagram_endpoint(lambda: _Receiver(self), local_addr=local[:2])
        host, port = transport.get_extra_info("sockname")[:2]
        receiver.local = (host, port)
        self._sockets[host, port] = transport, receiver
        return host, port

    @property
    def local(self) -> tuple[str, int]:
        """The address and port that were bound first.

        Raises:
            LocalError: none was bound.
        """
        if not self._sockets:
            raise LocalError("the endpoint has no socket: await bind first")
        return next(iter(self._sockets))

    async def close(self) -> None:
        """Close the sockets. No Delete is sent: `ikev1.Ike.close`, through `does`, sends one."""
        if self._timer is not None:
            self._timer.cancel()
        for transport, receiver in self._sockets.values():
            transport.close()
            await receiver.closed.wait()
        self._sockets.clear()

    def does(self, work: Callable[[Ike, float], None]) -> None:
        """Call a method of the `ikev1.Ike`, send what follows, and collect its events.

        Args:
            work: ``work(ike, now)`` makes the call.

        Raises:
            LocalError: raised by the method.
        """
        work(self.ike, self._clock())
        for datagram in self.ike.datagrams_to_send():
            if datagram.local in self._sockets:
                self._sockets[datagram.local][0].sendto(*datagram)
        while (event := self.ike.next_event()) is not None:
            self.events.put_nowait(event)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self.ike.get_timer()
        loop = asyncio.get_running_loop()
        wait = max(0.0, due - self._clock())
        self._timer = None if due == float("inf") else loop.call_later(wait, self.does, Ike.handle_timer)

    async def connect(self, connection: str, tunnel: str, local: Address, remote: Address) -> ChildUp:
        """Bring up a tunnel, and wait until it is up. Other events that come meanwhile stay in ``events``.

        Args:
            connection: the name of the connection.
            tunnel: the name of one of its tunnels.
            local: our address and port, one that was bound.
            remote: the peer's address and port, usually 500.

        Raises:
            NotEstablished: the tunnel did not come up.
            LocalError: raised by `ikev1.Ike.connect`.
        """
        self.does(lambda ike, now: ike.connect(connection, tunnel, local, remote, now))
        usable = [sa for sa in self.ike.sas if sa.connection == connection and (sa.is_call_of_ours or sa.is_current)]
        others: list[Event] = []
        try:
            return await self._outcome(connection, tunnel, [sa.unique_id for sa in usable[-1:]], others)
        finally:
            while not self.events.empty():
                others.append(self.events.get_nowait())
            for event in others:
                self.events.put_nowait(event)

    async def _outcome(self, connection: str, tunnel: str, under: list[int], others: list[Event]) -> ChildUp:
        """The `ChildUp` of ``tunnel``; ``under`` is the number of the ISAKMP SA that it is negotiated under."""
        why: Failure | None = None
        while True:
            event = await self.events.get()
            match event:
                case ChildUp(sa, child) if (sa.connection, child.name) == (connection, tunnel):
                    return event
                case Failure(sa=IkeSa() as sa) if sa.unique_id in under and event.tunnel in ("", tunnel):
                    why = event
                    if event.tunnel:
                        raise NotEstablished(event.text, event)
                case IkeDown(sa, reason) if sa.unique_id in under:
                    raise NotEstablished(why.text if why is not None else reason, why)
            others.append(event)

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        return await self.events.get()


class _Receiver(asyncio.DatagramProtocol):
    """What comes to one of the sockets."""

    local: tuple[str, int]

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.closed = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._endpoint.does(lambda ike, now: ike.receive_datagram(data, self.local, addr, now))


@asynccontextmanager
async def listen(
    *connections: Connection, local: Address, encapsulation_port: int | None = 4500
) -> AsyncIterator[Endpoint]:
    """An `Endpoint` that answers on ``local`` until the block ends; then its SAs are deleted (RFC 2408 §3.15).

    Args:
        connections: made by `ikev1.psk` or `ikev1.certificate`.
        local: address and port; port 0 is any free one.
        encapsulation_port: the second port, for peers behind a NAT (RFC 3947 §4); None: no second port, and peers
            behind a NAT cannot connect.

    Raises:
        OSError: an address or a port is not available.
        LocalError: raised by `ikev1.Ike`.
    """
    endpoint = Endpoint(Ike(*connections, encapsulation_port=encapsulation_port or 4500))
    try:
        await endpoint.bind(local)
        if encapsulation_port is not None:
            await endpoint.bind((local[0], encapsulation_port))
        yield endpoint
    finally:
        endpoint.does(_close_all)
        await endpoint.close()


def _close_all(ike: Ike, now: float) -> None:
    for sa in ike.sas:
        with suppress(LocalError):  # one that ended with another
            ike.close(sa, now)


@asynccontextmanager
async def connect(
    connection: Connection,
    tunnel: str,
    *,
    local: Address,
    remote: Address,
    encapsulation_port: int | None = 4500,
) -> AsyncIterator[ChildUp]:
    """A tunnel that is up inside the block: `ikev1.events.ChildUp`, with the SA, its suite and its keys.

    Args:
        connection: made by `ikev1.psk` or `ikev1.certificate`.
        tunnel: the name of one of its tunnels.
        local: our address and port; port 0 is any free one.
        remote: the peer's address and port, usually 500.
        encapsulation_port: as for `listen`.

    Raises:
        NotEstablished: the tunnel did not come up; after some 150 seconds if the peer is silent, unless
            `asyncio.timeout` ends it earlier.
        OSError: an address or a port is not available.
        LocalError: raised by `ikev1.Ike.connect`.
    """
    async with listen(connection, local=local, encapsulation_port=encapsulation_port) as endpoint:
        yield await endpoint.connect(connection.name, tunnel, endpoint.local, remote)
