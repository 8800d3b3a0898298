"""A NAT box on the way of the datagrams of a `playbook.Network`."""

from __future__ import annotations

from playbook import Datagram, Network, Peer


class NatBox:
    """Hides ``peer`` behind the address ``outside``.

    Ports that it hands out begin at ``first_port``, so that several peers can share one address; with ``forwards`` the
    ports 500 and 4500 are passed on both ways as they are, as an operator sets it up for a gateway that is called.
    """

    def __init__(
        self, network: Network, peer: Peer, outside: str, *, forwards: bool = False, first_port: int = 40_001
    ) -> None:
        self.inside = peer.address
        self.outside = outside
        self._ports: dict[int, int] = {500: 500, 4500: 4500} if forwards else {}
        self._next = first_port
        self._beyond = network.link
        network.link = self.pass_on

    def rebind(self) -> None:
        """Forgets every port that was handed out, as after a power cut."""
        self._ports.clear()

    def moves_to(self, outside: str, port: int) -> None:
        """Gets another address from its provider, and hands out ports from ``port`` on; 4500 inside gets the first."""
        self.outside, self._ports, self._next = outside, {4500: port}, port + 1

    def port_of(self, inside: int) -> int:
        """The port that stands for ``inside`` on the other side."""
        return self._ports[inside]

    def inside_of(self, port: int) -> int:
        """The port inside that ``port`` stands for, 0 if it stands for none."""
        return next((inside for inside, handed_out in self._ports.items() if handed_out == port), 0)

    def pass_on(self, datagram: Datagram) -> list[Datagram]:
        """The datagram as it looks on the other side."""
        if datagram.source[0] == self.inside:
            port = datagram.source[1]
            if port not in self._ports:
                self._ports[port], self._next = self._next, self._next + 1
            datagram = datagram._replace(source=(self.outside, self._ports[port]))
        elif datagram.destination[0] == self.outside:
            ports = {handed_out: port for port, handed_out in self._ports.items()}
            if datagram.destination[1] not in ports:
                return self._beyond(datagram)
            datagram = datagram._replace(destination=(self.inside, ports[datagram.destination[1]]))
        return self._beyond(datagram)
